"""Times the forms of a transposed convolution side by side: `python -m bench.layer_speed`.

A B C A B C in one process, forward and backward, one thread; the median, and the median and quartiles of direct time
over the chosen form's. It is what decides `archs.blocks.fastest_form`; docs/performance.md holds what it printed.
"""

from __future__ import annotations

import statistics
import time

import torch
from tabulate import tabulate

from archs.blocks import TransposedConv2d
from bench.cpu import compute_with

BATCH = 128
ROUNDS = 40
FORMS = ("direct", "blocks", "matrix")
# in channels, out channels, kernel, stride, in size, size: the layers of cnn2, cnn2-k4, cnn3 and of mirrored families
LAYERS = [
    (8, 8, 5, 2, 7, 14),
    (8, 1, 5, 2, 14, 28),
    (8, 8, 4, 2, 7, 14),
    (8, 1, 4, 2, 14, 28),
    (32, 16, 4, 3, 1, 3),
    (16, 8, 4, 3, 3, 7),
    (8, 1, 4, 4, 7, 28),
    (64, 32, 3, 2, 4, 7),
    (32, 16, 3, 2, 7, 14),
    (32, 16, 5, 2, 7, 14),
    (16, 1, 3, 2, 14, 28),
    (16, 1, 5, 2, 14, 28),
    (32, 16, 3, 1, 28, 28),
    (16, 1, 3, 1, 28, 28),
]


def forms(out_channels: int, in_size: int) -> list[str]:
    """Those that a layer can be computed in."""
    possible = {"matrix": in_size == 1}
    return [form for form in FORMS if possible.get(form, True)]


def seconds(block: TransposedConv2d, x: torch.Tensor, upstream: torch.Tensor) -> float:
    started = time.perf_counter()
    x.grad = None
    block.zero_grad()
    block(x).backward(upstream)
    return time.perf_counter() - started


def compare(inputs: int, outputs: int, kernel: int, stride: int, in_size: int, size: int) -> list[str]:
    block = TransposedConv2d(inputs, outputs, kernel, stride=stride, in_size=in_size, size=size)
    block = block.to(memory_format=torch.channels_last)
    chosen = block.form
    x = torch.randn(BATCH, inputs, in_size, in_size).contiguous(memory_format=torch.channels_last).requires_grad_()
    upstream = torch.randn(BATCH, outputs, size, size).contiguous(memory_format=torch.channels_last)
    times: dict[str, list[float]] = {form: [] for form in forms(outputs, in_size)}
    for _ in range(ROUNDS + 5):
        for form in times:
            block.form = form
            times[form].append(seconds(block, x, upstream))
    kept = {form: values[5:] for form, values in times.items()}
    ratios = [a / b for a, b in zip(kept["direct"], kept[chosen], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return [
        f"{inputs}→{outputs}, {kernel}×{kernel}, stride {stride}, {in_size}→{size}",
        *(f"{statistics.median(kept[form]) * 1e3:.2f}" if form in kept else "–" for form in FORMS),
        chosen,
        f"{middle:.2f} [{low:.2f}, {high:.2f}]",
    ]


def main() -> None:
    compute_with(1)
    headers = ["layer", *(f"{form} (ms)" for form in FORMS), "chosen", "direct / chosen [quartiles]"]
    rows = [compare(*layer) for layer in LAYERS]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
