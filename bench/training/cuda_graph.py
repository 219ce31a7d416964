"""CUDA graphs of the training step and of other work: networks this small leave a GPU waiting for Python otherwise.

A graph replays what was captured and nothing else, so a step can be captured only if it does the same each time: it
must not look at its numbers (`.item()`), nor decide or remember anything in Python. That is tried before a graph is
used: once with torch raising an error for whatever waits for the device, and once by comparing the first replay with
the eager step. What the models hold in Python is looked at too.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from archs.errors import message_of, one_line
from bench.training.adam import Adam
from bench.training.batches import Batches
from bench.training.stack_obstacles import first_difference, state_without_tensors

WARM_UP = 3
"""Eager steps before the capture, as torch asks for."""

TOLERANCE = 1e-3
"""Relative, of the first replay: the sums of a GPU may differ in their order from call to call."""

ROUNDING = 1e-6
"""The same, relative to the largest gradient: that of a bias before a batch norm is rounding alone."""


class NotCapturable(RuntimeError):
    """The step can't be a graph; nothing has changed, and it can be taken eagerly."""


class CaptureFailed(RuntimeError):
    """A capture failed midway: this process should not use its GPU any more, whose generators are stuck in it."""


class CapturedStep:
    """A training step that reads its inputs from a fixed place, captured once as a CUDA graph and then replayed."""

    def __init__(
        self,
        step: Callable[[Tensor, Tensor, Tensor], Tensor],
        inputs: Batches,
        optimiser: Adam,
        models: Sequence[nn.Module],
        own_rates: bool = False,
    ):
        """Capture the step; parameters, buffers, optimiser and random state are left as they were found.

        So are attributes of modules, but for what the step changes within a list or another object: that refuses it,
        one step on.

        Args:
            step: (x, labels, noise) → losses [S].
            inputs: batches of any contents, of as many steps as may be taken at once.
            own_rates: whether the models have a learning rate each.

        Raises:
            NotCapturable: the step can be taken eagerly only.
            CaptureFailed: the process can't use its GPU any more.
        """
        device = inputs.x.device
        steps = max(WARM_UP, inputs.x.shape[1])  # no fewer than the warm-up takes
        some = torch.arange(steps, device=device) % inputs.x.shape[1]
        self.inputs = Batches(*(tensor.index_select(1, some) for tensor in inputs))
        shape = (steps, len(inputs.x)) if own_rates else (steps,)
        self.rates = torch.full(shape, 1e-3, device=device)
        self.next_step = torch.zeros(1, dtype=torch.long, device=device)  # which of the steps comes next
        self.losses = torch.zeros(len(inputs.x), device=device)  # [S], summed over steps since they were last cleared
        self.optimiser = optimiser
        self._step = step
        modules = [module for model in models for module in model.modules()]
        attributes = [dict(vars(module)) for module in modules]
        self._buffers = [
            (module, name, buffer)
            for module in modules
            for name, buffer in module.named_buffers(recurse=False, remove_duplicate=False)
        ]
        self._models, self._states = models, list[dict[str, Any]]()
        self._changed = [*optimiser.state(), *(each[2] for each in self._buffers), self.next_step, self.losses]
        with torch.no_grad():
            before = [tensor.clone() for tensor in self._changed]
        draws = torch.cuda.get_rng_state(device)  # of dropout, say; a captured graph goes on from it

        def undo() -> None:
            for module, held in zip(modules, attributes, strict=True):
                vars(module).update(held)
            for module, name, buffer in self._buffers:
                setattr(module, name, buffer)
            with torch.no_grad():
                for tensor, value in zip(self._changed, before, strict=True):
                    tensor.copy_(value)
            torch.cuda.set_rng_state(draws, device)
            optimiser.zero_grad()

        self.graph = capture(self._body, device, undo)
        self._compare_with_eager(undo)

    def run(self, batches: Batches, rates: Tensor) -> Tensor:
        """Take as many steps as there are rates, [K] or [K, S]; return the sum of losses, [S], till the next call."""
        count = len(rates)
        for own, new in zip(self.inputs, batches, strict=True):
            own[:, :count].copy_(new)
        self.rates[:count].copy_(rates)
        self.next_step.zero_()
        self.losses.zero_()
        for _ in range(count):
            self.graph.replay()
        return self.losses

    def _body(self) -> None:
        """Take the next of the steps whose inputs are in place: this is what is captured."""
        x, labels, noise = (tensor.index_select(1, self.next_step).squeeze(1) for tensor in self.inputs)
        self.optimiser.lr = self.rates.index_select(0, self.next_step).squeeze(0)
        self.losses.add_(self._step(x, labels, noise))
        self.next_step.add_(1)
        if not torch.cuda.is_current_stream_capturing():
            self._expect_no_other_state()

    def _expect_no_other_state(self) -> None:
        """Raise `NotCapturable` if the models hold what a replay would not change, or not in its place.

        What the first step makes, and no later one changes, is no such thing: a choice that is made once for all, say.
        """
        for module, name, buffer in self._buffers:
            if getattr(module, name) is not buffer:
                raise NotCapturable(f"the step puts another tensor in the place of the buffer {name}")
        states = [state_without_tensors(model) for model in self._models]
        self._states = self._states or states
        for before, after in zip(self._states, states, strict=True):
            changed = first_difference(before, after)
            if changed is not None:
                raise NotCapturable(f"the step changes {changed}, which is no tensor")

    def _compare_with_eager(self, undo: Callable[[], None]) -> None:
        """Raise `NotCapturable` unless a replay moves the optimiser's means as the eager step does, at equal losses."""
        compared = [self.losses, *self.optimiser.means]
        self.graph.replay()
        replayed = [tensor.clone() for tensor in compared]
        undo()
        self._body()
        eager = [tensor.clone() for tensor in compared]
        undo()
        floor = ROUNDING * torch.stack([tensor.nan_to_num().abs().max() for tensor in eager[1:]]).max()
        differ = []
        for one, other in zip(replayed, eager, strict=True):
            one, other = one.nan_to_num(), other.nan_to_num()  # a network may be broken from its first step
            differ.append(((one - other).abs() > TOLERANCE * other.abs().max() + floor).any())
        if torch.stack(differ).any().item():
            raise NotCapturable("its replay does something else than the step, as where Python decides or draws")


def capture(
    body: Callable[[], object],
    device: torch.device,
    undo: Callable[[], None] = lambda: None,
    generators: Sequence[torch.Generator] = (),
) -> torch.cuda.CUDAGraph:
    """Capture what `body` does on the current stream of `device` as a graph; the capture itself computes nothing.

    Args:
        undo: called after the warm-up and after the capture.
        generators: those that `body` draws from, torch's default one aside.

    Raises:
        NotCapturable: `body` waits for the device.
        CaptureFailed: the process can't use its GPU any more.
    """
    here = torch.cuda.current_stream(device)
    # the default stream can't be captured; another is, whose own workspace a library then has in the graph
    side = capture_stream(device) if here == torch.cuda.default_stream(device) else here
    side.wait_stream(here)
    try:
        with torch.cuda.stream(side):
            for number in range(WARM_UP):
                with waiting_is_an_error(number == WARM_UP - 1):
                    body()
    except RuntimeError as error:
        if not is_about_waiting(error):
            raise
        raise NotCapturable("the step waits for the device, as .item() does") from error
    finally:
        here.wait_stream(side)
        undo()
    graph = torch.cuda.CUDAGraph()
    for draw in generators:
        graph.register_generator_state(draw)
    try:
        with torch.cuda.graph(graph, stream=side):
            body()
    except torch.OutOfMemoryError:  # which breaks no capture
        undo()
        raise
    except RuntimeError as error:
        raise CaptureFailed(f"a capture failed: {one_line(error)[:200]}") from error
    undo()
    return graph


@functools.cache
def capture_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the stream on which this process captures what runs on the default one."""
    return torch.cuda.Stream(device)


def graphed(
    call: Callable[[], object], device: torch.device, generators: Sequence[torch.Generator] = ()
) -> Callable[[], object]:
    """Return replays of `call` as a graph; on a CPU, or if it can't be captured, `call` itself."""
    if device.type == "cpu":
        return call
    try:
        return capture(call, device, generators=generators).replay
    except NotCapturable:
        return call


@contextmanager
def waiting_is_an_error(wanted: bool) -> Iterator[None]:
    """Have torch raise a RuntimeError for whatever waits for the device, if `wanted`."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype")
        torch.cuda.set_sync_debug_mode("error" if wanted else before)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def is_about_waiting(error: RuntimeError) -> bool:
    """Return whether this is the error of `waiting_is_an_error`."""
    return "synchronizing CUDA operation" in message_of(error)
