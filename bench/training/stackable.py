"""Which models can be trained as a stack: it must do to each of them what its training alone does.

That is looked at and tried. What a copy of a model or `functional_call` drops without a word (hooks of parameters,
memory that two tensors share, numbers beside the parameters) is looked for. What is left is tried: two optimiser steps
and two evaluations of copies, stacked and alone.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archs.errors import message_of
from archs.foreign.random_states import RandomStates, seeded
from bench.models.streams import generator
from bench.models.trying import copied
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.training.adam import Adam
from bench.training.batches import Loss
from bench.training.stack import Stack, stacked_step, tensors_of
from bench.training.stack_obstacles import collect, first_difference, obstacle, plain_state
from bench.training.steps import single_step

TRIAL_IMAGES = 4

TRIAL_STEPS = 2
"""What the first step leaves behind may act only in the second, which begins after an evaluation."""

LEARNING_RATE = 1e-3

TOLERANCE = 1e-4
"""Of float32, relative to the largest number of a tensor."""

ROUNDING = 1e-6
"""The same, relative to the largest number of all tensors of a kind: the gradient of a bias before a batch norm is
rounding alone."""

SURE = 100
"""How many times its tolerance the mean of a gradient must be, for Adam's step to be compared: that is then the same to
a per cent or two. Adam divides a gradient by its size, so one that is rounding alone moves its parameter by the whole
learning rate, this way or that."""


def why_not_stack(models: Sequence[nn.Module], task: Task, spec: RunSpec) -> str | None:
    """Return why these models can't be trained as a stack, in a few words; None if they can.

    Nothing is changed by it, random state included. What stops the training of a model alone is raised.
    """
    found = obstacle(models)
    if found is not None:
        return found
    some = models[:2]
    before = [copies_of(model) for model in some]
    numbers = [plain_state(model) for model in some]
    with seeded(0, next(models[0].parameters()).device):
        try:
            alone, together = ([copied(model) for model in some] for _ in range(2))
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            return f"it can't be copied: {text_of(error)}"
        found = Trial(alone, together, task, spec).run()
    touched = [restored(model, was) for model, was in zip(some, before, strict=True)]
    touched += [first_difference(held, plain_state(model)) for model, held in zip(some, numbers, strict=True)]
    for path in touched:
        if path is not None:  # as by a copied function that knows the original
            return f"a copy of it still uses {path} of the original"
    return found


@torch.no_grad()
def restored(model: nn.Module, was: Mapping[str, Tensor]) -> str | None:
    """Return which tensor of a model is not what it was, or has got a gradient, after having put it right."""
    found = None
    for name, tensor in tensors_of(model).items():
        if tensor.grad is not None or not torch.equal(tensor.nan_to_num(), was[name].nan_to_num()):
            found, tensor.grad = found or name, None
            tensor.copy_(was[name])
    return found


def copies_of(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of the parameters and buffers of a model."""
    return {name: tensor.detach().clone() for name, tensor in tensors_of(model).items()}


class Trial:
    """Two optimiser steps of copies of some models, alone and as a stack, each followed by an evaluation."""

    def __init__(self, alone: Sequence[nn.Module], together: Sequence[nn.Module], task: Task, spec: RunSpec):
        self.alone, self.together, self.task = alone, together, task
        self.held = [set(plain_state(model)) for model in alone]
        self.each_was_called = False
        parameter = next(alone[0].parameters())
        device, dtype, count = parameter.device, parameter.dtype, len(alone)
        few, width = TRIAL_IMAGES // 2, task.width(spec.latent_dim)
        draw = generator(0, "stack/trial", device)
        self.loss: Loss = task.loss
        if task.needs_labels:
            self.loss = functools.partial(task.loss, labelled=few, known=few, images=TRIAL_IMAGES)
        x = torch.rand(count, TRIAL_IMAGES, 1, 28, 28, generator=draw, device=device, dtype=dtype).round()
        labels = torch.arange(TRIAL_IMAGES, device=device).repeat(count, 1)
        size = (count, sum(task.noise_rows(TRIAL_IMAGES, few)), width)
        self.inputs = x, labels, torch.randn(size, generator=draw, device=device, dtype=dtype)
        self.score_noise = torch.randn(count, TRIAL_IMAGES, width, generator=draw, device=device, dtype=dtype)
        self.optimisers = [Adam(list(model.parameters())) for model in alone]
        for optimiser in self.optimisers:
            optimiser.lr = learning_rate(device)

    def run(self) -> str | None:
        """Return what the stack does otherwise, or what stops it; None if it does what each does alone."""
        try:
            self.stack = Stack(self.together)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            return text_of(error)
        self.optimiser = Adam(list(self.stack.parameters.values()))
        self.optimiser.lr = self.optimisers[0].lr
        for _ in range(TRIAL_STEPS):
            found = self.step()
            if found is None:
                self.make_equal()  # lest what comes next be blamed for what this step left to rounding
                found = self.evaluation()
            if found is not None:
                return (self.changed_state(since_the_beginning=True) if self.each_was_called else None) or found
        return self.changed_state()

    def step(self) -> str | None:
        """Take a step; return what differs after it."""
        self.set_mode(training=True)
        before = [copies_of(model) for model in self.alone]
        losses = torch.cat(
            [
                single_step(model, self.loss, optimiser)(*(tensor[index : index + 1] for tensor in self.inputs))
                for index, (model, optimiser) in enumerate(zip(self.alone, self.optimisers, strict=True))
            ]
        )
        draws = RandomStates.now(losses.device)
        try:
            stacked = stacked_step(self.stack, self.loss, self.optimiser)(*self.inputs)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            return text_of(error)
        if not same_states(draws, RandomStates.now(losses.device)):
            return "it draws random numbers, which the members of a stack would share"
        if not matches(stacked, losses):
            return f"its losses stacked, {stacked.tolist()}, are not those alone, {losses.tolist()}"
        return self.optimiser_differs() or self.tensor_differs(before)

    def evaluation(self) -> str | None:
        """Evaluate the models, stacked and each by itself; return what differs, or what can't be done in a stack."""
        self.set_mode(training=False)
        before = [copies_of(model) for model in self.alone]
        x, labels, _ = self.inputs
        inputs = list(zip(*self.inputs, strict=True))
        with torch.no_grad():
            alone = torch.stack([self.loss(model, *own) for model, own in zip(self.alone, inputs, strict=True)])
            self.each_was_called = True
            try:
                each = torch.stack([self.loss(model, *own) for model, own in zip(self.together, inputs, strict=True)])
                stacked = self.stack.losses(self.loss, *self.inputs)
                self.stack.apply(self.task.score, x, labels, self.score_noise)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:
                return f"evaluated: {text_of(error)}"
        for losses in (each, stacked):
            if not matches(losses, alone):
                return f"its losses evaluated after a step, {losses.tolist()}, are not those alone, {alone.tolist()}"
        return self.tensor_differs(before)

    def set_mode(self, training: bool) -> None:
        """Tell all models that a training, or an evaluation, begins."""
        for model in (*self.alone, *self.together):
            model.train(training)

    def optimiser_differs(self) -> str | None:
        """Return of which parameter Adam's means, of its gradient and of that one's square, are not those alone."""
        names = list(self.stack.parameters)
        for kind in ("means", "squares"):
            each = [getattr(optimiser, kind) for optimiser in self.optimisers]
            together = getattr(self.optimiser, kind)
            if kind == "squares":  # roots, whose rounding is that of the gradients
                each, together = [[value.sqrt() for value in own] for own in each], [each.sqrt() for each in together]
            floor = ROUNDING * max(float(value.abs().max()) for own in each for value in own)
            for name, stacked, *own in zip(names, together, *each, strict=True):
                if not matches(stacked, torch.stack(own), floor):
                    return f"its gradient of {name} stacked is not that alone"
        return None

    def tensor_differs(self, before: Sequence[Mapping[str, Tensor]]) -> str | None:
        """Return which parameter or buffer is not what it is alone, after a step or an evaluation.

        Args:
            before: the tensors of each model alone before it.
        """
        for model, optimiser, other, was in zip(self.alone, self.optimisers, self.together, before, strict=True):
            mine, theirs = ({k: v.detach() for k, v in tensors_of(one).items()} for one in (model, other))
            learning = {name for name, own in model.named_parameters() if model.training and own.grad is not None}
            means = dict(zip(dict(model.named_parameters()), optimiser.means, strict=True))
            gradient = max(float(mean.abs().max()) for mean in means.values())
            buffers = max((float(mine[name].abs().max()) for name in self.stack.buffers), default=0.0)
            for name, alone in mine.items():
                largest = max(float(alone.abs().max()), buffers if name in self.stack.buffers else 0.0)
                change = float((alone.double() - was[name].double()).abs().max())
                if name in learning:
                    right = moved_alike(theirs[name], alone, means[name], ROUNDING * gradient)
                elif change == 0:  # what stays alone, stays to the bit
                    right = torch.equal(theirs[name], alone)
                else:  # a running mean may change by little, so it is held to its change
                    right = within(theirs[name], alone, TOLERANCE * change + ROUNDING * largest)
                if not right:
                    kind = "buffer" if name in self.stack.buffers else "parameter"
                    return f"its {kind} {name} stacked is not that alone"
        return None

    @torch.no_grad()
    def make_equal(self) -> None:
        """Let the stack go on from where the models alone are."""
        for index, (model, optimiser) in enumerate(zip(self.alone, self.optimisers, strict=True)):
            mine = tensors_of(model)
            for name, stacked in {**self.stack.parameters, **self.stack.buffers}.items():
                stacked[index] = mine[name]
            for kind in ("means", "squares"):
                for stacked, own in zip(getattr(self.optimiser, kind), getattr(optimiser, kind), strict=True):
                    stacked[index] = own

    def changed_state(self, since_the_beginning: bool = False) -> str | None:
        """Return what else than its tensors a model alone holds that its copy in the stack does not.

        The first model is the one that a stack calls, so the others are looked at, each of which has been called by
        itself in an evaluation: an output that is kept, or a choice that is made once, is no difference.

        Args:
            since_the_beginning: look at no tensor that the first step made, as of an output that is kept.
        """
        for one, other, held in zip(self.alone[1:], self.together[1:], self.held[1:], strict=True):
            mine, theirs = plain_state(one), plain_state(other)
            if since_the_beginning:
                mine, theirs = (
                    {key: value for key, value in own.items() if key in held or not isinstance(value, Tensor)}
                    for own in (mine, theirs)
                )
            path = first_difference(mine, theirs)
            if path is not None:
                return f"{path} is changed by the training, and is neither a parameter nor a buffer"
        return None


def moved_alike(stacked: Tensor, alone: Tensor, mean: Tensor, floor: float) -> bool:
    """Return whether Adam moved a parameter as it does alone, wherever that isn't left to rounding."""
    sure = mean.abs() > SURE * (TOLERANCE * mean.abs().max() + floor)
    allowed = LEARNING_RATE * torch.where(sure, 0.05, 2.5) + ROUNDING * alone.abs().max()  # there and back is 2
    return bool(((stacked - alone).abs() <= allowed).all())


def matches(stacked: Tensor, alone: Tensor, absolute: float = 0.0) -> bool:
    """Return whether numbers of a stack are those alone, but for rounding.

    Args:
        absolute: a difference that may be nothing but the rounding of other numbers of the same computation.
    """
    return within(stacked, alone, TOLERANCE * float(alone.abs().max()) + absolute)


def within(one: Tensor, other: Tensor, difference: float) -> bool:
    """Return whether two tensors of one shape differ by no more than so much."""
    return one.shape == other.shape and bool((one.double() - other.double()).abs().max() <= difference)


def learning_rate(device: torch.device) -> float | Tensor:
    """Return the learning rate of the trial as the optimiser wants it: a tensor on a GPU."""
    return LEARNING_RATE if device.type == "cpu" else torch.tensor(LEARNING_RATE, device=device)


def same_states(one: RandomStates, other: RandomStates) -> bool:
    """Return whether the process's generators stand where they stood."""
    before, after = dict[str, Any](), dict[str, Any]()
    collect(one._asdict(), "states", before, set())
    collect(other._asdict(), "states", after, set())
    return first_difference(before, after, tolerance=0.0) is None


def text_of(error: Exception) -> str:
    """Return what an error says on one line, in no more than 200 characters."""
    return " ".join(message_of(error).split())[:200] or type(error).__name__
