"""Follows one image through a model, and counts what each module multiplies on the way.

What hides a product from the count (a fused kernel, a compiled or scripted graph, a faster form of one of our layers)
is switched off meanwhile, so that every layer is counted in its direct form.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from archs.blocks import Conv2d, TransposedConv2d
from archs.counting.products import UNCOUNTED, is_opaque, multiplied

OURS = (Conv2d, TransposedConv2d)
"""The layers that compute in an autograd function of their own, in which torch says that no gradient is wanted."""

PARAMETRIZATIONS = "parametrizations"
"""The module of torch's within a layer that holds what its parametrized weights are made of."""


@dataclass
class Work:
    """What a module did, the modules that it called left out."""

    output_shape: str = ""
    """At its first call, without the batch: "16x12x12"; empty if it returned no tensor."""

    macs: int = 0
    """Multiply-accumulates."""

    backward_macs: int = 0
    """Those of the gradients: one time the `macs` of an operation for each of its factors that needs a gradient."""

    uncounted: set[str] = field(default_factory=set)
    """Operations of torch that multiply and are not in `macs`."""

    unknown: set[str] = field(default_factory=set)
    """Operations of which nothing is known, so that `macs` is not all."""


class Passage(NamedTuple):
    """What came of following an image."""

    works: dict[str, Work]
    """By the name of the module, in the order in which the image reached them; "" is the model itself."""

    used: set[int]
    """The ids of the parameters that some operation read."""


class Call(NamedTuple):
    """A call of a module that has not returned yet."""

    name: str
    module: nn.Module | None
    wants_gradients: bool
    """Whether gradients were recorded where it was called."""


def follow(model: nn.Module, run: Callable[[], object]) -> Passage:
    """Follow what `run` does with `model`, in evaluation mode and in its direct form; the model is left as it was.

    Args:
        run: passes one image through the model, on a CPU.
    """
    follower = Follower(model)
    with everything_visible(model), ExitStack() as hooks:
        hooks.callback(register_module_forward_pre_hook(follower.enter).remove)
        hooks.callback(register_module_forward_hook(follower.leave, always_call=True).remove)
        with follower:
            run()
    return Passage(follower.works, follower.used)


class Follower(TorchDispatchMode):
    """Sees every operation, and gives it to the module in which it happens.

    The hooks are torch's global ones, since a module of TorchScript takes no others.
    """

    supports_higher_order_operators = True

    def __init__(self, model: nn.Module):
        super().__init__()
        self.works: dict[str, Work] = {}
        self.used: set[int] = set()
        self.calls = [Call("", None, True)]
        self.names = {id(module): name for name, module in model.named_modules() if layer_of(name) == name}
        self.parameters = {id(parameter): parameter for parameter in model.parameters()}  # held: an id is one's alone

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Tell torch not to load its compiler, which would take seconds, to keep it from compiling the method below."""
        return False

    def enter(self, module: nn.Module, inputs: Any) -> None:
        """Note that a module is called."""
        name = self.names.get(id(module))
        if name is not None:
            self.works.setdefault(name, Work())
            self.calls.append(Call(name, module, torch.is_grad_enabled()))

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """Note that a module returned, or raised what its caller may catch."""
        if not any(call.module is module for call in self.calls):
            return
        while (call := self.calls.pop()).module is not module:
            pass
        work = self.works[call.name]
        work.output_shape = work.output_shape or shape_without_batch(module, output)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        call = self.calls[-1]
        work = self.works.setdefault(call.name, Work())
        self.used |= self.parameters.keys() & {id(each) for each in tensors_in(args)}
        found = multiplied(func, args, output)
        if found is not None:
            macs, operands = found
            work.macs += macs
            if torch.is_grad_enabled() or (call.wants_gradients and isinstance(call.module, OURS)):
                work.backward_macs += macs * sum(each.requires_grad for each in operands)
        elif is_opaque(func):
            work.unknown.add(str(func).removesuffix(".default"))
        elif (name := str(func).split(".")[1]) in UNCOUNTED:
            work.uncounted.add(name.lstrip("_"))
        return output


@contextmanager
def everything_visible(model: nn.Module) -> Iterator[None]:
    """Let nothing in the block hide a product: each layer of ours in its direct form, no fused kernels, no graphs.

    The model is in evaluation mode there, and each of its modules in its own again afterwards. Gradients are recorded,
    so that it can be seen which would be computed. A compiled module is not compiled where operations are looked at.
    """
    modes = {module: module.training for module in model.modules()}
    forms = {module: module.form for module in model.modules() if isinstance(module, TransposedConv2d)}
    fast_path, mkldnn = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    with ExitStack() as stack:
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast_path)
        stack.callback(setattr, torch.backends.mkldnn, "enabled", mkldnn)
        for module, training in modes.items():
            stack.callback(setattr, module, "training", training)
        for module, form in forms.items():
            stack.callback(setattr, module, "form", form)
            module.form = "direct"
        torch.backends.mha.set_fastpath_enabled(False)
        torch.backends.mkldnn.enabled = False  # type: ignore[assignment]  # its LSTM is one operation
        stack.enter_context(warnings.catch_warnings(action="ignore"))  # training says the same
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(torch.jit.optimized_execution(False))
        stack.enter_context(torch.enable_grad())
        model.eval()
        yield


def layer_of(name: str) -> str:
    """Return the name of the layer that a module is part of: of the one whose weights it parametrizes, else its own."""
    return f".{name}".partition(f".{PARAMETRIZATIONS}.")[0].removesuffix(f".{PARAMETRIZATIONS}")[1:]


def shape_without_batch(module: nn.Module, output: Any) -> str:
    """Return the shape of the first tensor of an output without the batch, such as "16x12x12"; empty if none is."""
    first = next(tensors_in([output]), None)
    if first is None:
        return ""
    time_first = isinstance(module, nn.RNNBase | nn.MultiheadAttention) and not module.batch_first
    batch = 1 if time_first and first.ndim == 3 else 0
    return "x".join(str(size) for dim, size in enumerate(first.shape) if dim != batch)


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Yield the tensors in a tuple, list or dictionary, and in those that it holds."""
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict | list | tuple):
            yield from tensors_in(value)
