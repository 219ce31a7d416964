"""The states of the generators that belong to the whole process: those of Python's `random`, of numpy and of torch."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, device


class RandomStates(NamedTuple):
    """What each of these generators will draw next."""

    python: tuple[Any, ...]
    numpy: dict[str, Any]
    torch: Tensor
    gpus: tuple[tuple[device, Tensor], ...]

    @classmethod
    def now(cls, place: device | None = None) -> RandomStates:
        """Return the states at this moment, with that of `place` if it is a GPU."""
        gpus = ((place, torch.cuda.get_rng_state(place)),) if is_gpu(place) and place is not None else ()
        return cls(random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state(), gpus)

    def restore(self) -> None:
        """Let each generator go on from here."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)
        for place, state in self.gpus:
            torch.cuda.set_rng_state(state, place)


@contextmanager
def seeded(seed: int, place: device | None = None) -> Iterator[None]:
    """Draw from a seed in the block, and leave the generators as they were found.

    Args:
        seed: of up to 64 bits.
        place: a GPU whose generator is seeded too, for what is computed there.
    """
    before = RandomStates.now(place)
    random.seed(seed)
    np.random.seed([seed & 0xFFFFFFFF, seed >> 32])
    torch.default_generator.manual_seed(seed)  # `torch.manual_seed` would seed every GPU
    if is_gpu(place):
        with torch.cuda.device(place):
            torch.cuda.manual_seed(seed)
    try:
        yield
    finally:
        before.restore()


def is_gpu(place: device | None) -> bool:
    """Return whether a device is a GPU; None is none."""
    return place is not None and place.type == "cuda"
