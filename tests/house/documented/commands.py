"""Finds every command that a document shows, and tells its words apart."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

PROGRAMS = {"apt", "bash", "cd", "conv-ablation", "git", "mlflow", "pip", "pytest", "python", "ray", "tensorboard",
            "uv", ".ci/run"}  # fmt: skip
"""What a line or a phrase in code begins with if it is a command."""

MEANT = {"LR": "0.002", "S": "5", "DIR/report": "report", "python3": "python"}
"""A word that stands for another → one that may stand there."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")


@dataclass(frozen=True)
class Command:
    """A command as a shell would split it."""

    document: str
    words: tuple[str, ...]
    variables: tuple[str, ...] = ()
    """The names of those set in front of it."""

    in_prose: bool = False
    """Whether it is a phrase in a sentence, which may be only the beginning of a command."""

    def __str__(self) -> str:
        return f"{self.document}: {' '.join(self.words)}"[:100]


def commands() -> list[Command]:
    """Every command of every document, each once, in order."""
    found = (one for document in DOCUMENTS for one in _of_text(document.name, document.read_text(encoding="utf-8")))
    return list(dict.fromkeys(found))


def _of_text(name: str, text: str) -> Iterator[Command]:
    for language, block in FENCE.findall(text):
        if language in ("console", "sh", "bash"):
            lines = block.splitlines()
            typed = [line[2:] for line in lines if line.startswith("$ ")]  # the others are what came out
            for line in typed or lines:
                yield from _of_line(name, line)
    prose = FENCE.sub("", text)
    for line in re.findall(r"^    +(\S.*)$", prose, re.MULTILINE):
        yield from _of_line(name, line)
    for phrase in re.findall(r"`([^`]+)`", re.sub(r"^    .*$", "", prose, flags=re.MULTILINE)):
        yield from _of_line(name, " ".join(phrase.split()), in_prose=True)


def _of_line(name: str, line: str, in_prose: bool = False) -> Iterator[Command]:
    """The commands of a line; none if it does not begin as one."""
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words = list(lexer)
    except ValueError:  # an apostrophe of a sentence
        return
    parts: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("&|;<>"):
            parts.append([word] if set(word) <= set("<>") else [])
        else:
            parts[-1].append(word)
    for part in parts:
        variables = []
        while part and ASSIGNMENT.fullmatch(part[0]):
            variables.append(part.pop(0).partition("=")[0])
        if not part:
            continue
        plain = [MEANT.get(word, word).replace("$N", "1") for word in map(_without_brackets, part)]
        plain[0] = MEANT.get(Path(plain[0]).name, Path(plain[0]).name) if "/bin/" in plain[0] else plain[0]
        if plain[0] in PROGRAMS and (len(plain) > 1 or plain[0] == ".ci/run"):
            yield Command(name, tuple(plain), tuple(variables), in_prose)


def _without_brackets(word: str) -> str:
    """A word without those around what may be left out: "[--json]"."""
    word = word.removeprefix("[") if word.startswith("[-") else word
    return word if "[" in word else word.removesuffix("]")
