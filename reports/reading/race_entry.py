"""The manifest's entry on a race, field by field, and what in it contradicts itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from archs.errors import nearest

Text = Annotated[str, Meta(pattern=r"^[^\0]*$")]
Number = Annotated[int, Meta(ge=0, le=10_000_000)]
Seeds = Annotated[int, Meta(ge=1, le=10_000)]
"""More than any race has, and few enough for one to be run again."""
Name = Annotated[str, Meta(min_length=1, pattern=r"^[^\0]*$")]


class LeftOut(Struct):
    """An architecture that is over a limit on its size, and was not trained."""

    arch: Text
    reason: Text


class Race(Struct, kw_only=True):
    """The race by which what is shown was chosen; `run_ids` are its runs that have ended, failed ones too."""

    task: Text
    epochs: Annotated[int, Meta(ge=1, le=10_000_000)]  # of its own runs
    first_seeds: Seeds
    max_seeds: Seeds
    at_once: Seeds  # of each later round
    archs: Annotated[list[Name], Meta(min_length=2, max_length=2_000)]
    run_ids: list[Text]
    planned: Number  # runs that it came to by its rule
    ended: Literal["one left", "close", "most seeds", "budget", "all failed", "stopped"]
    confirmed: Number  # fresh seeds; 0: the report shows the race's own runs
    full_grid: Number
    winner: Text | None = None
    max_minutes: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    seeds: Number | None = None  # that it came to; one that was cut short looks at no others
    factors: dict[Text, dict[Text, Text]] | None = None  # of all that raced: architecture → factor → level


def wrong_race(race: dict[str, Any] | None, tasks: list[str]) -> str:
    """Say what contradicts itself in an entry of the right types; empty if nothing does.

    Args:
        tasks: those of the report.
    """
    if race is None:
        return ""
    archs, winner, first, most = race["archs"], race.get("winner"), race["first_seeds"], race["max_seeds"]
    if twice := next((name for i, name in enumerate(archs) if name in archs[:i]), None):
        return f"archs has {twice[:40]!r} twice, expected each once"
    if winner is not None and winner not in archs:
        return f"winner {winner[:40]!r} is not among archs{nearest(winner[:40], archs)}"
    if winner is None and race["ended"] not in ("all failed", "stopped"):
        return f'winner is missing, expected one of archs for a race that ended by "{race["ended"]}"'
    if race["task"] not in tasks:
        return f"task {race['task'][:40]!r} is not among the report's{nearest(race['task'][:40], tasks)}"
    if first > most:
        return f"first_seeds is {first}, expected at most max_seeds, {most}"
    if race["full_grid"] != len(archs) * most:
        return f"full_grid is {race['full_grid']}, expected {len(archs)} archs × {most} max_seeds, {len(archs) * most}"
    if race["planned"] < len(race["run_ids"]):
        return f"planned is {race['planned']}, expected at least the {len(race['run_ids'])} of run_ids"
    return ""
