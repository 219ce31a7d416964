"""The pretended GPU in time: graphs of recorded operations."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from tests.gpu.pretended_machine import CPU, Generator, now, place, quiet
from tests.gpu.pretended_streams import Stream, current_stream, stream

COPIES = {torch.ops.aten.copy_, torch.ops.aten._to_copy}
CAPTURE_ERROR_MODES = ("global", "thread_local", "relaxed")


def leaves(*values: Iterable[Any]) -> Iterator[Any]:
    """What is in collections, and in lists and tuples in these: how operations are given tensors, and return them."""
    for value in values:
        for one in value:
            if isinstance(one, (list, tuple)):
                yield from leaves(one)
            else:
                yield one


@dataclass
class Operation:
    """A call that a GPU executes, and can execute again.

    default: the generator that it draws from because none was named. results: the leaves of what it gave; None for
    each that is no tensor, or has no memory of its own.
    """

    function: Any
    args: tuple
    kwargs: dict[str, Any]
    default: Generator | None = None
    results: tuple[Tensor | None, ...] = ()

    def run(self) -> Any:
        if self.default is None:
            return self.function(*self.args, **self.kwargs)
        with self.default.lent():
            return self.function(*self.args, **self.kwargs)

    def run_again(self) -> None:
        """Computes into the memory of the first time."""
        for held, value in zip(self.results, leaves((self.run(),)), strict=True):
            if held is not None:
                held.copy_(value)

    def bake(self) -> None:
        """A number on the CPU is part of a launch: a graph repeats its value at the capture, whatever becomes of it."""

        def baked(x: Any) -> Any:
            return x.clone() if isinstance(x, Tensor) and not x.dim() and place(x) == CPU else x

        if self.function.overloadpacket not in COPIES:  # which are given the address of pinned memory
            self.args, self.kwargs = tree_map(baked, (self.args, self.kwargs))


def content(storage: torch.UntypedStorage) -> Tensor:
    """The bytes of a storage."""
    return torch.empty(0, dtype=torch.uint8).set_(storage)


class CUDAGraph:
    """`torch.cuda.CUDAGraph`: operations recorded once, and then replayed on the very same memory.

    They do run while they are recorded, which is how their shapes become known; at the end of the capture everything
    that was there before is put back, and what was born in it is NaN (whole numbers: 0) until the first replay.

    operations: those recorded, without views and allocations. empty: there are none.
    """

    def __init__(self, keep_graph: bool = False):
        self.operations: list[Operation] = []
        self.generators: list[Generator] = []
        self.captured = self.broken = False

    @property
    def empty(self) -> bool:
        return not self.operations

    def register_generator_state(self, generator: Generator) -> None:
        if generator.device == CPU:
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        if now().capturing is not None:
            raise RuntimeError("Cannot register the state during capturing stage.")
        if generator not in self.generators:
            self.generators.append(generator)

    def capture_begin(self, pool: Any = None, capture_error_mode: str = "global") -> None:
        state = now()
        if capture_error_mode not in CAPTURE_ERROR_MODES:
            raise RuntimeError(f"Unknown capture error mode {capture_error_mode!r}: not in {CAPTURE_ERROR_MODES}")
        if self.captured:
            raise RuntimeError("This CUDAGraph instance already owns a captured graph.")
        if state.capturing is not None:
            raise torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing: a capture")
        self.stream = current_stream()
        self.device = self.stream.device
        if self.stream in state.default_streams:
            raise RuntimeError("CUDA graphs must be captured on a non-default stream.")
        self.register_generator_state(state.generators[self.device.index])
        self.streams, self.unjoined = {self.stream}, set[Stream]()
        self.before: dict[int, tuple[torch.UntypedStorage, Tensor]] = {}
        self.born: dict[int, Tensor] = {}
        self.drawn = [generator.get_state() for generator in self.generators]
        for generator in self.generators:
            generator.capturing = True
        state.capturing = self

    def capture_end(self) -> None:
        """Ends the capture. After an error of CUDA in it this raises too, and the generators stay as they are."""
        if current_stream() is not self.stream:
            raise RuntimeError("Capture must end on the same stream it began on.")
        now().capturing = None
        self._undo()
        if self.broken:
            raise torch.AcceleratorError("CUDA error: operation failed due to a previous error during capture")
        if self.unjoined:
            raise torch.AcceleratorError("CUDA error: capturing stream has unjoined work")
        for generator in self.generators:
            generator.capturing = False
        self.captured = True
        if self.empty:
            warnings.warn(
                "The CUDA Graph is empty. This usually means that the graph was attempted to be captured on wrong "
                "device or stream.",
                stacklevel=3,
            )

    def replay(self) -> None:
        state = now()
        if not self.captured:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        if state.capturing is not None:
            state.capturing.broken = True
            raise torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing: a replay")
        for generator in self.generators:
            generator.check_draw()
        state.replays += 1
        with quiet(), torch.inference_mode():  # it may be of such a mode
            for operation in self.operations:
                operation.run_again()

    def reset(self) -> None:
        self.operations, self.captured, self.born = [], False, {}

    def pool(self) -> tuple[int, int]:
        return (id(self), 0)

    # What follows is for the mode that sees every operation (tests.gpu.pretended_kernels).

    def admit(self, operation: Operation, places: Iterable[torch.device | None]) -> None:
        """Raises unless the operation can be part of the capture.

        CUDA is more lenient here, and worse: it runs the operation outside of the graph.
        """
        for device in places:
            if device not in (CPU, self.device, None):
                raise RuntimeError(f"operation on {device} during a capture on {self.device}: {operation.function}")
        on = current_stream(self.device)
        if on not in self.streams:
            raise RuntimeError(f"operation on a stream that has no part in the capture: {operation.function}")
        if on is not self.stream:
            self.unjoined.add(on)

    def keep(self, tensors: Iterable[Tensor]) -> None:
        """Remembers what is in memory that an operation may write to."""
        for x in tensors:
            storage = x.untyped_storage()
            if storage._cdata not in self.born and storage._cdata not in self.before:
                self.before[storage._cdata] = storage, content(storage).clone()

    def join(self, waiting: Stream, other: Stream) -> None:
        """A stream that waits for one of the capture is part of it, and its work has to be waited for in turn."""
        if other in self.streams:
            self.streams.add(waiting)
            self.unjoined.discard(other)
        elif waiting in self.streams:
            self.broken = True
            raise torch.AcceleratorError("CUDA error: dependency created on uncaptured work in another stream")

    def record(self, operation: Operation, computes: bool) -> None:
        """Takes an operation that has just run. computes: it is more than a view or an allocation."""
        for x in operation.results:
            if x is not None:
                self.born[x.untyped_storage()._cdata] = x
        if computes:
            operation.bake()
            self.operations.append(operation)

    def _undo(self) -> None:
        with quiet():
            for storage, bytes_before in self.before.values():
                content(storage).copy_(bytes_before)
            for x in self.born.values():
                all_ones = x.is_floating_point() or x.is_complex()  # NaN in every format
                content(x.untyped_storage()).fill_(255 if all_ones else 0)
        for generator, state in zip(self.generators, self.drawn, strict=True):
            generator.set_state(state)
        self.before.clear()


class graph:  # noqa: N801 (torch's name)
    """`torch.cuda.graph`: what is done within becomes part of a graph.

    As in torch 2.11, an error of `capture_end` leaves the stream of the capture the current one. And as in every torch
    the stream, if none is named, is made once, on the GPU that was the current one then. A capture on another GPU's
    stream is an error here; with CUDA, the graph stays empty.
    """

    def __init__(
        self,
        cuda_graph: CUDAGraph,
        pool: Any = None,
        stream: Stream | None = None,
        capture_error_mode: str = "global",
    ):
        state = now()
        if stream is None and state.capture_stream is None:
            state.capture_stream = Stream()
        self.graph, self.pool, self.mode = cuda_graph, pool, capture_error_mode
        self.stream = state.capture_stream if stream is None else stream

    def __enter__(self) -> None:
        state = now()
        state.wait("torch.cuda.graph", debugged=False)
        if self.stream.device.index != state.current:
            raise RuntimeError(f"capture on a stream of {self.stream.device} while cuda:{state.current} is current")
        self.context = stream(self.stream)
        self.context.__enter__()
        self.graph.capture_begin(self.pool, self.mode)

    def __exit__(self, *error: object) -> None:
        self.graph.capture_end()
        self.context.__exit__(*error)
