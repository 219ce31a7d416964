"""What our autograd functions derive from: `torch.autograd.Function`, less of what surrounds each call."""

from __future__ import annotations

from typing import Any

import torch


class Function(torch.autograd.Function):
    """Takes positional arguments only, all of them. Outside of vmap they are then bound without looking at the signature of
    `forward`, which torch does at each call: nine of its twelve microseconds, and a step of cnn2 has five (docs/performance.md)."""

    generate_vmap_rule = True

    @classmethod
    def apply(cls, *arguments: Any) -> Any:
        if torch._C._are_functorch_transforms_active():
            return super().apply(*arguments)
        return super(torch.autograd.Function, cls).apply(*arguments)  # type: ignore[misc]
