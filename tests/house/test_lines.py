"""No terminal obeys what others' code, a record or a path says; the exit statuses are as the table has them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from archs.base import Arch
from archs.errors import UserError
from bench.job.display import Display
from bench.job.listing import entry
from bench.job.rounds import first_line
from bench.launchers.events import Event, EventKind
from bench.spec.command import status_of
from bench.spec.output.lines import printable, say_warning, terminal_line
from reports.markup.escape import one_line as on_the_page
from reports.reading import answer_file
from reports.rendering.write import as_csv
from tests.conftest import ROOT
from tests.store.one_run import SPEC

HOSTILE = "a\x1b[31mred\x9b31m \x07\u202eback\x7f\x00\u2066"
SHOWN = "a?[31mred?31m ??back???"


def test_a_line_is_one_line_in_which_nothing_is_obeyed() -> None:
    assert terminal_line(f" {HOSTILE}\n\tand\r\nmore\x85\u2028on ") == f"{SHOWN} and more on"
    assert printable(f"{HOSTILE}\n  more\r") == f"{SHOWN}\n  more "
    plain = "8 ± 1 nats, größer: −3 ×\N{NO-BREAK SPACE}2 …  “x”"
    assert terminal_line(plain) == printable(plain) == plain


def test_every_way_to_the_terminal_is_such_a_line(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    def fail(arguments: list[str]) -> int:
        raise UserError(f"path {HOSTILE}\nis odd")

    assert status_of(fail) == 2
    say_warning(f"{HOSTILE}\nis odd")
    with Display([SPEC], 0, 1) as display:
        display.show(Event(EventKind.FAILED, SPEC, error=f"ValueError: {HOSTILE}"))
    said = capsys.readouterr().err
    assert said.startswith(f"error: path {SHOWN} is odd\nWARNING: {SHOWN} is odd\n")
    assert f"failed in 0:00: ValueError: {SHOWN}\n" in said
    arch = Arch(name="odd", summary=HOSTILE, source=HOSTILE, encoder=lambda channels: None)  # type: ignore[arg-type,return-value]
    for text in (said, entry(arch, "odd", [], {}), first_line(HOSTILE), on_the_page(HOSTILE)):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066]", text), text


def test_a_table_holds_no_formula_and_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    texts = ["=1+1", "-2+3", "+x", "@x", HOSTILE, "-3.5e-1", "cnn2", None]
    frame = pd.DataFrame(
        {"text": texts, "number": [-1.5] * 7 + [None], "mixed": [1, "=x", 2.5, True, None, "a", -1, 3]}
    )
    as_csv(frame, tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()
    assert [line.rsplit(",", 2)[0] for line in lines[1:]] == [
        "'=1+1", "'-2+3", "'+x", "'@x", SHOWN, "-3.5e-1", "cnn2", "",
    ]  # fmt: skip
    assert [line.rsplit(",", 1)[1] for line in lines[1:]] == ["1", "'=x", "2.5", "True", "", "a", "-1", "3"]
    harmless = frame[["number"]].assign(text="cnn2")
    as_csv(harmless, tmp_path / "same.csv")
    assert (tmp_path / "same.csv").read_text(encoding="utf-8") == harmless.to_csv(index=False)


def test_an_answer_holds_what_a_terminal_would_obey_as_escapes() -> None:
    whole = answer_file.read(ROOT / "reports" / "published" / "mnist-race-44k")
    assert whole is not None
    text = answer_file.text_of(msgspec.structs.replace(whole, question=HOSTILE))
    assert printable(text) == text and json.loads(text)["question"] == HOSTILE


def test_each_exit_status_names_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
    table = page.split("## Exit statuses\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| (\d+) \|.*\| (.+) \|$", table, re.MULTILINE))
    assert list(rows) == ["0", "1", "2", "70", "130", "143"]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for names in rows.values():
        for name in names.split(", "):
            assert f"def {name}(" in tests, name
