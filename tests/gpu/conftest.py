"""GPUs for the tests of this folder: pretended ones, and then the real one where there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from bench.machine import cuda
from bench.spec.device import FIRST_GPU
from tests.gpu.pretended_gpu import pretended
from tests.gpu.pretended_machine import State


@pytest.fixture(params=["pretended", pytest.param("cuda", marks=pytest.mark.cuda)])
def gpu(request: pytest.FixtureRequest) -> Iterator[State | None]:
    """A machine with two GPUs that are pretended; None for a real one."""
    torch.set_num_threads(1)
    if request.param == "cuda":
        cuda.use_device(FIRST_GPU)
        yield None
        return
    with pretended(gpus=2) as state:
        yield state
