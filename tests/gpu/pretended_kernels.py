"""Every operation on the pretended GPU: where it runs, whether CUDA would run it, and what becomes of it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.gpu.pretended_graph import COPIES, Operation, leaves
from tests.gpu.pretended_machine import CPU, Generator, mark, mark_of, now, place, storage_of

aten = torch.ops.aten
INDEXINGS = {aten.index, aten._unsafe_index, aten.index_put, aten.index_put_, aten._index_put_impl_}
ALLOCATIONS = {aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty, aten.new_empty_strided}
WAITS = {  # the host needs their result, or its shape
    aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.bincount, aten._unique2,
    aten.unique_dim, aten.unique_consecutive, aten.unique_dim_consecutive, aten._linalg_check_errors,
}  # fmt: skip
TAKES_NUMBERS = {  # of the CPU, as all that torch calls pointwise do
    aten.fill_, aten.masked_fill, aten.masked_fill_, aten._fused_adam_, aten._fused_adamw_, aten._fused_sgd_,
}  # fmt: skip


@dataclass(frozen=True)
class Traits:
    """What is to be known of an operation, whatever its arguments."""

    copies: bool
    indexes: bool
    waits: bool
    takes_numbers: bool  # that lie on the CPU
    draws: bool
    writes: bool  # into an argument
    idle: bool  # the GPU has nothing to do: an allocation, or a change of shape in place


@functools.cache  # torch takes its time to say so
def traits_of(function: torch._ops.OpOverload) -> Traits:
    packet, tags = function.overloadpacket, function.tags
    return Traits(
        copies=packet in COPIES,
        indexes=packet in INDEXINGS,
        waits=packet in WAITS,
        takes_numbers=packet in TAKES_NUMBERS or torch.Tag.pointwise in tags,
        draws=torch.Tag.nondeterministic_seeded in tags,
        writes=function._schema.is_mutable,
        idle=packet in ALLOCATIONS or torch.Tag.inplace_view in tags,
    )


class Kernels(TorchDispatchMode):
    """Sees every operation, those of the backward pass and of vmap too, below autograd and with plain tensors."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or the first operation would import torch's compiler, which takes a second

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        state, operation, traits = now(), Operation(func, args, kwargs or {}), traits_of(func)
        given = [x for x in leaves(args, operation.kwargs.values()) if isinstance(x, Tensor)]
        marks = {mark_of(x) for x in given}
        known = {x.untyped_storage()._cdata for x in given}

        runs_on, lies_on = devices_of(operation, traits, given, marks)
        if runs_on is None and state.capturing is not None:
            runs_on = lies_on = state.capturing.device  # a derivative's zeros must be zero again in each replay
        if runs_on is not None and None in marks:
            for x in given:
                if mark_of(x) is None:
                    mark(x, runs_on)
        on_gpu = runs_on is not None and runs_on.type == "cuda"
        graph = state.capturing if on_gpu else None

        operation.default = check_draws(operation, traits, runs_on)
        if graph is not None:
            graph.admit(operation, {lies_on, *marks})
        if on_gpu:
            check_waits(operation, traits, lies_on)
        if graph is not None:
            target = args[:1] if traits.copies and traits.writes else ()  # which may be pinned memory
            graph.keep([*target, *(x for x in given if place(x) != CPU)])

        out = operation.run()
        operation.results = tuple(
            x if isinstance(x, Tensor) and x.untyped_storage()._cdata not in known else None for x in leaves((out,))
        )
        for x in operation.results:
            if x is not None and lies_on != CPU:
                mark(x, lies_on)
            elif x is not None and on_gpu and operation.kwargs.get("non_blocking"):
                storage_of(x).pinned = True  # so torch allocates what it copies to without waiting
        computes = not traits.idle and (traits.writes or any(x is not None for x in operation.results))
        if graph is not None:
            graph.record(operation, computes)
        elif on_gpu:
            state.launches += computes
        return out


def devices_of(
    operation: Operation, traits: Traits, given: list[Tensor], marks: set[torch.device | None]
) -> tuple[torch.device | None, torch.device | None]:
    """The devices on which an operation runs and its result lies, which differ for copies alone; None: undecided.

    Raises if its tensors, without those that any device takes, lie on several.
    """
    args, asked = operation.args, operation.kwargs.get("device")
    named = now().target if asked == CPU else asked  # all really lie on the CPU, so that is what torch asks for
    if traits.copies and given:  # under vmap torch also copies plain numbers
        source = place(args[1] if traits.writes else args[0])
        lands = place(args[0]) if traits.writes else named or source
        return (source if source.type == "cuda" else lands), lands
    if named is not None or not given:
        return named, named
    if len(marks) > 1:
        free = guests(operation, traits)
        marks = {mark_of(x) for x in given if not any(x is one for one in free)}
        if traits.writes and any(args[0] is x for x in free):
            marks.add(CPU)  # a number on the CPU can't take what a GPU computes
        marks = marks - {None} or {None}
    if len(marks) > 1:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, "
            f"{' and '.join(sorted(map(str, marks)))}! ({operation.function})"
        )
    (device,) = marks or {CPU}
    return device, device


def guests(operation: Operation, traits: Traits) -> list[Tensor]:
    """The tensors on the CPU that an operation takes on any device: numbers, which have no dimension, and indices."""
    args, found = operation.args, []
    alone = [x for x in (*args, *operation.kwargs.values()) if isinstance(x, Tensor)]  # not in a list
    if traits.takes_numbers:
        found = [x for x in alone if not x.dim()]
    elif traits.indexes:
        found = [x for x in alone[1:] if not x.dim()] + [x for x in args[1] if x is not None]
    return [x for x in found if place(x) == CPU]


def check_draws(operation: Operation, traits: Traits, device: torch.device | None) -> Generator | None:
    """Raises if random numbers can't be drawn. Gives the GPU's default generator if the operation draws from that."""
    state, named = now(), operation.kwargs.get("generator")
    ours = None if named is None else state.by_id.get(named._cdata)  # others are the CPU's
    home = CPU if ours is None else ours.home
    if named is not None and device is not None and home != device:
        wanted, found = (device, home) if home.type == device.type else (device.type, home.type)
        raise RuntimeError(
            f"Expected a '{wanted}' device type for generator but found '{found}' ({operation.function})"
        )
    if device is None or device.type != "cuda" or not traits.draws:
        return None
    default = state.generators[device.index] if named is None else None
    (default or ours).check_draw()
    return default


def check_waits(operation: Operation, traits: Traits, lands: torch.device) -> None:
    """Counts a wait of the host for an operation on a GPU, or raises where CUDA would."""
    args = operation.args
    if traits.copies:
        check_copy(operation, lands)
    elif traits.waits:
        now().wait(str(operation.function))
    elif traits.indexes:
        indices = [x for x in args[1] if x is not None]
        values = [x for x in args[2:3] if place(x) == CPU]
        masks = [x for x in indices if x.dtype in (torch.bool, torch.uint8)]
        fills = len(masks) == len(indices) == 1 and values and values[0].numel() == 1
        if not fills and (masks or values or CPU in map(place, indices)):
            now().wait(f"{operation.function} with a mask, or with indices or values on the CPU,")


def check_copy(operation: Operation, lands: torch.device) -> None:
    """Between the CPU and a GPU the host waits, unless it said `non_blocking` and its memory is pinned."""
    state, tensors = now(), [x for x in operation.args[:2] if isinstance(x, Tensor)]
    host = [x for x in tensors if place(x) == CPU]
    if not host and lands != CPU:
        return
    at_once = operation.kwargs.get("non_blocking") or operation.args[2:3] == (True,)
    pinned = is_pinned(host[0]) if host else at_once
    if state.capturing is not None and not pinned:
        raise RuntimeError(
            "Cannot copy between CPU and CUDA tensors during CUDA graph capture unless the CPU tensor is pinned."
        )
    if not at_once:
        state.wait(f"a copy between CPU and GPU ({operation.function})")
    elif not pinned:
        state.waits += 1  # without a word from set_sync_debug_mode


def is_pinned(x: Tensor) -> bool:
    return getattr(storage_of(x), "pinned", False)
