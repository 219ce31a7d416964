"""Weights, biases and multiply-accumulates of each layer of the networks here, by hand from their sizes."""

from __future__ import annotations

from typing import NamedTuple

LABELS, CODE = 10, 20
Size = tuple[int, int, int]
"""(channels, rows, columns)."""


class Layer(NamedTuple):
    """A row of the layer table."""

    part: str
    text: str
    output: str
    weights: int
    biases: int
    macs: int

    @property
    def is_conv(self) -> bool:
        return "conv" in self.text


def conv(channels: int, out: int, kernel: int, stride: int, side: int, part: str = "encoder") -> Layer:
    """Return a convolution without padding that gives images of `side`: each output pixel takes the whole kernel."""
    weights = out * channels * kernel**2
    text = f"conv {kernel}×{kernel}, stride {stride}, {channels}→{out}"
    return Layer(part, text, f"{out}×{side}×{side}", weights, out, weights * side**2)


def transposed(channels: int, out: int, kernel: int, stride: int, from_side: int, side: int) -> Layer:
    """Return a transposed convolution: each input pixel is spread by the whole kernel."""
    weights = channels * out * kernel**2
    text = f"transposed conv {kernel}×{kernel}, stride {stride}, {channels}→{out}"
    return Layer("decoder", text, f"{out}×{side}×{side}", weights, out, weights * from_side**2)


def fc(inputs: int, outputs: int, part: str, name: str = "") -> Layer:
    return Layer(part, f"{name}fc {inputs}→{outputs}", str(outputs), inputs * outputs, outputs, inputs * outputs)


def encoder(name: str, channels: int) -> tuple[list[Layer], int]:
    """Return the layers and how many features they give."""
    return {
        "cnn2": ([conv(channels, 16, 5, 2, 12), conv(16, 32, 5, 2, 4)], 512),
        "cnn3": ([conv(channels, 16, 6, 3, 8), conv(16, 32, 4, 2, 3), conv(32, 64, 3, 1, 1)], 64),
        "mlp": ([fc(784 * channels, 500, "encoder"), fc(500, 500, "encoder")], 500),
    }[name]


def decoder(name: str, inputs: int) -> list[Layer]:
    return {
        "cnn2": [fc(inputs, 392, "decoder"), transposed(8, 8, 5, 2, 7, 14), transposed(8, 1, 5, 2, 14, 28)],
        "cnn3": [fc(inputs, 32, "decoder"), transposed(32, 16, 4, 3, 1, 3), transposed(16, 8, 4, 3, 3, 7),
                 transposed(8, 1, 4, 4, 7, 28)],
        "mlp": [fc(inputs, 500, "decoder"), fc(500, 500, "decoder"), fc(500, 784, "decoder")],
    }[name]  # fmt: skip


def layers(arch: str, task: str) -> list[Layer]:
    """Return the layers of an architecture or a crossing on a task, in the order in which an image passes them."""
    first, _, second = arch.partition("+")
    labels = LABELS if task == "cvae" else 0
    trunk, features = encoder(first, 1 + labels)
    if task == "classifier":
        return [*trunk, fc(features, 10, "head")]
    heads = [fc(features, CODE, "head", f"{name}: ") for name in ("mean", "log_variance")]
    return [*trunk, *heads, *decoder(second or first, CODE + labels)]


def totals(arch: str, task: str) -> tuple[int, int, int, int]:
    """Return parameters, those of convolutions, those of fully connected layers, MACs."""
    rows = layers(arch, task)
    sizes = [row.weights + row.biases for row in rows]
    of_conv = sum(size for size, row in zip(sizes, rows, strict=True) if row.is_conv)
    return sum(sizes), of_conv, sum(sizes) - of_conv, sum(row.macs for row in rows)
