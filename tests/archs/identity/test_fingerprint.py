"""Fingerprints: the same wherever and by whichever Python the same code is read; and blind to wording."""

from __future__ import annotations

import ast
import codecs
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archs.base import Arch
from archs.foreign.plugins import load_plugin
from archs.identity.canonical import normal_form
from archs.identity.fingerprint import fingerprint
from tests.conftest import ROOT

# Needs no torch and no file of ours, so that its fingerprint is that of this text alone. It holds what versions of
# Python spell otherwise in `ast.unparse` or `ast.dump`: quotes in f-strings, type parameters, a character of Unicode
# 16, u"…".
MADE_UP = '''"""Made up."""
from dataclasses import dataclass
WIDTHS = {"small": [16, 0x20], 'large': (1e3, 2.5e-3, 1j, ...)}
LONG = 0x%s
LETTER, OLD, RAW = "\u1c89é\\ud800", u"old", rb"\\n"

@dataclass
class Layer:
    """Of a made-up network."""
    width: int = WIDTHS["small"][-1]
    """Channels."""

    async def first(self):
        return [x async for x in self]

    def name(self, *parts, sep="-", **rest):
        return f"{self.width!r:>{len(parts) + 4}}" f'{sep}{"its" if rest else 1}' "{}" f"{{{rest=}}}"

def check(layer, limit=None):
    if layer.width > (limit or 64):
        raise ValueError(f"width {layer.width}: larger than {limit}; use at most 64")
    assert layer.width, "no width"
    match layer:
        case Layer(width=16 | 32 as width):
            return width
        case {"width": None, **rest} if rest:
            return lambda x, /, y=1, *, z: [x for x in y if (z := x)]
        case _:
            pass

def encoder(in_channels):
    check(Layer())
    with (open("x") as a, open("y") as b):
        return [*a, *b]
''' % ("f" * 5_000)


def print_of(folder: Path, source: str | bytes) -> str:
    """The fingerprint of an architecture whose encoder is that of a file with this source."""
    path = folder / "made_up.py"
    path.write_bytes(source.encode("utf-8") if isinstance(source, str) else source)
    return fingerprint(Arch("made-up", "", "", encoder=load_plugin(path).encoder))


def test_the_fingerprint_of_a_source_is_the_same_on_every_version_of_python(tmp_path: Path) -> None:
    assert print_of(tmp_path, MADE_UP) == "7f16388c1027b828"


def test_every_python_here_has_one_normal_form_of_our_code() -> None:
    found = {}
    code = (
        "import ast, hashlib, pathlib; from archs.identity.canonical import normal_form\n"
        "texts = [normal_form(ast.parse(path.read_bytes())) for path in sorted(pathlib.Path('archs').glob('*.py'))]\n"
        "print(len(texts), hashlib.sha256(repr(texts).encode()).hexdigest())"
    )
    for python in (sys.executable, *(shutil.which(f"python3.{minor}") for minor in range(11, 15))):
        if python:
            done = subprocess.run([python, "-c", code], cwd=ROOT, capture_output=True, text=True)
            found[python] = done.stdout if done.returncode == 0 or python == sys.executable else None  # a shim of none
    texts = [normal_form(ast.parse(path.read_bytes())) for path in sorted((ROOT / "archs").glob("*.py"))]
    here = f"{len(texts)} {hashlib.sha256(repr(texts).encode()).hexdigest()}\n"
    assert {said for said in found.values() if said is not None} == {here}


SAME = {
    "its error is worded otherwise": ("larger than {limit}; use at most 64", "{limit} is less, take 64"),
    "its assertion is worded otherwise": ('"no width"', '"it has no width"'),
    "a docstring is reworded": ("Of a made-up network.", "Of no network."),
    "a docstring is taken out": ('    """Of a made-up network."""\n', ""),
    "a field's description is taken out": ('    """Channels."""\n', ""),
    "a comment": ("    check(Layer())", "    check( Layer() )  # made up"),
    "other quotes": ("""WIDTHS["small"]""", """WIDTHS['small']"""),
    "another spelling of a number": ("0x20", "32"),
    "the pieces of an f-string put together": ("\"{}\" f\"{{", "f\"{{}}{{"),
    "an f-string of no values": ('open("x")', 'open(f"x")'),
}  # fmt: skip
OTHER = {
    "the condition of an error": ("(limit or 64)", "(limit or 65)"),
    "the class of an error": ("raise ValueError(", "raise TypeError("),
    "a value within an error": ("{layer.width}: larger", "{layer}: larger"),
    "the condition of an assertion": ("assert layer.width,", "assert layer,"),
    "the text of an f-string": ('"{}"', '"{} "'),
    "the format of a value": ("!r:>", "!r:<"),
    "a string": ('open("x")', 'open("z")'),
    "a number's type": ("[16, 0x20]", "[16.0, 0x20]"),
    "a number that is true": ("y=1", "y=True"),
    "the type of a string": ('"old"', 'b"old"'),
    "a default": ("limit=None", "limit=0"),
    "an unpacking": ("[*a, *b]", "[a, *b]"),
}


@pytest.mark.parametrize("what", [*SAME, *OTHER])
def test_the_fingerprint_follows_the_code_and_no_wording(tmp_path: Path, what: str) -> None:
    same, edit = what in SAME, (SAME | OTHER)[what]
    source = MADE_UP.replace('u"old"', '"old"') if edit[0] == '"old"' else MADE_UP
    assert edit[0] in source
    assert (print_of(tmp_path, source.replace(*edit)) == print_of(tmp_path, source)) == same


def test_the_text_of_an_f_string_may_come_in_pieces() -> None:
    whole = ast.parse('f"ab{x:cd}"')
    f_string = whole.body[0].value  # type: ignore[attr-defined]
    (ab, value) = f_string.values
    (cd,) = value.format_spec.values
    value.format_spec.values = [ast.Constant("c"), ast.Constant(""), ast.Constant("d")]
    f_string.values = [ast.JoinedStr([ast.Constant("a")]), ast.Constant("b"), value, ast.Constant("")]
    assert (ab.value, cd.value) == ("ab", "cd")
    assert normal_form(whole) == normal_form(ast.parse('f"ab{x:cd}"'))


def test_the_bytes_of_a_file_are_read_as_python_reads_them(tmp_path: Path) -> None:
    source = MADE_UP.replace("\u1c89", "").replace("OLD", "ÖLD")
    known = print_of(tmp_path, source)
    assert print_of(tmp_path, source.replace("\n", "\r\n")) == known
    assert print_of(tmp_path, codecs.BOM_UTF8 + source.encode("utf-8")) == known
    assert print_of(tmp_path, b"# coding: latin-1\n" + source.encode("latin-1")) == known


@pytest.mark.slow
def test_the_fingerprint_does_not_depend_on_the_hash_of_strings(tmp_path: Path) -> None:
    (tmp_path / "made_up.py").write_text(MADE_UP, encoding="utf-8")
    code = (
        "from pathlib import Path; from archs.base import Arch; from archs.foreign.plugins import load_plugin\n"
        "from archs.identity.fingerprint import fingerprint\n"
        f"made_up = load_plugin(Path({str(tmp_path / 'made_up.py')!r}))\n"
        "print(fingerprint(Arch('made-up', '', '', encoder=made_up.encoder)))"
    )
    other = dict(os.environ, PYTHONHASHSEED="2")  # this process has a hash of its own, drawn when it started
    found = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=other, text=True)
    assert found == print_of(tmp_path, MADE_UP) + "\n"
