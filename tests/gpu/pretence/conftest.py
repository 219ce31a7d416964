"""A machine with two pretended GPUs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gpu.pretended_gpu import pretended
from tests.gpu.pretended_machine import State


@pytest.fixture
def gpu() -> Iterator[State]:
    with pretended() as state:
        yield state
