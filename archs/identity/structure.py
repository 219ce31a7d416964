"""Describes what builders build: a second net below the code, for what the code doesn't show.

A builder is called with two seeds, and what it builds is written as text: its modules, their parameters and buffers
with name, shape and type, constants, and those numbers that both seeds give. They are written as a few sums of four
digits, so that processors which round their last bits otherwise agree. What the seeds give differently is left out:
another version of torch may draw other numbers from a seed, as 2.15 does from what 2.11 did in `trunc_normal_`, and
that is no edit. Nothing here raises because of what a builder does: its run does, and says what is wrong.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from archs.foreign.process_state import left_as_found
from archs.foreign.random_states import seeded
from archs.foreign.time_limit import Endless
from archs.identity.values import plain_text

SEEDS = (20, 21)
DRAWN = "drawn"
NOT_BUILT = "can't be built"
UNREADABLE = "can't be read"
PIECE = 1 << 22
"""Numbers that are summed at once: 32 MiB of float64."""

MODULE_ATTRIBUTES = set(vars(nn.Module())) - {"training"}


def structure(builder: Callable[[int], Any], width: int) -> str:
    """Return what `builder(width)` builds as text, one line a part; what two seeds give differently is left out.

    It is found out once for each builder in a process.
    """
    known = _FIRST_SEEN.get((id(builder), width))
    if known is None:
        known = _FIRST_SEEN[id(builder), width] = builder, _structure(builder, width)
    return known[1]


_FIRST_SEEN: dict[tuple[int, int], tuple[Callable[..., Any], str]] = {}
"""Identity of a builder and its width → it, so that nothing else gets its identity, and what it built."""


def _structure(builder: Callable[[int], Any], width: int) -> str:
    built: list[Any] = []
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")  # the run says it all again
            with left_as_found("a builder"):
                for seed in SEEDS:
                    with seeded(seed):
                        built.append(builder(width))
                once, again = (dict(lines(one)) for one in built)
                texts = {key: text for key, text in once.items() if text == again.get(key)}
                texts |= dict(numbers(*built))
    except Endless:
        raise
    except (Exception, SystemExit):
        return NOT_BUILT
    return "\n".join(f"{key}: {texts[key]}" for key in sorted(texts))


def lines(built: Any) -> Iterator[tuple[str, str]]:
    """Yield what is there and how it is, for each part of a network."""
    if not isinstance(built, nn.Module):
        yield "", type(built).__qualname__
        return
    for name, module in built.named_modules(remove_duplicate=False):
        yield from ((f"{name} {what}", text) for what, text in module_lines(module))
    first: dict[int, tuple[str, Tensor]] = {}  # tensors too, so that nothing else gets the identity of one
    for kind, named in (("parameter", built.named_parameters), ("buffer", built.named_buffers)):
        for name, tensor in named(remove_duplicate=False):
            if id(tensor) in first:
                yield f"{name} {kind}", f"that of {first[id(tensor)][0]}"
            else:
                first[id(tensor)] = name, tensor
                yield f"{name} {kind}", tensor_text(tensor)


def numbers(one: Any, other: Any) -> Iterator[tuple[str, str]]:
    """Yield what the numbers of each parameter and buffer of a network are, or that they are drawn from the seed."""
    if not isinstance(one, nn.Module) or not isinstance(other, nn.Module):
        return
    others = dict([*other.named_parameters(), *other.named_buffers()])
    for name, tensor in [*one.named_parameters(), *one.named_buffers()]:
        if name in others:
            first, second = array_of(tensor), array_of(others[name])
            # a network that is kept, as by functools.cache, has the numbers that whoever asked first gave it
            is_drawn = one is other or first is None or second is None or not np.array_equal(first, second)
            yield f"{name} numbers", DRAWN if is_drawn or first is None else array_text(first)


def module_lines(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield the class of a module, and its constants: of torch's classes, what their constructors are given."""
    kind = type(module)
    if isinstance(module, torch.jit.ScriptModule):
        yield "class", f"scripted {module.original_name}"
        return
    yield "class", kind.__qualname__
    if is_torchs(kind):
        names = constructor_arguments(kind)  # what else it keeps, and `extra_repr`, changes with torch's version
    else:
        names = set(vars(module)) - MODULE_ATTRIBUTES
        base = next(one for one in kind.__mro__ if is_torchs(one))
        if base is not nn.Module:
            names = {name for name in names if not name.startswith("_")}
    for name in sorted(names & vars(module).keys()):
        text = constant_text(vars(module)[name])
        if text is not None:
            yield f"constant {name}", text


def constructor_arguments(kind: type) -> set[str]:
    """Return the names of what the constructors of a class and of its bases take."""
    own = [vars(one)["__init__"] for one in kind.__mro__ if "__init__" in vars(one)]
    return {name for function in own for name in inspect.signature(function).parameters}


def is_torchs(kind: type) -> bool:
    """Return whether a class is torch's own."""
    return kind.__module__.partition(".")[0] == "torch"


def constant_text(value: Any, deepest: int = 10) -> str | None:
    """Return an attribute as text; None for what is no constant: an object, or a module, which has lines of its own."""
    plain = plain_text(value)
    if plain is not None:
        return plain
    if isinstance(value, Tensor):
        array = array_of(value)
        return f"{tensor_text(value)} {UNREADABLE if array is None else array_text(array)}"
    if isinstance(value, np.ndarray | np.generic):
        return f"{value.shape} {value.dtype} {array_text(np.asarray(value))}"
    if isinstance(value, list | tuple | set | frozenset | dict) and deepest:
        items = value.items() if isinstance(value, dict) else value
        texts = [str(constant_text(item, deepest - 1)) for item in items]
        return f"({', '.join(texts if isinstance(value, list | tuple) else sorted(texts))})"
    if inspect.isroutine(value) or isinstance(value, type):
        return getattr(value, "__qualname__", None)
    return None


def tensor_text(tensor: Tensor) -> str:
    """Return shape, type and whether a tensor is trained, as text."""
    if is_lazy(tensor):
        return "not initialised"
    trained = ", trained" if tensor.requires_grad else ""
    return f"{'×'.join(map(str, tensor.shape)) or 'a number'} {tensor.dtype}{trained}"


def array_of(tensor: Tensor) -> np.ndarray | None:
    """Return the numbers of a tensor; None if it has none yet, or of a kind of which numpy knows nothing."""
    try:
        if is_lazy(tensor) or tensor.is_meta:
            return None
        tensor = tensor.detach().cpu()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor.resolve_conj())
        if tensor.is_floating_point():
            tensor = tensor if tensor.dtype == torch.float64 else tensor.float()
        return tensor.resolve_neg().numpy()
    except Exception:
        return None


def array_text(array: np.ndarray) -> str:
    """Return what the numbers of an array are: exactly if they are whole, else three sums of four digits.

    The sums are those of the numbers, of their squares (its root: the length), and of the numbers weighted by where
    they are; the first and the last in ten-thousandths of the length.
    """
    if array.dtype.kind in "biu":
        return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag])
    if array.dtype.kind != "f":
        return UNREADABLE
    flat, count = array.reshape(-1), array.size
    plain, squares, weighted = 0.0, 0.0, 0.0
    for start in range(0, count, PIECE):
        piece = flat[start : start + PIECE].astype(np.float64)
        places = np.arange(start + 1, start + 1 + len(piece)) / (count + 1)
        plain += float(piece.sum())
        squares += float(piece @ piece)
        weighted += float(piece @ places)
    length = math.sqrt(squares)
    if not math.isfinite(length) or length == 0.0:
        return f"{length} {int(np.isfinite(flat).sum())} {int(np.isnan(flat).sum())}"
    step = 10.0 ** (math.floor(math.log10(length * 1.37)) - 3)  # a length of 1 is usual: no boundary
    return f"{step:.0e} {' '.join(str(rounded(value / step)) for value in (length, plain, weighted))}"


def rounded(value: float) -> int:
    """Round so that round numbers, and halves of them, are far from where one result goes over into the next."""
    return math.floor(value + 0.5 + 0.2718281828)
