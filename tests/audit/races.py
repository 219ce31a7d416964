"""Races whose pages are audited, with invented results: by name what `write_race` is given."""

from __future__ import annotations

from typing import Any

from tests.reports.answers.designs import raced

SEVEN = ("cnn2", "cnn:kernel=3", "cnn3", "cnn:depth=4", "cnn:depth=3", "cnn:kernel=4", "mlp")
LOST = tuple(name for name in SEVEN if name not in ("cnn2", "cnn3"))
SMALL = {"arch": "cnn:depth=1", "reason": "99,999 parameters of the task VAE, at most 60,000"}

CROSSING = ("cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2")
GRID = {
    f"cnn:depth={depth},kernel={kernel}{'' if padding == 'same' else ',padding=valid'}": {
        "depth": depth, "kernel": kernel, "padding": padding, "stride": "2"}
    for padding in ("valid", "same") for depth in ("2", "1", "3") for kernel in ("3", "5")
    if (depth, kernel, padding) not in (("3", "5", "same"), ("3", "3", "valid"))
}  # fmt: skip
"""With two holes."""


def of_grid(depth: str, kernel: str, padding: str, **rest: str) -> float:
    """Return the level of a cell: the deeper the better, and padding matters only with large kernels."""
    return 4.0 * int(depth) - 15 + 0.1 * (kernel == "5") - 3.0 * (padding == "valid") * (kernel == "5")


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
    "a race over a grid with holes": {
        "levels": {"cnn2": -8.0, **{arch: of_grid(**own) for arch, own in GRID.items()}, "cnn3": 0.0}, "epochs": 3,
        "failed": [("cnn:depth=1,kernel=3", 1), *(("cnn:depth=2,kernel=5", seed) for seed in range(3)), ("cnn2", 0)],
        "entry": {"factors": GRID}, "manifest": {"left_out": [SMALL]}},
    "a race over a crossing": {
        "levels": dict(zip(CROSSING, (-12, 0, -5, -9), strict=True)), "first": 4,
        "entry": {"factors": {arch: {"encoder": arch[:4], "decoder": arch[-4:]} for arch in CROSSING}}},
}  # fmt: skip
