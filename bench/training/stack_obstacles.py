"""What keeps models from being a stack, as far as it can be seen without a trial.

Hooks of parameters are lost, in a copy too, and so is memory that two tensors share. What a model holds beside its
parameters and buffers (numbers, lists, generators, tensors that no module knows of) is that of the first model for all
of a stack, and what changes it changes the first model's: so it must be the same in all, and no training may change it.
"""

from __future__ import annotations

import functools
import random
import types
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.training.stack import places_of, tensors_of

OF_EVERY_MODULE = frozenset(vars(nn.Module())) - {"training"}
"""Attributes in which torch keeps parameters, buffers, modules and hooks."""

WITHOUT_STATE = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, weakref.ref)

TOLERANCE = 1e-4
"""Relative to the largest number of a tensor: an activation that is kept for somebody to look at is rounded anew."""

HOOKS = {
    "_forward_pre_hooks": "forward pre-hook",
    "_forward_hooks": "forward hook",
    "_backward_pre_hooks": "backward pre-hook",
    "_backward_hooks": "backward hook",
}


def obstacle(models: Sequence[nn.Module]) -> str | None:
    """Return, in a few words, what no copy of a model or no call of it in a stack would keep; None if nothing is."""
    return hooked(models) or sharing_memory(models) or unlike_each_other(models)


def unlike_each_other(models: Sequence[nn.Module]) -> str | None:
    """Return what differs between models that should differ in the numbers of their tensors alone."""
    places, state = places_of(models[0]), plain_state(models[0])
    for model in models[1:]:
        if places_of(model) != places:
            return "its parameters have other names, or are tied otherwise, in another seed"
        path = first_difference(state, plain_state(model), tolerance=0.0)
        if path is not None:
            return f"{path} differs between seeds, and is neither a parameter nor a buffer"
    return None


def hooked(models: Sequence[nn.Module]) -> str | None:
    """Return what hangs on a parameter or a module of which a stack knows nothing."""
    for model in models:
        for name, parameter in model.named_parameters():
            if type(parameter) is not nn.Parameter:
                return f"parameter {name} is of the class {type(parameter).__name__}"
            if parameter._backward_hooks or parameter._post_accumulate_grad_hooks:
                return f"parameter {name} has a hook on its gradient"
            if vars(parameter):
                return f"parameter {name} has attributes of its own: {', '.join(vars(parameter))}"
        for name, module in model.named_modules():
            for attribute, kind in HOOKS.items():
                if hooks := getattr(module, attribute, None):
                    hook = next(iter(hooks.values()))
                    return f"{name} has a {kind}, {getattr(hook, '__name__', type(hook).__name__)}"
    return None


def sharing_memory(models: Sequence[nn.Module]) -> str | None:
    """Return which tensors share memory, of one model or as those of two: a stack would change one of the two only."""
    of_others: set[int] = set()
    for model in models:
        mine = {id(tensor): name for name, tensor in tensors_of(model).items()}
        for shared, name in mine.items():
            if shared in of_others:
                return f"{name} is one tensor in several seeds"
        of_others |= mine.keys()
        others = {name: value for name, value in plain_state(model).items() if isinstance(value, Tensor)}
        owners: dict[int, str] = {}
        for name, tensor in [*tensors_of(model).items(), *others.items()]:
            if tensor.numel() and tensor.layout == torch.strided:
                owner = owners.setdefault(tensor.untyped_storage().data_ptr(), name)
                if owner != name and not (owner in others and name in others):
                    return f"{owner} and {name} share memory"
    return None


def plain_state(model: nn.Module) -> dict[str, Any]:
    """Return what a model holds that is no parameter, buffer or module of it: tensors as they are, the rest as text.

    What closures hold is not seen.
    """
    found: dict[str, Any] = {}
    seen = {id(known) for known in (*model.modules(), *model.parameters(), *model.buffers())}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in OF_EVERY_MODULE:
                collect(value, f"{path}.{name}".lstrip("."), found, seen)
    return found


def state_without_tensors(model: nn.Module) -> dict[str, Any]:
    """Return what of a model's plain state is no tensor."""
    return {path: value for path, value in plain_state(model).items() if not isinstance(value, Tensor)}


def collect(value: Any, path: str, found: dict[str, Any], seen: set[int]) -> None:
    """Add to `found` what `value` holds, by where it stands.

    Args:
        seen: ids of what has been looked at.
    """
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        found[path] = repr(value)
        return
    if id(value) in seen or isinstance(value, WITHOUT_STATE):
        return
    if not isinstance(value, tuple):  # of which Python may keep one for many
        seen.add(id(value))
    if isinstance(value, Tensor):
        found[path] = value
    elif isinstance(value, torch.Generator):
        found[path] = value.get_state()
    elif isinstance(value, np.ndarray | np.generic):
        found[path] = (value.shape, str(value.dtype), value.tobytes())
    elif isinstance(value, random.Random):
        found[path] = repr(value.getstate())
    elif isinstance(value, np.random.Generator):
        collect(value.bit_generator.state, path, found, set())  # a copy, whose id may be another's soon
    elif isinstance(value, np.random.RandomState):
        collect(value.get_state(legacy=False), path, found, set())
    elif isinstance(value, Mapping):
        found[path] = f"{len(value)} entries"
        for key, item in value.items():
            collect(item, f"{path}[{key!r}]", found, seen)
    elif isinstance(value, list | tuple | deque):
        found[path] = f"{len(value)} entries"
        for index, item in enumerate(value):
            collect(item, f"{path}[{index}]", found, seen)
    elif isinstance(value, set | frozenset):
        found[path] = repr(sorted(map(repr, value)))
    elif isinstance(value, functools.partial):
        collect(value.args, path, found, seen)
        collect(value.keywords, path, found, seen)
    elif isinstance(value, nn.Module):  # one that no other knows of, as in a plain list
        for name, item in {**vars(value), **value._parameters, **value._buffers, **value._modules}.items():
            if name not in OF_EVERY_MODULE:
                collect(item, f"{path}.{name}", found, seen)
    elif hasattr(value, "__dict__"):
        for name, item in vars(value).items():
            collect(item, f"{path}.{name}", found, seen)
    elif " at 0x" not in (text := repr(value)):
        found[path] = text


def first_difference(one: Mapping[str, Any], other: Mapping[str, Any], tolerance: float = TOLERANCE) -> str | None:
    """Return where two models first hold something else; None if they don't."""
    for path in dict.fromkeys([*one, *other]):
        if path not in one or path not in other or not same(one[path], other[path], tolerance):
            return path
    return None


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Return whether two tensors are equal but for rounding, or two texts are equal."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return type(one) is type(other) and bool(one == other)
    try:
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            return False
        one, other = (tensor.detach().nan_to_num().to(torch.cdouble).cpu() for tensor in (one, other))
        return one.numel() == 0 or bool((one - other).abs().max() <= tolerance * other.abs().max())
    except RuntimeError:  # a tensor of a call under vmap that is over, which nobody can read
        return False
