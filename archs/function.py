"""The base class of our own autograd functions, which makes their calls cheap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch


class Function(torch.autograd.Function):
    """A `torch.autograd.Function` with `setup_context`, which vmap needs, whose calls cost little outside of vmap.

    torch reads the signature of such a function's `forward` at each call, to fill in defaults. That is most of what a
    call costs, and a step of cnn2 has five calls (docs/log/simplified.md). It does not read the signature where
    `forward` itself is given the context. So outside of vmap a second class takes the call: it is made from the first
    and computes the same.

    All arguments of `forward` are positional, and none has a default.
    """

    generate_vmap_rule = True
    outside_vmap: ClassVar[type[torch.autograd.Function]]
    """The same function in torch's other form, `forward(ctx, *inputs)`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        parts = {"forward": staticmethod(with_context(cls)), "backward": staticmethod(cls.backward)}
        cls.outside_vmap = type(cls.__name__, (torch.autograd.Function,), parts)

    @classmethod
    def apply(cls, *arguments: Any) -> Any:
        if torch._C._are_functorch_transforms_active():
            return super().apply(*arguments)
        return cls.outside_vmap.apply(*arguments)


def with_context(function: type[torch.autograd.Function]) -> Callable[..., Any]:
    """Make one `forward(ctx, *inputs)` of a function's `forward` and `setup_context`."""

    def forward(ctx: Any, *inputs: Any) -> Any:
        output = function.forward(*inputs)
        function.setup_context(ctx, inputs, output)
        return output

    return forward
