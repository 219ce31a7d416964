"""A graph of what a function does, and tensors to do it to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def captured(body: Callable[[], Any], *generators: torch.Generator, **how: Any) -> tuple[torch.cuda.CUDAGraph, Any]:
    """A graph of what `body` does, and what it returned."""
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    with torch.cuda.graph(graph, **how):
        out = body()
    return graph, out


def on(device: str, *shape: int) -> Tensor:
    return torch.ones(shape, device=device)
