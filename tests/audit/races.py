"""Races whose pages are audited, with invented results: by name what `write_race` is given."""

from __future__ import annotations

from typing import Any

from tests.reports.answers.designs import raced

SEVEN = ("cnn2", "cnn:kernel=3", "cnn3", "cnn:depth=4", "cnn:depth=3", "cnn:kernel=4", "mlp")
LOST = tuple(name for name in SEVEN if name not in ("cnn2", "cnn3"))
SMALL = {"arch": "cnn:depth=1", "reason": "99,999 parameters of the task VAE, at most 60,000"}

RACED: dict[str, dict[str, Any]] = {
    "a race that was won": {
        "levels": dict(zip(SEVEN, (-9, -12, 0, -4, -2, -6, -15), strict=True)), "epochs": 4, "most": 12,
        "failed": [("cnn2", 1), ("mlp", 0), ("mlp", 1), ("mlp", 2)], "manifest": {"left_out": [SMALL]},
        "design": raced(*LOST, most=12, epochs=4, made_before=3)},
    "a race that tells some apart": {
        "levels": dict(zip(SEVEN, (-9, -0.6, 0, -0.8, -0.9, -6, -15), strict=True)), "most": 6, "at_once": 2,
        "design": raced(*LOST, most=6)},
    "a race that ended with another as good": {
        "levels": dict(zip(SEVEN, (-6, -14, 0, -7, -0.4, -8, -15), strict=True)),
        "design": raced(*LOST, most=8, first=4, epochs=2, confirm=3)},
    "a race that was cut short": {
        "levels": dict(zip(SEVEN, (-0.4, -0.6, 0, -0.9, -0.8, -6, -15), strict=True)), "rounds": 2, "budget": True,
        "confirm": 0, "minutes": 90.0, "spread": 0.2, "design": raced(*LOST, most=10, made_before=4)},
    "a race that was stopped": {
        "levels": dict(zip(SEVEN, (-9, -0.6, 0, -0.8, -0.9, -6, -15), strict=True)), "stopped_at": 26,
        "entry": {"winner": "mlp"}, "design": raced(*LOST, most=10)},
    "a race in its first round": {
        "levels": {"cnn2": 0, "cnn3": -5, "cnn2+cnn3": -2, "cnn3+cnn2": -1}, "first": 4, "stopped_at": 14},
}  # fmt: skip
