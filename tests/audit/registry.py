"""Holds every sentence of a page to the pattern that it matches, and its words and numbers to what they should be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.audit.facts import Facts, Wrong
from tests.audit.page import Piece, Where, pieces
from tests.audit.tables import audit_table

Found = dict[str, str]
"""Placeholder → text."""
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
        found, before = match.groupdict(), replace(where)
        try:
            expected = check(facts, found, where)
        except (Wrong, LookupError, ValueError) as error:  # of names that are not there, too
            wrong = [f"{type(error).__name__}: {error}"]
        else:
            wrong = [f"{{{name}}}: nothing was returned for it" for name in found.keys() - expected.keys()]
            should_be = text if wrong else template.format(**expected)
            wrong += [f"expected {should_be}"] * (text != should_be)
        if not wrong:
            where.said += ((template, text),)
            return []
        where.task, where.answered = before.task, before.answered
        problems.append(f"{template!r}: {'; '.join(wrong)}")
    return problems or ["no pattern matches"]


def audit(markdown: str, facts: Facts) -> list[str]:
    """Return everything that is wrong with a page, each with the text that is."""
    walked, where = walk_page(facts) if markdown == facts.page else walk(markdown, facts)
    found = [problem for _, _, problems in walked for problem in problems]
    twice = [text for (template, text), n in Counter(where.said).items() if n > 1 and "{label}" in template]
    found += [f"{text}\n    is said twice" for text in twice]
    if where.answered != facts.answers:
        found.append(f"the first paragraph answers for {where.answered}, not for {list(facts.answers)}")
    return found


Walked = list[tuple[Piece, Where, list[str]]]
"""Each piece of a page, the place where it stands, as it was before the piece, and what is wrong with it."""


def walk(markdown: str, facts: Facts) -> tuple[Walked, Where]:
    """Return each piece of a page with what is wrong with it, and the place at the end."""
    walked, where = Walked(), Where()
    for piece in pieces(markdown):
        where.section = piece.section
        if piece.kind == "heading":
            where.task = ""
        before = replace(where)
        found = audit_piece(facts, piece, where)
        walked.append((piece, before, [f"{piece.text.splitlines()[0][:300]}\n    {problem}" for problem in found]))
    return walked, where


@cache
def walk_page(facts: Facts) -> tuple[Walked, Where]:
    """Return what `walk` does of the page as it is: once, however many tests look at it."""
    return walk(facts.page, facts)


def audit_piece(facts: Facts, piece: Piece, where: Where) -> list[str]:
    """Return what is wrong with one piece."""
    if piece.kind == "table":
        return audit_table(facts, piece.text, where)
    if piece.kind == "code":
        expected = f"```console\n{facts.manifest['command']}\n```"
        return [] if piece.text == expected else [f"expected {expected!r}"]
    return audit_text(facts, piece.text, where)
