"""Seeds trained together: S models of one architecture as one, every parameter with a leading dimension S.

A seed draws its order, coins and noise from its own streams, outside of the stacked model, so what it learns does not
depend on the others: `tests/training/test_stacked.py` holds stacked and single training equal to 1e-10 in float64, over
a whole training. In float32 they differ as two orders of the same sum do. A model that diverges harms no other: no
operation mixes them. Which models can be a stack is found by `bench.training.stackable`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bench.training.adam import Adam
from bench.training.batches import Loss


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
        self.places = places_of(self.model)
        self.parameters, self.buffers = stack_module_state(list(models))
        for index, model in enumerate(models):  # these are copies: the models would not learn with the stack
            mine = tensors_of(model)
            for name, stacked in {**self.parameters, **self.buffers}.items():
                mine[name].data = stacked.detach()[index]
        self._replaced: dict[str, Tensor] = {}

    def apply(self, function: Callable[..., Any], *tensors: Tensor) -> Any:
        """Return `function(model, *tensors)` of each model, stacked: [S, …].

        Args:
            tensors: [S, …], of which each model gets its own.
        """
        for name, own in self.model.named_parameters():  # its `train` may have a say in what learns
            self.parameters[name].requires_grad_(own.requires_grad)
        module = FunctionOfModel(self.model, function)

        def one(state: dict[str, Tensor], *own: Tensor) -> Any:
            given = {f"model.{place}": state[name] for place, name in self.places.items()}
            found = dict(given)  # where functional_call leaves what it finds in the places afterwards
            # The places of tied weights are all given: torch's own way to tie them leaves a module that is used twice
            # with tensors of the call that is over.
            result = functional_call(module, found, own, tie_weights=False)
            return result, {self.places[key[6:]]: value for key, value in found.items() if value is not given[key]}

        results, self._replaced = vmap(one)({**self.parameters, **self.buffers}, *tensors)
        if not torch.is_grad_enabled():
            self.keep_buffers()
        return results

    def keep_buffers(self) -> None:
        """Take over the buffers for which the last call put other tensors, as `self.mean = 0.9 * self.mean + …` does.

        Not before the backward pass, which may need the old ones. The stack's own tensors are written to: models see
        them, and so does a CUDA graph.
        """
        for name, value in self._replaced.items():
            old = self.buffers.get(name)
            if old is None or (old.shape, old.dtype) != (value.shape, value.dtype):
                raise RuntimeError(f"{name} is replaced by another tensor when the model is called")
            with torch.no_grad():
                old.copy_(value)
        self._replaced = {}

    def losses(self, loss: Loss, x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        """Return the mean loss of each model, [S], in nats.

        Args:
            x: images, [S, B, 1, 28, 28].
            labels: [S, B].
            noise: [S, N, Z].
        """
        losses: Tensor = self.apply(loss, x, labels, noise)
        return losses


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and buffers of a model, each once, by its first name."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def places_of(model: nn.Module) -> dict[str, str]:
    """Return where the tensors of a model stand: each name of each of them → its first name."""
    first = {id(tensor): name for name, tensor in tensors_of(model).items()}
    return {
        f"{path}.{name}".lstrip("."): first[id(tensor)]
        for path, module in model.named_modules()
        for own in (module.named_parameters, module.named_buffers)
        for name, tensor in own(recurse=False, remove_duplicate=False)
    }


def stacked_step(stack: Stack, loss: Loss, optimiser: Adam) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return the training step of all models at once: images, labels and noise as for `Stack.losses` → losses [S]."""

    def step(x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        losses = stack.losses(loss, x, labels, noise)
        optimiser.zero_grad()
        losses.sum().backward()
        stack.keep_buffers()
        optimiser.step()
        return losses.detach()

    return step
