"""Seeds trained together: S models of one architecture as one, every parameter with a leading dimension S.

A seed draws its order, coins and noise from its own streams, outside of the stacked model, so what it learns does not
depend on the others: `tests/training/test_stacked.py` holds stacked and single training equal to 1e-10 in float64, over
a whole training. In float32 they differ as two orders of the same sum do. A model that diverges harms no other: no
operation mixes them.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bench.models.streams import generator
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.training.adam import Adam
from bench.training.batches import Loss

TRIAL_IMAGES = 4

TOLERANCE = 1e-4
"""Of float32, relative to the largest number of a tensor."""

ROUNDING = 1e-6
"""The same, relative to the largest gradient of a model: that of a bias before a batch norm is rounding alone."""


class FunctionOfModel(nn.Module):
    """A function of a model and of tensors as a module's forward, which is what `functional_call` can call."""

    def __init__(self, model: nn.Module, function: Callable[..., Any]):
        super().__init__()
        self.model, self.function = model, function

    def forward(self, *tensors: Tensor) -> Any:
        return self.function(self.model, *tensors)


class Stack:
    """The parameters and buffers of several models as one.

    Those of the models become views of the stack's, so that they learn with it.
    """

    def __init__(self, models: Sequence[nn.Module]):
        self.model = models[0]  # its structure; its numbers are not looked at
        self.parameters, self.buffers = stack_module_state(list(models))
        for index, model in enumerate(models):  # these are copies: the models would not learn with the stack
            mine: dict[str, Tensor] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
            for name, stacked in {**self.parameters, **self.buffers}.items():
                mine[name].data = stacked.detach()[index]

    def apply(self, function: Callable[..., Any], *tensors: Tensor, shared: Sequence[Tensor] = ()) -> Any:
        """Return `function(model, *tensors, *shared)` of each model, stacked: [S, …].

        Args:
            tensors: [S, …], of which each model gets its own.
            shared: the same for all.
        """
        module = FunctionOfModel(self.model, function)

        def one(state: dict[str, Tensor], *own: Tensor) -> Any:
            return functional_call(module, {f"model.{name}": value for name, value in state.items()}, (*own, *shared))

        return vmap(one)({**self.parameters, **self.buffers}, *tensors)

    def losses(self, loss: Loss, x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        """Return the mean loss of each model, [S], in nats.

        Args:
            x: images, [S, B, 1, 28, 28].
            labels: [S, B].
            noise: [S, N, Z].
        """
        losses: Tensor = self.apply(loss, x, labels, noise)
        return losses


def stacked_step(stack: Stack, loss: Loss, optimiser: Adam) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return the training step of all models at once: images, labels and noise as for `Stack.losses` → losses [S]."""

    def step(x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        losses = stack.losses(loss, x, labels, noise)
        optimiser.zero_grad()
        losses.sum().backward()
        optimiser.step()
        return losses.detach()

    return step


def why_not_stack(models: Sequence[nn.Module], task: Task, spec: RunSpec) -> str | None:
    """Return why these models can't be trained as a stack, in a few words; None if they can.

    It is tried on a handful of images: losses, gradients and buffers must be those that each model has alone. What
    fails is dropout, which draws for all models at once, and whatever vmap does not know.
    """
    device = next(models[0].parameters()).device
    draw = generator(0, "stack/trial", device)
    count, few = min(2, len(models)), TRIAL_IMAGES // 2
    loss: Loss = task.loss
    if task.needs_labels:
        loss = functools.partial(task.loss, labelled=few, known=few, images=TRIAL_IMAGES)
    x = torch.rand(count, TRIAL_IMAGES, 1, 28, 28, generator=draw, device=device).round()
    labels = torch.arange(TRIAL_IMAGES, device=device).repeat(count, 1)
    size = (count, sum(task.noise_rows(TRIAL_IMAGES, few)), task.width(spec.latent_dim))
    noise = torch.randn(size, generator=draw, device=device)
    alone, together = ([copy.deepcopy(model).train() for model in models[:count]] for _ in range(2))
    losses = [loss(model, *of) for model, *of in zip(alone, x, labels, noise, strict=True)]
    torch.stack(losses).sum().backward()
    try:
        stack = Stack(together)
        stacked = stack.losses(loss, x, labels, noise)
        stacked.sum().backward()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        return " ".join(str(error).split())[:200] or type(error).__name__
    if not matches(stacked, losses):
        return f"its losses stacked, {stacked.tolist()}, are not those alone, {[loss.item() for loss in losses]}"
    each = [dict(model.named_parameters()) for model in alone]
    gradients = (one.grad for own in each for one in own.values() if one.grad is not None)
    largest = max((float(gradient.abs().max()) for gradient in gradients), default=0.0)
    for name, parameter in stack.parameters.items():
        if not matches(parameter.grad, [own[name].grad for own in each], ROUNDING * largest):
            return f"its gradient of {name} stacked is not that alone"
    buffers = [dict(model.named_buffers()) for model in alone]
    for name, buffer in stack.buffers.items():
        if not matches(buffer, [own[name] for own in buffers]):
            return f"its buffer {name} stacked is not that alone"
    return None


def matches(stacked: Tensor | None, alone: Sequence[Tensor | None], absolute: float = 0.0) -> bool:
    """Return whether a stacked tensor [S, …] is what each model has alone, but for rounding.

    A parameter that nothing depends on has no gradient (None), or one of zeros.

    Args:
        absolute: a difference that may be nothing but the rounding of other numbers of the same computation.
    """
    expected = [one.detach() for one in alone if one is not None]
    if stacked is None or not expected:
        return all(not bool(one.any()) for one in (*expected, *([] if stacked is None else [stacked])))
    other = torch.stack(expected).to(torch.double)
    return bool((stacked.detach() - other).abs().max() <= TOLERANCE * other.abs().max() + absolute)
