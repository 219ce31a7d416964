"""Times the two forms of a one-channel transposed convolution side by side: `python -m bench.layer_speed`.

A B A B in one process, forward and backward, one thread; the ratio's median and quartiles. It is what decides
`TransposedConv2d.interleaves`; docs/performance.md holds what it printed.
"""

from __future__ import annotations

import statistics
import time

import torch
from tabulate import tabulate

from archs.blocks import TransposedConv2d

BATCH = 128
ROUNDS = 40
# in channels, kernel, stride, in size, size: the last layers of cnn2, cnn2-k4, cnn3 and of mirrored families
LAYERS = [
    (8, 5, 2, 14, 28),
    (8, 4, 2, 14, 28),
    (8, 4, 4, 7, 28),
    (16, 3, 2, 14, 28),
    (16, 4, 2, 14, 28),
    (16, 3, 1, 28, 28),
]


def seconds(block: TransposedConv2d, x: torch.Tensor, upstream: torch.Tensor) -> float:
    started = time.perf_counter()
    x.grad = None
    block.zero_grad()
    block(x).backward(upstream)
    return time.perf_counter() - started


def compare(channels: int, kernel: int, stride: int, in_size: int, size: int) -> list[str]:
    block = TransposedConv2d(channels, 1, kernel, stride=stride, in_size=in_size, size=size)
    x = torch.randn(BATCH, channels, in_size, in_size).contiguous(memory_format=torch.channels_last).requires_grad_()
    upstream = torch.randn(BATCH, 1, size, size)
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS + 5):
        for interleaves in times:
            block.interleaves = interleaves
            times[interleaves].append(seconds(block, x, upstream))
    direct, interleaved = times[False][5:], times[True][5:]
    low, middle, high = statistics.quantiles([a / b for a, b in zip(direct, interleaved, strict=True)], n=4)
    return [
        f"{channels}→1, {kernel}×{kernel}, stride {stride}, {in_size}→{size}",
        f"{statistics.median(direct) * 1e3:.2f}",
        f"{statistics.median(interleaved) * 1e3:.2f}",
        f"{middle:.2f} [{low:.2f}, {high:.2f}]",
    ]


def main() -> None:
    torch.set_num_threads(1)
    headers = ["layer", "direct (ms)", "interleaved (ms)", "direct / interleaved [quartiles]"]
    rows = [compare(*layer) for layer in LAYERS]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
