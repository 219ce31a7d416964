"""Speeds in a job's report without the time that measuring them takes: a few calls, in the job's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from bench.speed.measure import EFFORTS, Effort

BRIEF = Effort(block_seconds=0.001, seconds=0.01, min_rounds=5, max_rounds=5)


def call_here(function: Callable[..., Any], *arguments: Any, listener: Callable[[Any], None]) -> Any:
    """Do what `bench.machine.child.call_in_child` does, without a child."""
    return function(*arguments, listener)


@contextmanager
def measured_briefly() -> Iterator[None]:
    """Within the block, `--throughput quick` takes no time worth mentioning, and its numbers mean little."""
    with patch.dict(EFFORTS, {("quick", "cpu"): BRIEF}), patch("bench.speed.phase.call_in_child", call_here):
        yield
