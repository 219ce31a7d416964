"""Settings of `pytest bench`: its option --seconds, one thread, as runs have, and a session file that is never wrong.

The file that --benchmark-json names is emptied before anything is measured, and only a session that measured something
fills it, so that an earlier session can't be taken for one that failed. Benchmarks that raise are named in it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import argparse
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ASKED = pytest.StashKey[Counter[str]]()
"""How many turns of each benchmark are to be measured, by its name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seconds",
        type=seconds,
        default=4.0,
        help="of each speed benchmark in all its turns, the reference included; default: 4",
    )


def seconds(text: str) -> float:
    """Convert the value of --seconds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 3_600:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time to measure for; expected seconds above 0, at most 3600"
        )
    return value


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse a session whose file would not hold what it is asked to hold, before anything is measured."""
    benchmarks: Any = session.config.pluginmanager.get_plugin("pytest-benchmark")
    if benchmarks is None or benchmarks.json is None:
        return
    path = benchmarks.json if isinstance(benchmarks.json, Path) else Path(benchmarks.json.name)  # by its version
    if benchmarks.disabled or benchmarks.skip or session.config.option.collectonly:
        raise pytest.UsageError(
            f"--benchmark-json={path} would not be written, since nothing is measured with --benchmark-skip, "
            "--benchmark-disable, --collect-only, or -n of pytest-xdist: leave that out"
        )
    try:
        path.write_bytes(b"")
    except OSError as error:
        raise pytest.UsageError(f"--benchmark-json={path}: {error.strerror}; name one that can be written") from error


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note what is to be measured."""
    items: list[Any] = session.items
    callspecs = [(item, item.callspec.params) for item in items if hasattr(item, "callspec")]
    asked = [item.module.label(params["name"], params["work"]) for item, params in callspecs if "work" in params]
    session.config.stash[ASKED] = Counter(asked)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add to the file what it was measured with, and what was asked for and not measured."""
    from bench.machine import environment
    from bench.speed.gate_session import ENVIRONMENT, UNMEASURED

    # one that raised after its timings has no name
    whole = [entry for entry in output_json["benchmarks"] if "what" in entry["extra_info"]]
    measured = Counter(entry["extra_info"]["what"] for entry in whole)
    output_json["benchmarks"] = whole
    output_json[ENVIRONMENT] = {**environment.versions(), **environment.numerics()}
    output_json[UNMEASURED] = sorted((config.stash[ASKED] - measured).keys())
