"""Settings of `pytest bench`: its option --seconds, and one thread, as runs have."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seconds",
        type=float,
        default=4.0,
        help="of each speed benchmark in all its turns, the reference included; default: 4",
    )
