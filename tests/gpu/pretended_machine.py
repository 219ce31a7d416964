"""The pretended machine itself: its counters, what lies on which GPU, and generators of random numbers.

The device of a tensor is written down on its storage (`place`, `mark`), so views, `detach()` and `.data` share it, and
it is forgotten with the memory. `tests.gpu.pretended_streams` and `tests.gpu.pretended_graph` add streams and
graphs, `tests.gpu.pretended_gpu` puts all of it in the place of torch's own.
"""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

if TYPE_CHECKING:
    from tests.gpu.pretended_graph import CUDAGraph
    from tests.gpu.pretended_streams import Stream

CPU = torch.device("cpu")
REAL_DEVICE = Tensor.device  # the true property, before another is put in its place


class State:
    """The machine as a test sees it.

    gpus: how many there are. waits: how often the host has waited for one of them. replays: of graphs. launches: what
    they have computed or copied outside of graphs, in operations; a view or an allocation is none. The other attributes
    are for the modules that pretend.
    """

    def __init__(self, gpus: int):
        self.gpus = gpus
        self.waits = self.replays = self.launches = 0
        self.current = 0  # the number of the current GPU
        self.sync_debug = 0  # set_sync_debug_mode: 0 default, 1 warn, 2 error
        self.target: torch.device | None = None  # of the factory call under way; None: of none
        self.capturing: CUDAGraph | None = None
        self.capture_stream: Stream | None = None  # torch.cuda.graph's own, if none is named
        self.default_streams: list[Stream] = []
        self.streams: list[Stream] = []  # the current one of each GPU
        self.generators: list[Generator] = []  # the default one of each GPU
        self.by_id: weakref.WeakValueDictionary[int, Generator] = weakref.WeakValueDictionary()
        self.allocated, self.peak = [0] * gpus, [0] * gpus  # bytes

    def resolved(self, device: Any) -> torch.device:
        """The device with its number, checked to exist: None and a bare "cuda" are the current GPU."""
        if device is None or isinstance(device, int):
            device = torch.device("cuda", self.current if device is None else device)
        device = torch.device(device)
        if device.type == "cuda" and device.index is None:
            return torch.device("cuda", self.current)
        if device.type == "cuda" and device.index >= self.gpus:
            raise torch.AcceleratorError(f"CUDA error: invalid device ordinal: {device} of {self.gpus} GPUs")
        return device

    def wait(self, what: str, debugged: bool = True) -> None:
        """The host waits for a GPU: counted, or refused where CUDA refuses it.

        debugged: torch's set_sync_debug_mode looks at it, as it does at neither events nor `torch.cuda.synchronize`.
        """
        if debugged and self.sync_debug == 2:
            raise RuntimeError("called a synchronizing CUDA operation")
        if debugged and self.sync_debug == 1:
            warnings.warn("called a synchronizing CUDA operation", stacklevel=3)
        if self.capturing is not None:
            self.capturing.broken = True
            raise torch.AcceleratorError(
                f"CUDA error: operation not permitted when stream is capturing: {what} waits for the device"
            )
        self.waits += 1

    def allocate(self, storage: torch.UntypedStorage, number: int) -> None:
        """Counts the bytes of a storage on a GPU for as long as it lives."""
        size = storage.nbytes()
        self.allocated[number] += size
        self.peak[number] = max(self.peak[number], self.allocated[number])
        weakref.finalize(storage, self._free, number, size).atexit = False

    def _free(self, number: int, size: int) -> None:
        self.allocated[number] -= size


_machine: State | None = None


def now() -> State:
    """The machine that is pretended at present."""
    if _machine is None:
        raise RuntimeError("no GPU is pretended: this object has outlived pretended()")
    return _machine


def pretending() -> bool:
    return _machine is not None


@contextlib.contextmanager
def installed(gpus: int) -> Iterator[State]:
    """A new machine, which `now` gives for as long."""
    global _machine
    if _machine is not None:
        raise RuntimeError("a GPU is pretended already")
    _machine = State(gpus)
    try:
        yield _machine
    finally:
        _machine = None


def storage_of(x: Tensor) -> torch.UntypedStorage:
    """The memory behind a tensor, also behind what vmap and grad hand to a function in its place."""
    while torch._C._functorch.is_functorch_wrapped_tensor(x):
        x = torch._C._functorch.get_unwrapped(x)
    return x.untyped_storage()


def mark_of(x: Tensor) -> torch.device | None:
    """What is written down of a tensor's memory.

    None: it comes from torch's own code, such as the zeros of a derivative, and will lie where it is first needed.
    """
    real = REAL_DEVICE.__get__(x)
    return real if real != CPU else getattr(storage_of(x), "pretended", CPU)


def place(x: Tensor) -> torch.device:
    """The device on which a tensor pretends to lie."""
    return mark_of(x) or CPU


def mark(x: Tensor, device: torch.device | None) -> None:
    """Says where the memory of a tensor lies; None: undecided."""
    storage = storage_of(x)
    storage.pretended = device
    if device is not None and device.type == "cuda":
        now().allocate(storage, device.index)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Operations as they really are, for as long: seen by no mode, nor by autograd."""
    # not no_grad, within which parameters could not be written to, nor what was captured in inference mode
    with torch.inference_mode(), _disable_current_modes(), torch._C.DisableTorchFunction():
        yield


class Generator(torch.Generator):
    """A generator of the CPU that says it belongs to `device`.

    capturing: a graph that is being captured has it. A capture that CUDA broke does not give it back, which is what
    torch 2.11 does: every later draw fails.
    """

    capturing = False
    home: torch.device

    def __new__(cls, device: Any = "cpu") -> Generator:
        self = super().__new__(cls, "cpu")
        self.home = now().resolved(device)
        now().by_id[self._cdata] = self  # an operation is given another object around the same generator
        return self

    @property
    def device(self) -> torch.device:
        return self.home

    def manual_seed(self, seed: int) -> Generator:
        self._check_change("set_current_seed")
        super().manual_seed(seed)
        return self

    def set_state(self, state: Tensor) -> Generator:
        self._check_change("set_state")
        super().set_state(state)
        return self

    def _check_change(self, what: str) -> None:
        if self.home != CPU and now().capturing is not None:
            raise RuntimeError(f"Cannot call CUDAGeneratorImpl::{what} during CUDA graph capture.")

    def check_draw(self) -> None:
        """Raises what torch 2.11 does if numbers can't be drawn from it at this time."""
        captured = now().capturing is not None
        if captured and not self.capturing:
            raise RuntimeError("Attempt to increase offset for a CUDA generator not in capture mode.")
        if self.capturing and not captured:
            raise RuntimeError("Offset increment outside graph capture encountered unexpectedly.")

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """For as long, what is drawn from the CPU's default generator comes from this one.

        The kernels that really run know no other default. A GPU's has its own state, whatever is drawn on the CPU.
        """
        host = torch.default_generator
        kept = host.get_state()
        host.set_state(self.get_state())
        try:
            yield
        finally:
            super().set_state(host.get_state())
            host.set_state(kept)
