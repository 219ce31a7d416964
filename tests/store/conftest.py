"""A store with one finished run."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.store.store import Store
from tests.store.one_run import ARRAYS, RECORD, WEIGHTS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "runs")
    found.write(RECORD, ARRAYS, WEIGHTS)
    return found
