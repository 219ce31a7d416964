"""A random state of its own for each training: for layers, such as dropout, that draw from the process's generators."""

from __future__ import annotations

import torch

from archs.foreign.random_states import RandomStates, seeded


class IsolatedRandomState:
    """A context in which the generators of Python, numpy and torch, those of one GPU too, belong to one training alone.

    Entered again, they go on where they were left, whatever was drawn outside in the meantime.
    """

    def __init__(self, seed: int, device: torch.device):
        self.device = device
        with seeded(seed, device):
            self.states = RandomStates.now(device)
        self.gpu_was_used = False
        """Whether the GPU's generator was drawn from when the context was last entered."""

    def __enter__(self) -> None:
        self.outside = RandomStates.now(self.device)
        self.states.restore()

    def __exit__(self, *unused: object) -> None:
        before, self.states = self.states, RandomStates.now(self.device)
        pairs = zip(before.gpus, self.states.gpus, strict=True)
        self.gpu_was_used = any(not torch.equal(one, other) for (_, one), (_, other) in pairs)
        self.outside.restore()
