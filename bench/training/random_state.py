"""A random state of its own for each training: for layers, such as dropout, that draw from torch's own generators."""

from __future__ import annotations

import torch
from torch import Tensor


class IsolatedRandomState:
    """A context in which torch's default generators, of the CPU and of one GPU, belong to one training alone.

    Entered again, they go on where they were left, whatever was drawn outside in the meantime.
    """

    def __init__(self, seed: int, device: torch.device):
        self.devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=self.devices):
            torch.manual_seed(seed)
            self.states = self._current_states()
        self.gpu_was_used = False
        """Whether the GPU's generator was drawn from when the context was last entered."""

    def _current_states(self) -> list[Tensor]:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in self.devices)]

    def _set_states(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0])
        for device, state in zip(self.devices, states[1:], strict=True):
            torch.cuda.set_rng_state(state, device)

    def __enter__(self) -> None:
        self.outside = self._current_states()
        self._set_states(self.states)

    def __exit__(self, *unused: object) -> None:
        before, self.states = self.states, self._current_states()
        self.gpu_was_used = any(not torch.equal(a, b) for a, b in zip(before[1:], self.states[1:], strict=True))
        self._set_states(self.outside)
