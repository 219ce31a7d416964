"""Floating-point operations per image, from the layer table. Pure arithmetic; loads no torch.

A multiply-accumulate is two operations, and only layers with weights count: the convention of
`torch.utils.flop_counter.FlopCounterMode`, which tests/speed/test_workloads.py holds this against. A layer is counted in its direct
form, whatever form computes it: it is the model that is measured, not the trick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def flops_per_image(layers: Sequence[Mapping[str, Any]], work: str) -> float | None:
    """Of one image through one `work` of `bench.speed.workloads.WORKS`; None where a layer's count is unknown.

    Backward, a layer multiplies once for its weights' gradient and once for its input's, each as often as forward.
    The first layer's input is the image, whose gradient nobody asks for.
    """
    rows = [row for row in layers if work != "sampling" or row["part"] == "decoder"]
    macs = [row["macs"] for row in rows]
    if not macs or None in macs:
        return None
    if work == "train":
        return 2.0 * (3 * sum(macs) - macs[0])
    return 2.0 * sum(macs)
