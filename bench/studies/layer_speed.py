"""Times the forms of convolutions and transposed ones in turns: `python -m bench.studies.layer_speed`.

Torch's own form takes turns with ours in one process: forward and backward, on one thread. Shown are the medians, and
the median and quartiles of torch's time over that of the form that is chosen. They are what `fastest_form` and
`faster_in_blocks` of `archs.blocks` go by: docs/log/performance.md#convolutions-on-a-cpu.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch
from tabulate import tabulate
from torch import Tensor, nn

from archs.blocks import Conv2d, TransposedConv2d, faster_in_blocks
from archs.forms import Convolution
from bench.machine.cpu import prepare_cpu
from bench.spec.arguments import Parser
from bench.spec.command import run_command

Layer = Callable[[Tensor], Tensor]
BATCH = 128
ROUNDS = 40
FORMS = ("direct", "blocks", "matrix")
TORCH = "torch"

TRANSPOSED = [
    (8, 8, 5, 2, 7, 14),
    (8, 1, 5, 2, 14, 28),
    (8, 8, 4, 2, 7, 14),
    (8, 1, 4, 2, 14, 28),
    (32, 16, 4, 3, 1, 3),
    (16, 8, 4, 3, 3, 7),
    (8, 1, 4, 4, 7, 28),
    (16, 8, 3, 2, 14, 28),
    (16, 16, 3, 2, 7, 14),
    (32, 16, 3, 2, 7, 14),
    (32, 16, 4, 2, 7, 14),
    (32, 16, 5, 2, 7, 14),
    (32, 32, 3, 2, 7, 14),
    (64, 32, 3, 2, 4, 7),
    (64, 32, 4, 2, 7, 14),
    (16, 1, 3, 2, 14, 28),
    (16, 1, 5, 2, 14, 28),
    (32, 16, 3, 1, 28, 28),
    (16, 1, 3, 1, 28, 28),
]
"""The transposed layers of cnn2, cnn2-k4, cnn3 and of mirrored families: in channels, out channels, kernel, stride, in
size, size."""

CONVOLUTIONS = [
    (16, 32, 5, 2, 12, 0),
    (16, 32, 4, 2, 13, 0),
    (16, 32, 4, 2, 8, 0),
    (8, 16, 5, 2, 14, 2),
    (16, 16, 3, 2, 14, 1),
    (16, 32, 3, 2, 14, 1),
    (16, 32, 5, 2, 14, 2),
    (32, 32, 3, 2, 14, 1),
    (32, 64, 3, 2, 7, 1),
    (64, 64, 3, 2, 14, 1),
    (16, 32, 3, 1, 14, 1),
]
"""Their other layers but the first, whose input needs no gradient: in channels, out channels, kernel, stride, size,
padding."""


def time_layer(layer: Layer, inputs: list[Tensor], upstream: Tensor) -> float:
    """Return the seconds of forward and backward.

    Args:
        inputs: the image and the layer's parameters, which get gradients.
        upstream: the gradient of the layer's output.
    """
    started = time.perf_counter()
    torch.autograd.grad(layer(inputs[0]), inputs, upstream)
    return time.perf_counter() - started


def compare(module: nn.Module, forms: Mapping[str, Layer], chosen: str, shape: tuple[int, ...]) -> list[str]:
    """Time `module` in several forms on an input of `shape`; return the end of a row of the table."""
    x = torch.randn(shape).contiguous(memory_format=torch.channels_last).requires_grad_()
    upstream = torch.randn_like(forms[TORCH](x)).contiguous(memory_format=torch.channels_last)
    times: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(ROUNDS + 5):
        for form, layer in forms.items():
            times[form].append(time_layer(layer, [x, *module.parameters()], upstream))
    kept = {form: values[5:] for form, values in times.items()}
    ratios = [a / b for a, b in zip(kept[TORCH], kept[chosen], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return [
        *(f"{statistics.median(kept[form]) * 1e3:.2f}" if form in kept else "–" for form in (TORCH, *FORMS)),
        chosen,
        f"{middle:.2f} [{low:.2f}, {high:.2f}]",
    ]


def transposed(inputs: int, outputs: int, kernel: int, stride: int, in_size: int, size: int) -> list[str]:
    """Time a transposed convolution; return the row of the table."""
    block = TransposedConv2d(inputs, outputs, kernel, stride=stride, in_size=in_size, size=size)
    block, chosen = block.to(memory_format=torch.channels_last), block.form

    def in_form(form: str) -> Layer:
        def layer(x: Tensor) -> Tensor:
            block.form = form
            return block(x)

        return layer

    forms: dict[str, Layer] = {TORCH: lambda x: super(TransposedConv2d, block).forward(x)[..., :size, :size]}
    forms |= {form: in_form(form) for form in FORMS if form != "matrix" or in_size == 1}
    name = f"transposed {inputs}→{outputs}, {kernel}×{kernel}, stride {stride}, {in_size}→{size}"
    return [name, *compare(block, forms, chosen, (BATCH, inputs, in_size, in_size))]


def convolution(inputs: int, outputs: int, kernel: int, stride: int, size: int, padding: int) -> list[str]:
    """Time a convolution; return the row of the table."""
    own = Conv2d(inputs, outputs, kernel, stride, padding).to(memory_format=torch.channels_last)
    forms: dict[str, Layer] = {
        TORCH: super(Conv2d, own).forward,
        "direct": lambda x: Convolution.apply(x, own.weight, own.bias, stride, padding, False),
        "blocks": lambda x: Convolution.apply(x, own.weight, own.bias, stride, padding, True),
    }
    chosen = "blocks" if faster_in_blocks(inputs, stride) else "direct"
    name = (
        f"{inputs}→{outputs}, {kernel}×{kernel}, stride {stride}, {size}→{(size + 2 * padding - kernel) // stride + 1}"
    )
    return [name, *compare(own, forms, chosen, (BATCH, inputs, size, size))]


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    description = "Times the forms of convolutions and transposed ones in turns, which takes some minutes."
    Parser(prog="python -m bench.studies.layer_speed", description=description).parse_args(arguments)
    prepare_cpu(1)
    headers = ["layer", *(f"{form} (ms)" for form in (TORCH, *FORMS)), "chosen", "torch / chosen [quartiles]"]
    rows = [*(convolution(*layer) for layer in CONVOLUTIONS), *(transposed(*layer) for layer in TRANSPOSED)]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))
    return 0


if __name__ == "__main__":
    run_command(main)
