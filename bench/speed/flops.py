"""Floating-point operations per image, computed from the layer table; no torch is loaded.

A multiply-accumulate is two operations, and only matrix products and convolutions count: the convention of
`torch.utils.flop_counter.FlopCounterMode`, which tests/speed/test_workloads.py holds this against. A layer is counted
in its direct form, whatever form computes it: docs/decisions.md#flops-are-the-models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def flops_per_image(layers: Sequence[Mapping[str, Any]], work: str) -> float | None:
    """Return the operations of one image in a workload; None where a layer's count is unknown.

    Backward, a layer multiplies once for its weights' gradient and once for its input's, each as often as forward, as
    far as they are wanted: nobody asks for the gradient of the image, or for that of frozen weights.

    Args:
        layers: rows of the table that this code makes; those of older records don't say what the backward pass takes.
        work: a name of `bench.speed.workloads.WORKLOADS`.
    """
    rows = [row for row in layers if work != "sampling" or row["part"] == "decoder"]
    columns = ("macs", "backward_macs") if work == "train" else ("macs",)
    macs = [row.get(column) for row in rows for column in columns]
    found = [each for each in macs if each is not None]
    return 2.0 * sum(found) if found and len(found) == len(macs) else None
