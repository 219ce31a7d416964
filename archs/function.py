"""What our autograd functions derive from: `torch.autograd.Function`, less of what surrounds each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch


class Function(torch.autograd.Function):
    """With `setup_context`, as vmap needs it, and positional arguments only, all of them.

    Outside of vmap the same computation is a function whose `forward` has the context. For the other kind torch looks at the
    signature of `forward` at each call, to fill in defaults: most of what a call costs, and a step of cnn2 has six
    (docs/log/performance.md#adam-and-calls-into-torch).
    """

    generate_vmap_rule = True
    outside_vmap: ClassVar[type[torch.autograd.Function]]

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
    def forward(ctx: Any, *inputs: Any) -> Any:
        output = function.forward(*inputs)
        function.setup_context(ctx, inputs, output)
        return output

    return forward
