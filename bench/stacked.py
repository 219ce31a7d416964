"""Seeds trained together: S models of one architecture as one, every parameter with a leading dimension S.

A seed draws its order, coins and noise from its own streams, outside of the stacked model, so what it learns does not
depend on its company: `tests/test_stacked.py` holds the two equal to 1e-10 in float64, over a whole training. In
float32 they differ as two orders of the same sum do. A member that diverges harms no other: no operation mixes them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from bench.adam import Adam
from bench.likelihood import targets
from bench.spec import RunSpec
from bench.streams import Streams, generator
from bench.tasks import Task

TRIAL = 4  # images
TOLERANCE = 1e-4  # relative, of a loss in float32


class Loss(nn.Module):
    """A task's loss as a module's forward, which is what `functional_call` can call."""

    def __init__(self, model: nn.Module, task: Task):
        super().__init__()
        self.model, self.task = model, task

    def forward(self, x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        return self.task.loss(self.model, x, labels, noise)


class Stack:
    """The parameters of several models as one. The models' own become views of them: they learn with the stack."""

    def __init__(self, models: Sequence[nn.Module], task: Task):
        self.names = [name for name, _ in models[0].named_parameters()]
        each = [dict(model.named_parameters()) for model in models]
        self.parameters = [
            torch.stack([own[name].detach() for own in each]).requires_grad_() for name in self.names
        ]  # [S, …]
        for index, own in enumerate(each):
            for name, stacked in zip(self.names, self.parameters, strict=True):
                own[name].data = stacked.detach()[index]
        self.loss = Loss(models[0], task)

    def losses(self, x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        """Images [S, B, 1, 28, 28], labels [S, B], noise [S, B, Z] → the mean loss of each model [S], in nats."""

        def one(parameters: list[Tensor], x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
            named = {f"model.{name}": value for name, value in zip(self.names, parameters, strict=True)}
            return functional_call(self.loss, named, (x, labels, noise))

        return vmap(one)(self.parameters, x, labels, noise)


def stacked_step(
    stack: Stack, specs: Sequence[RunSpec], images: Tensor, labels: Tensor, streams: Sequence[Streams], optimiser: Adam
) -> Callable[[Tensor], Tensor]:  # fmt: skip
    """The step of `bench.train` for all members at once: rows [S, B] of the training images → losses [S]."""
    spec, dtype = specs[0], stack.parameters[0].dtype

    def step(rows: Tensor) -> Tensor:
        chosen = images.index_select(0, rows.flatten()).view(*rows.shape, *images.shape[1:])
        x = torch.stack(
            [targets(own, spec.likelihood, stream.coins) for own, stream in zip(chosen, streams, strict=True)]
        ).to(dtype)
        size = (rows.shape[1], spec.latent_dim or 0)
        noise = torch.stack(
            [torch.randn(size, generator=stream.noise, device=x.device, dtype=dtype) for stream in streams]
        )
        losses = stack.losses(x, labels[rows], noise)
        optimiser.zero()
        losses.sum().backward()
        optimiser.step()
        return losses.detach()

    return step


def obstacle(models: Sequence[nn.Module], task: Task, spec: RunSpec) -> str | None:
    """Why these models can't be trained as a stack, in a few words; None if they can.

    Tried on a handful of images: a batch norm's running statistics, dropout and whatever vmap does not know stop it.
    """
    if task.needs_labels:
        return f"{task.name} draws noise twice in a step"
    tried = [copy.deepcopy(model).train() for model in models[:2]]
    device = next(tried[0].parameters()).device
    draw = generator(0, "stack/trial", device)
    count = len(tried)
    x = torch.rand(count, TRIAL, 1, 28, 28, generator=draw, device=device).round()
    labels = torch.arange(TRIAL, device=device).repeat(count, 1)
    noise = torch.randn(count, TRIAL, spec.latent_dim or 0, generator=draw, device=device)
    alone = [task.loss(model, *of).item() for model, *of in zip(tried, x, labels, noise, strict=True)]
    try:
        losses = Stack(tried, task).losses(x, labels, noise)
        losses.sum().backward()
    except Exception as error:
        return " ".join(str(error).split())[:200] or type(error).__name__
    if not torch.allclose(losses, torch.tensor(alone, device=device), rtol=TOLERANCE):
        return f"its losses stacked, {losses.tolist()}, are not those alone, {alone}"
    return None
