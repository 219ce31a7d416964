"""Floating-point operations per image, computed from the layer table; no torch is loaded.

A multiply-accumulate is two operations, and only layers with weights count: the convention of
`torch.utils.flop_counter.FlopCounterMode`, which tests/speed/test_workloads.py holds this against. A layer is counted
in its direct form, whatever form computes it: docs/decisions.md#flops-are-the-models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def flops_per_image(layers: Sequence[Mapping[str, Any]], work: str) -> float | None:
    """Return the operations of one image in a workload; None where a layer's count is unknown.

    Backward, a layer multiplies once for its weights' gradient and once for its input's, each as often as forward.
    The first layer's input is the image, whose gradient nobody asks for.

    Args:
        work: a name of `bench.speed.workloads.WORKLOADS`.
    """
    rows = [row for row in layers if work != "sampling" or row["part"] == "decoder"]
    macs = [row["macs"] for row in rows]
    if not macs or None in macs:
        return None
    if work == "train":
        return 2.0 * (3 * sum(macs) - macs[0])
    return 2.0 * sum(macs)
