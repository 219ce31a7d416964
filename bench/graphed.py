"""The whole training step as one CUDA graph: nets this small leave a GPU waiting for Python, kernel by kernel.

It has not run on a GPU. What runs eagerly on a CPU, and is tested there, is the very step function that is captured.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench.adam import Adam
from bench.streams import Streams

WARM_UP = 3  # eager steps before the capture, as torch asks for


def captured(
    step: Callable[[Tensor], Tensor], rows: Tensor, optimiser: Adam, streams: Sequence[Streams]
) -> Callable[[Tensor], Tensor]:
    """`step`, recorded once and replayed; `step` itself, with a warning, if it can't be recorded. Parameters, optimiser
    and streams are left as they were found.

    rows: any batch, on the device, of the shape that all will have.
    """
    held = rows.clone()
    generators = [draw for stream in streams for draw in (stream.coins, stream.noise)]
    changed = [*optimiser.parameters, *optimiser.means, *optimiser.squares, *optimiser.steps]
    with torch.no_grad():
        before = [tensor.clone() for tensor in changed]
    states = [draw.get_state() for draw in generators]

    def undo() -> None:
        with torch.no_grad():
            for tensor, value in zip(changed, before, strict=True):
                tensor.copy_(value)
        for draw, drawn in zip(generators, states, strict=True):
            draw.set_state(drawn)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step(held)
    torch.cuda.current_stream().wait_stream(side)
    undo()
    optimiser.zero()  # so that the gradients are born in the graph's own memory
    graph = torch.cuda.CUDAGraph()
    try:
        for draw in generators:
            graph.register_generator_state(draw)
        with torch.cuda.graph(graph):
            losses = step(held)
    except RuntimeError as error:  # an architecture that looks at its numbers, for one
        warnings.warn(f"no CUDA graph, step by step instead: {' '.join(str(error).split())[:200]}", stacklevel=2)
        undo()
        return step
    undo()

    def replay(rows: Tensor) -> Tensor:
        held.copy_(rows)
        graph.replay()
        return losses

    return replay
