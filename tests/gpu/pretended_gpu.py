"""A pretended GPU for tests on a machine without one: real numbers on the CPU, with the manners of CUDA.

    with pretended() as gpu:
        x = torch.ones(3, device="cuda")
        x + torch.ones(3)  # RuntimeError: Expected all tensors to be on the same device …
        x.sum().item()
        assert gpu.waits == 1

Each storage says where it pretends to lie (`tests.gpu.pretended_machine`). A mode sees every operation, checks what
CUDA would check and says where the result lies (`tests.gpu.pretended_kernels`); while a graph is captured it has the
operation recorded (`tests.gpu.pretended_graph`). What Python asks torch apart from operations is patched for as long:
`x.device`, `x.to("cuda")`, `torch.zeros(3, device="cuda")` and the like in this file, `torch.cuda` in
`tests.gpu.pretended_cuda`.

Not pretended: how long anything takes, what a GPU rounds otherwise or reports late, streams that should have waited for
one another, a memory that is full, `torch.autocast`, `torch.set_default_device` and `with torch.device(…)`, sparse
tensors, threads, moving to another device under vmap, and a rate on the device in an optimiser of torch's.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import torch
import torch.utils._device
from torch import Tensor

from tests.gpu import pretended_cuda
from tests.gpu.pretended_kernels import Kernels, is_pinned
from tests.gpu.pretended_machine import CPU, Generator, State, installed, now, place, pretending, storage_of
from tests.gpu.pretended_streams import Stream, current_stream

FACTORIES = (
    "arange", "empty", "empty_strided", "eye", "full", "linspace", "logspace", "ones", "rand", "randint", "randn",
    "randperm", "scalar_tensor", "tril_indices", "triu_indices", "zeros",
)  # fmt: skip
LIKE = ("empty_like", "full_like", "ones_like", "rand_like", "randint_like", "randn_like", "zeros_like")
NEW = ("new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros")  # methods
FROM_HOST = ("as_tensor", "asarray", "tensor")  # copies, hence waits

real_to, real_numpy, real_tolist = Tensor.to, Tensor.numpy, Tensor.tolist
real_deepcopy, real_one_hot = Tensor.__deepcopy__, torch.nn.functional.one_hot


@contextlib.contextmanager
def pretended(gpus: int = 2) -> Iterator[State]:
    """A machine with so many GPUs, for as long; nothing of it is left behind.

    A module that is first imported within may keep a function that is patched, which then does as torch's own does.
    (torch.optim and torch.testing.assert_close import much at their first use: let them do so before.)
    """
    torch.utils._device._device_constructors()  # torch keeps what this finds, so let it find the true functions
    with installed(gpus) as state, contextlib.ExitStack() as stack:
        state.default_streams = [Stream(number) for number in range(gpus)]
        state.streams = list(state.default_streams)
        state.generators = [Generator(number) for number in range(gpus)]
        for owner, replacements in (
            (torch, {"Generator": Generator} | factories()),
            (torch.nn.functional, {"one_hot": one_hot}),
            (Tensor, tensor_attributes()),
            (torch.cuda, {"default_generators": tuple(state.generators)} | cuda_names()),
            (torch.accelerator, {"current_stream": current_stream}),  # which torch.optim asks if it is in a capture
        ):
            for name, replacement in replacements.items():
                stack.enter_context(patch.object(owner, name, replacement))
        stack.enter_context(Kernels())
        yield state


def cuda_names() -> dict[str, Any]:
    return {name: getattr(pretended_cuda, name) for name in pretended_cuda.__all__}


# Tensors that are made


@contextlib.contextmanager
def naming(device: torch.device | None) -> Iterator[None]:
    """Says where that which torch is about to make shall lie: torch itself is told "cpu"."""
    state = now()
    before, state.target = state.target, device
    try:
        yield
    finally:
        state.target = before


def factory(real: Callable, default: torch.device | None) -> Callable:
    """A function that makes tensors, with `device=`. default: if none is named; None: torch knows, from a tensor."""

    @functools.wraps(real)
    def make(*args: Any, **kwargs: Any) -> Tensor:
        if not pretending():
            return real(*args, **kwargs)
        device, pin = kwargs.pop("device", None), kwargs.pop("pin_memory", False)
        device = default if device is None else now().resolved(device)
        if device is not None:
            kwargs["device"] = CPU if device.type == "cuda" else device
        with naming(device):
            made = real(*args, **kwargs)
        return pin_memory(made) if pin else made

    return make


def from_host(real: Callable) -> Callable:
    """A function that makes a tensor of data of the host's."""

    @functools.wraps(real)
    def make(*args: Any, **kwargs: Any) -> Tensor:
        if not pretending():
            return real(*args, **kwargs)
        device, pin, learns = (kwargs.pop(name, None) for name in ("device", "pin_memory", "requires_grad"))
        made = real(*args, **kwargs)
        made = made if device is None else made.to(device)
        made = pin_memory(made) if pin else made
        return made.requires_grad_() if learns else made

    return make


def factories() -> dict[str, Callable]:
    plain = {name: factory(getattr(torch, name), CPU) for name in FACTORIES}
    like = {name: factory(getattr(torch, name), None) for name in LIKE}
    return plain | like | {name: from_host(getattr(torch, name)) for name in FROM_HOST}


def one_hot(labels: Tensor, num_classes: int = -1) -> Tensor:
    """As torch's does on a GPU, where it does not look whether the labels are in range."""
    if not pretending() or place(labels) == CPU:
        return real_one_hot(labels, num_classes)
    classes = num_classes if num_classes > 0 else int(labels.max()) + 1
    return labels.new_zeros(*labels.shape, classes).scatter(-1, labels.unsqueeze(-1), 1)


# Tensors that move, and what they say of themselves


class Carried(torch.autograd.Function):
    """A copy on another device, whose gradient travels back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, device: torch.device, options: dict[str, Any]) -> Tensor:
        ctx.source = place(x)
        with naming(device):
            return torch.ops.aten._to_copy(x, device=CPU, **options)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return Carried.apply(gradient, ctx.source, {}), None, None


def to(self: Tensor, *args: Any, copy: bool = False, **kwargs: Any) -> Tensor:
    device, dtype, non_blocking, memory_format = torch._C._nn._parse_to(*args, **kwargs)
    others = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    device = place(others[0]) if others else place(self) if device is None else now().resolved(device)
    options = {"dtype": dtype or self.dtype, "non_blocking": non_blocking, "memory_format": memory_format}
    if device == place(self):
        return real_to(self, copy=copy, **options)
    if "meta" in (device.type, place(self).type):
        return real_to(self, device, copy=copy, **options)
    return Carried.apply(self, device, options)


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, **kwargs: Any) -> Tensor:
    if device is None and place(self) != CPU:
        return self
    return self.to(now().resolved(device), non_blocking=non_blocking, **kwargs)


def numpy(self: Tensor, *, force: bool = False) -> Any:
    if place(self) != CPU and not force:
        raise TypeError(
            f"can't convert {place(self)} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
            "memory first."
        )
    return real_numpy(self.cpu() if force else self, force=force)


def tolist(self: Tensor) -> Any:
    return real_tolist(self.cpu() if self.dim() else self)  # that of a number asks for its value, which is seen


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    if place(self) != CPU:
        raise RuntimeError("cannot pin 'torch.cuda.Tensor' only dense CPU tensors can be pinned")
    pinned = self if is_pinned(self) else self.clone()
    storage_of(pinned).pinned = True
    return pinned


def deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """Torch's copies the storage, which no mode sees."""
    if place(self) == CPU or id(self) in memo:
        return real_deepcopy(self, memo)
    memo[id(self)] = self.detach().clone().requires_grad_(self.requires_grad)
    return memo[id(self)]


def tensor_attributes() -> dict[str, Any]:
    of_host = {"new_tensor": lambda self, data, **kwargs: torch.tensor(data, **{"device": place(self), **kwargs})}
    return {
        "device": property(place),
        "is_cuda": property(lambda self: place(self).type == "cuda"),
        "is_cpu": property(lambda self: place(self) == CPU),
        "get_device": lambda self: -1 if place(self) == CPU else place(self).index,
        "to": to,
        "cpu": lambda self, **kwargs: self.to(CPU, **kwargs),
        "cuda": cuda,
        "numpy": numpy,
        "tolist": tolist,
        "pin_memory": pin_memory,
        "is_pinned": lambda self, device=None: is_pinned(self),
        "record_stream": lambda self, stream: None,
        "__deepcopy__": deepcopy,
        **of_host,
        **{name: factory(getattr(Tensor, name), None) for name in NEW},
    }
