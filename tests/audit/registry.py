"""Holds every sentence of a page to the pattern that it matches, and its words and numbers to what they should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.audit.facts import Facts, Wrong
from tests.audit.page import Piece, pieces

Found = dict[str, str]
"""Placeholder → text."""


@dataclass
class Where:
    """Where on the page a sentence stands."""

    section: str = ""
    task: str = ""
    """The task that the last sentence was about."""

    said: list[str] = field(default_factory=list)
    """The names of the patterns that have matched so far."""


Check = Callable[[Facts, Found, Where], Found]
PATTERNS: list[tuple[str, re.Pattern[str], Check]] = []
STATIC = Path(__file__).parent / "static_texts.txt"


def sentence(template: str) -> Callable[[Check], Check]:
    """Register a kind of sentence, heading or caption: see the package's docstring."""
    parts = re.split(r"\{(\w+)\}", template)
    seen: set[str] = set()
    pattern = ""
    for i, part in enumerate(parts):
        if i % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>.*?)"
            seen.add(part)

    def register(check: Check) -> Check:
        PATTERNS.append((template, re.compile(pattern), check))
        return check

    return register


@cache
def static_texts() -> frozenset[str]:
    return frozenset(STATIC.read_text(encoding="utf-8").splitlines())


def audit_text(facts: Facts, text: str, where: Where) -> list[str]:
    """Return what is wrong with a sentence; nothing if one pattern finds it right."""
    if text in static_texts():
        return []
    problems = []
    for template, pattern, check in PATTERNS:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        found, task = match.groupdict(), where.task
        try:
            expected = check(facts, found, where)
        except (Wrong, LookupError, ValueError) as error:  # of names that are not there, too
            wrong = [f"{type(error).__name__}: {error}"]
        else:
            wrong = [f"{{{name}}}: nothing was returned for it" for name in found.keys() - expected.keys()]
            should_be = text if wrong else template.format(**expected)
            wrong += [f"expected {should_be}"] * (text != should_be)
        if not wrong:
            where.said.append(template)
            return []
        where.task = task
        problems.append(f"{template!r}: {'; '.join(wrong)}")
    return problems or ["no pattern matches"]


def audit(markdown: str, facts: Facts) -> list[str]:
    """Return everything that is wrong with a page, each with the text that is."""
    from tests.audit.tables import audit_table

    where, problems = Where(), []
    for piece in pieces(markdown):
        where.section = piece.section
        if piece.kind == "heading" and not piece.text.startswith("# "):
            where.task = ""
        problems += [f"{piece.text.splitlines()[0][:300]}\n    {problem}" for problem in _audit(facts, piece, where, audit_table)]
    return problems


def _audit(facts: Facts, piece: Piece, where: Where, audit_table: Callable[..., list[str]]) -> list[str]:
    if piece.kind == "table":
        return audit_table(facts, piece.text, where)
    if piece.kind == "code":
        expected = f"```console\n{facts.manifest['command']}\n```"
        return [] if piece.text == expected else [f"expected {expected!r}"]
    return audit_text(facts, piece.text, where)
