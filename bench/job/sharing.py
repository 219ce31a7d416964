"""How runs share a device."""

from __future__ import annotations

from dataclasses import dataclass

from bench.job.request import Request
from bench.spec.device import Device

MOST_SEEDS_TOGETHER = 32
MOST_SIDE_BY_SIDE = 6
"""Groups of seeds on one GPU: as many as the default job has."""


@dataclass(frozen=True)
class Sharing:
    """How runs share a device. None of it changes what a run learns."""

    stack: int
    """Seeds of one architecture that are trained together as one model, at most."""

    graph: bool
    """Whether training steps are CUDA graphs."""

    side_by_side: int
    """Groups of such seeds that share a GPU, at most."""


def sharing_of(request: Request, device: Device) -> Sharing:
    usual = MOST_SEEDS_TOGETHER if device.is_gpu and not request.deterministic else 1
    stack = usual if request.stack == "auto" else 1 if request.stack == "off" else max(1, int(request.stack))
    graph = device.is_gpu and not request.eager and not request.deterministic
    return Sharing(stack, graph, MOST_SIDE_BY_SIDE if graph else 1)
