"""When a job is struck, and what of it: what `tests.job.faults` draws."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

KINDS = (
    "worker", "parent", "both", "worker in a write", "parent in a write", "both in a write", "one job of two",
    "signal to the parent", "signal to both", "signal to both in a write",
)  # fmt: skip


def in_turns(chance: random.Random) -> Iterator[str]:
    """Yield each kind of strike once, in some order, then each once more, without an end."""
    while True:
        yield from chance.sample(KINDS, len(KINDS))


def victims(kind: str, main_process: int, chance: random.Random) -> list[int]:
    """Return the processes that are struck."""
    alive = workers()
    if kind.startswith("worker"):
        return [chance.choice(alive)] if alive else []
    return [main_process, *(alive if "both" in kind else [])]


def moment(folder: Path, kind: str, chance: random.Random, seconds: float, left: int) -> float:
    """Wait for the store to hold what the strike waits for; return how long to wait from then on, in seconds.

    Args:
        seconds: of an undisturbed job.
        left: how many records are to come; 0 if a strike comes at any time, whatever the store holds.
    """
    in_a_write = kind.endswith("in a write")
    if not in_a_write and not left:
        return chance.uniform(0, seconds / 4)
    skip = chance.randrange(3) if in_a_write else chance.randrange(1 + left // 2)  # not always the first
    before = set[str]() if in_a_write else names_in(folder, is_partial=False)
    seen: set[str] = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen |= names_in(folder, is_partial=in_a_write) - before
        if len(seen) > skip:
            return chance.choice([0, 0, 0.001, 0.003])
        if not in_a_write:  # which is soon over
            time.sleep(0.005)
    return 0


def names_in(folder: Path, is_partial: bool) -> set[str]:
    """Return the names of the records in the store of a folder, or of those that are being written."""
    try:
        names = os.listdir(folder / "runs")
    except FileNotFoundError:
        return set()
    return {name for name in names if name.startswith(".partial-" if is_partial else tuple("0123456789abcdef"))}


def workers() -> list[int]:
    """Return the fork server's children: of all jobs, orphans included."""
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    listed = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii")
    return [int(word) for word in listed.split()]


def kill(processes: list[int], number: int) -> bool:
    """Send a signal to processes; return whether something was there to be sent it."""
    hit = False
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
            hit = True
    return hit
