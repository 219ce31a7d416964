"""Fused Adam by torch's own kernel: the numbers of `torch.optim.Adam(fused=True)`, with less Python around it.

torch's class imports torch's compiler at its first step, about a second of every worker's start, and both the class and
its functional form spend longer in Python than in the update of a network this small.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Adam:
    """The optimiser of Kingma & Ba 2014, with torch's defaults."""

    def __init__(self, parameters: Sequence[Tensor]):
        self.parameters = list(parameters)
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]
        """Running means of the gradients."""
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        """Running means of their squares."""
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]
        self.lr: float | Tensor = 0.0
        """The learning rate of the next step: a number on a CPU, a tensor without dimensions on a GPU. A CUDA graph
        must find another rate at each replay, and a step outside of a graph must round it no differently. Of a stack of
        models also one of each, [S]: as long as every parameter's first dimension."""

    def state(self) -> list[Tensor]:
        """Return every tensor that a step changes."""
        return [*self.parameters, *self.means, *self.squares, *self.steps]

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update each parameter that has a gradient.

        A gradient has to lie in memory as its parameter does: torch's kernel for a CPU takes that for granted, and
        autograd sees to it.
        """
        state = zip(self.parameters, self.means, self.squares, self.steps, strict=True)
        learning = [each for each in state if each[0].grad is not None]
        if not learning:
            return
        parameters, means, squares, steps = (list(column) for column in zip(*learning, strict=True))
        gradients = [parameter.grad for parameter in parameters]
        torch._foreach_add_(steps, 1)
        own_rates = self.lr if isinstance(self.lr, Tensor) and self.lr.ndim else None
        moved = parameters if own_rates is None else [torch.zeros_like(parameter) for parameter in parameters]
        torch._fused_adam_(
            moved,
            gradients,
            means,
            squares,
            [],
            steps,
            lr=self.lr if own_rates is None else 1.0,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )
        if own_rates is not None:  # torch's kernel knows one rate alone: it says where to, and each goes its own length
            for parameter, step in zip(parameters, moved, strict=True):
                parameter.addcmul_(step, own_rates.view(-1, *[1] * (parameter.ndim - 1)))
