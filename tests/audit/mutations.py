"""Changes a digit, a sign or a word of a page, to see whether the audit notices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tests.audit.facts import Facts
from tests.audit.page import Piece, Where
from tests.audit.registry import audit, audit_piece

SWAPS = [
    ("better", "worse"), ("best", "worst"), ("equivalent", "not resolvable"), ("highest", "lowest"), ("▲", "▼"),
    ("≈", "?"), ("?", "▲"), ("=", "?"), ("can't", "can"), ("none", "some"), ("None", "Some"), ("no", "a"),
    ("not", "well"), ("All", "Most"), ("fast", "slow"), ("more", "less"), ("less", "more"), ("Fewer", "More"),
    ("resolved", "unresolved"), ("negligible", "resolved"), ("unresolved", "resolved"), ("opposite", "proof"),
    ("agrees", "disagrees"), ("cnn2", "cnn3"), ("cnn3", "cnn2"), ("VAE", "CVAE"), ("classifier", "VAE"),
    ("encoder", "decoder"), ("decoder", "encoder"), ("†", ""), ("dominated", "ahead"), ("over", "under"),
    ("above", "below"), ("−", "+"), ("+", "−"), ("whole", "half"), ("least", "most"), ("do differ", "don't differ"),
    ("same", "other"), ("nats", "points"), ("training", "test"), ("alone", "together"), ("alike", "apart"),
    ("helped", "hurt"), ("alive", "dead"), ("paired", "single"),
]  # fmt: skip
"""(Word or sign, what takes its place)."""


def mutations(text: str) -> Iterator[str]:
    """Yield a text with one of its numbers changed in its first or its last digit, or one of its words."""
    for number in re.finditer(r"\d(?:[\d,.]*\d)?", text):
        for at in {number.start(), number.end() - 1}:
            yield f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}"
    for word, other in SWAPS:
        start, end = (r"\b" if word[0].isalpha() else ""), (r"\b" if word[-1].isalpha() else "")
        for found in re.finditer(f"{start}{re.escape(word)}{end}", text):
            yield text[: found.start()] + other + text[found.end() :]


def survivors(facts: Facts, piece: Piece, where: Where, texts: list[str]) -> list[str]:
    """Return the texts that the audit takes for right in a piece's place: there, and with what follows on the page."""
    unseen = [text for text in texts if not audit_piece(facts, piece._replace(text=text), replace(where))]
    return [text for text in unseen if not audit(facts.page.replace(piece.text, text, 1), facts)]
