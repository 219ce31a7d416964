"""The whole training step as one CUDA graph: nets this small leave a GPU waiting for Python, kernel by kernel.

It has not run on a GPU. What runs eagerly on a CPU, and is tested there, is the very step function that is captured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench.streams import Streams

WARM_UP = 3  # eager steps before the capture, as torch asks for


def adam(parameters: Sequence[Tensor], rate: float, capturable: bool = False) -> torch.optim.Adam:
    """Fused Adam. To be captured, its rate must live on the device."""
    if not capturable:
        return torch.optim.Adam(parameters, lr=rate, fused=True)
    on_device = torch.tensor(rate, device=parameters[0].device)
    return torch.optim.Adam(parameters, lr=on_device, fused=True, capturable=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    group = optimiser.param_groups[0]
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def captured(
    step: Callable[[Tensor], Tensor], rows: Tensor, optimiser: torch.optim.Optimizer, streams: Sequence[Streams]
) -> Callable[[Tensor], Tensor]:
    """`step`, recorded once and replayed. Parameters, optimiser and streams are left as they were found.

    rows: any batch, on the device, of the shape that all will have.
    """
    held = rows.clone()
    generators = [draw for stream in streams for draw in (stream.coins, stream.noise)]
    parameters = optimiser.param_groups[0]["params"]
    with torch.no_grad():
        before = [parameter.clone() for parameter in parameters]
    states = [draw.get_state() for draw in generators]

    def undo() -> None:
        with torch.no_grad():
            for parameter, value in zip(parameters, before, strict=True):
                parameter.copy_(value)
            for state in optimiser.state.values():
                for value in state.values():
                    value.zero_()
        for draw, drawn in zip(generators, states, strict=True):
            draw.set_state(drawn)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step(held)
    torch.cuda.current_stream().wait_stream(side)
    undo()
    optimiser.zero_grad(set_to_none=True)  # so that the gradients are born in the graph's own memory
    graph = torch.cuda.CUDAGraph()
    for draw in generators:
        graph.register_generator_state(draw)
    with torch.cuda.graph(graph):
        losses = step(held)
    undo()

    def replay(rows: Tensor) -> Tensor:
        held.copy_(rows)
        graph.replay()
        return losses

    return replay
