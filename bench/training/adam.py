"""Fused Adam by torch's own kernel: the very numbers of `torch.optim.Adam(fused=True)`, less of what surrounds it.

The class imports torch's compiler at its first step (a second of every worker's start), and both it and its functional
form spend longer in Python than in the update of a net this small.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Adam:
    """Kingma & Ba 2014, with torch's defaults.

    rate: the learning rate of the next step, a number on a CPU. On a GPU it is a tensor there, without dimensions: a
    step that is replayed must find another rate each time, and one that isn't must round it no differently.
    """

    def __init__(self, parameters: Sequence[Tensor]):
        self.parameters = list(parameters)
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]
        self.rate: float | Tensor = 0.0

    def state(self) -> list[Tensor]:
        """All that a step changes."""
        return [*self.parameters, *self.means, *self.squares, *self.steps]

    def zero(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """A parameter without a gradient stays as it is. A gradient lies in memory as its parameter does: the kernel
        for a CPU takes that for granted, and autograd sees to it."""
        state = zip(self.parameters, self.means, self.squares, self.steps, strict=True)
        learning = [each for each in state if each[0].grad is not None]
        if not learning:
            return
        parameters, means, squares, steps = (list(column) for column in zip(*learning, strict=True))
        gradients = [parameter.grad for parameter in parameters]
        torch._foreach_add_(steps, 1)
        torch._fused_adam_(
            parameters, gradients, means, squares, [], steps, lr=self.rate, beta1=BETAS[0], beta2=BETAS[1],
            weight_decay=0.0, eps=EPSILON, amsgrad=False, maximize=False,
        )  # fmt: skip
