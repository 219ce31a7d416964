"""Work as a CUDA graph, the training step above all: nets this small leave a GPU waiting for Python, kernel by kernel.

A graph replays what it recorded and nothing else, so a step can be recorded only if it does the same each time: it must
not look at its numbers (`.item()`), nor decide anything in Python. That is tried before a graph is used: once with
torch on the watch for whatever waits for the device, and once by holding the first replay to the step itself.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.training.adam import Adam
from bench.training.batches import Batches

WARM_UP = 3  # eager steps before the capture, as torch asks for
TOLERANCE = 1e-3  # relative, of the first replay; sums of a GPU may differ in their order from call to call
ROUNDING = 1e-6  # the same, relative to the largest gradient: that of a bias before a batch norm is rounding alone


class Refused(RuntimeError):
    """The step can't be a graph; nothing has changed, and it can be taken eagerly."""


class Broken(RuntimeError):
    """A capture failed midway: this process should not use its GPU any more, whose generators are stuck in it."""


class Recorded:
    """A step that reads its inputs from a fixed place, recorded once and replayed.

    step(x, labels, noise) → losses [S]. inputs: for as many steps as may be drawn at once; their contents are the
    trial's. Parameters, buffers, optimiser and random state are left as they were found. Raises Refused or Broken.
    """

    def __init__(
        self,
        step: Callable[[Tensor, Tensor, Tensor], Tensor],
        inputs: Batches,
        optimiser: Adam,
        models: Sequence[nn.Module],
    ):
        device = inputs.x.device
        steps = max(WARM_UP, inputs.x.shape[1])  # no fewer than the trial takes
        some = torch.arange(steps, device=device) % inputs.x.shape[1]
        self.inputs = Batches(*(tensor.index_select(1, some) for tensor in inputs))
        self.rates = torch.full((steps,), 1e-3, device=device)
        self.at = torch.zeros(1, dtype=torch.long, device=device)  # which of the steps comes next
        self.losses = torch.zeros(len(inputs.x), device=device)  # [S], summed over steps since they were last cleared
        self.optimiser = optimiser
        self._step = step
        buffers = [buffer for model in models for buffer in model.buffers()]
        self._changed = [*optimiser.state(), *buffers, self.at, self.losses]
        with torch.no_grad():
            before = [tensor.clone() for tensor in self._changed]
        draws = torch.cuda.get_rng_state(device)  # of dropout, say; a captured graph goes on from it

        def undo() -> None:
            with torch.no_grad():
                for tensor, value in zip(self._changed, before, strict=True):
                    tensor.copy_(value)
            torch.cuda.set_rng_state(draws, device)
            optimiser.zero()

        self.graph = record(self._body, device, undo)
        self._hold_to_the_step(undo)

    def run(self, batches: Batches, rates: Tensor) -> Tensor:
        """Takes as many steps as there are rates, [K]; the sum of their losses [S], which the next run overwrites."""
        count = len(rates)
        for kept, new in zip(self.inputs, batches, strict=True):
            kept[:, :count].copy_(new)
        self.rates[:count].copy_(rates)
        self.at.zero_()
        self.losses.zero_()
        for _ in range(count):
            self.graph.replay()
        return self.losses

    def _body(self) -> None:
        """One step, of those that are there the next."""
        x, labels, noise = (tensor.index_select(1, self.at).squeeze(1) for tensor in self.inputs)
        self.optimiser.rate = self.rates.index_select(0, self.at).squeeze(0)
        self.losses.add_(self._step(x, labels, noise))
        self.at.add_(1)

    def _hold_to_the_step(self, undo: Callable[[], None]) -> None:
        """The first replay must move the optimiser's means as the step does, and give its losses."""
        looked = [self.losses, *self.optimiser.means]
        self.graph.replay()
        replayed = [tensor.clone() for tensor in looked]
        undo()
        self._body()
        taken = [tensor.clone() for tensor in looked]
        undo()
        floor = ROUNDING * torch.stack([tensor.nan_to_num().abs().max() for tensor in taken[1:]]).max()
        differ = []
        for one, other in zip(replayed, taken, strict=True):
            one, other = one.nan_to_num(), other.nan_to_num()  # a network may be broken from its first step
            differ.append(((one - other).abs() > TOLERANCE * other.abs().max() + floor).any())
        if torch.stack(differ).any().item():
            raise Refused("its replay does something else than the step, as where Python decides or draws")


def record(
    body: Callable[[], object],
    device: torch.device,
    undo: Callable[[], None] = lambda: None,
    generators: Sequence[torch.Generator] = (),
) -> torch.cuda.CUDAGraph:
    """What `body` does on the current stream of `device`, as a graph; by itself the capture computes nothing.

    undo: called after the warm-up and after the capture. generators: those of its own that `body` draws from.
    Raises Refused or Broken.
    """
    here = torch.cuda.current_stream(device)
    # the default stream can't be captured; another is, whose own workspace a library then has in the graph
    side = side_stream(device) if here == torch.cuda.default_stream(device) else here
    side.wait_stream(here)
    try:
        with torch.cuda.stream(side):
            for number in range(WARM_UP):
                with watched(number == WARM_UP - 1):
                    body()
    except RuntimeError as error:
        if not looks_at_numbers(error):
            raise
        raise Refused("the step waits for the device, as .item() does") from error
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
        raise Broken(f"a capture failed: {' '.join(str(error).split())[:200]}") from error
    undo()
    return graph


@functools.cache
def side_stream(device: torch.device) -> torch.cuda.Stream:
    """The one on which a process captures what runs on the default stream."""
    return torch.cuda.Stream(device)


def replayed(
    call: Callable[[], object], device: torch.device, generators: Sequence[torch.Generator] = ()
) -> Callable[[], object]:
    """`call` as replays of a graph, or itself if it can't be one; on a CPU itself."""
    if device.type == "cpu":
        return call
    try:
        return record(call, device, generators=generators).replay
    except Refused:
        return call


@contextmanager
def watched(wanted: bool) -> Iterator[None]:
    """Whatever waits for the device raises RuntimeError."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype")
        torch.cuda.set_sync_debug_mode("error" if wanted else before)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def looks_at_numbers(error: RuntimeError) -> bool:
    return "synchronizing CUDA operation" in str(error)
