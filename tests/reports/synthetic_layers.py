"""Layer tables for invented runs: cnn2, cnn3 and cnn2-k4 to the weight, others made up."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def conv(part: str, kernel: int, stride: int, fan_in: int, fan_out: int, size: int, transposed: bool = False) -> Row:
    kind = "transposed conv" if transposed else "conv"
    weights = kernel * kernel * fan_in * fan_out
    area = (size // stride) ** 2 if transposed else size * size
    return {
        "part": part, "layer": f"{kind} {kernel}×{kernel}, stride {stride}, {fan_in}→{fan_out}", "kind": kind,
        "output_shape": f"{fan_out}x{size}x{size}", "weights": weights, "biases": fan_out, "macs": weights * area,
    }  # fmt: skip


def fc(part: str, fan_in: int, fan_out: int, name: str = "") -> Row:
    return {
        "part": part, "layer": f"{name}fc {fan_in}→{fan_out}", "kind": "fc", "output_shape": str(fan_out),
        "weights": fan_in * fan_out, "biases": fan_out, "macs": fan_in * fan_out,
    }  # fmt: skip


def encoder(arch: str, index: int, planes: int) -> tuple[list[Row], int]:
    """(rows, features) of an encoder trunk that gets `planes` label planes beside the image."""
    if arch == "cnn3":
        layers = [
            conv("encoder", 6, 3, 1 + planes, 16, 8),
            conv("encoder", 4, 2, 16, 32, 3),
            conv("encoder", 3, 1, 32, 64, 1),
        ]
        return layers, 64
    if arch in ("cnn2", "cnn2-k4"):
        kernel, first, last = (5, 12, 4) if arch == "cnn2" else (4, 13, 5)
        return [
            conv("encoder", kernel, 2, 1 + planes, 16, first),
            conv("encoder", kernel, 2, 16, 32, last),
        ], 32 * last**2
    width = 8 + 2 * index
    return [conv("encoder", 3, 2, 1 + planes, width, 14), conv("encoder", 3, 2, width, 2 * width, 7)], 2 * width * 49


def decoder(arch: str, index: int, inputs: int) -> list[Row]:
    if arch == "cnn3":
        sizes = [(3, 32, 16, 3), (3, 16, 8, 7), (4, 8, 1, 28)]
        return [fc("decoder", inputs, 32), *(conv("decoder", 4, s, i, o, size, True) for s, i, o, size in sizes)]
    if arch in ("cnn2", "cnn2-k4"):
        kernel = 5 if arch == "cnn2" else 4
        return [
            fc("decoder", inputs, 392),
            conv("decoder", kernel, 2, 8, 8, 14, True),
            conv("decoder", kernel, 2, 8, 1, 28, True),
        ]
    width = 8 + 2 * index
    return [
        fc("decoder", inputs, 98 * width),
        conv("decoder", 3, 2, 2 * width, width, 14, True),
        conv("decoder", 3, 2, width, 1, 28, True),
    ]


def layer_rows(arch: str, task: str, index: int, latent: int = 20) -> list[Row]:
    """The layer table of `bench.store.store.Record.layers`, in the order in which an image passes."""
    planes = 10 if task == "cvae" else 0
    first, _, second = arch.partition("+")
    rows, features = encoder(first, index, planes)
    if task == "classifier":
        return [*rows, fc("head", features, 10)]
    heads = [fc("head", features, latent, "mean: "), fc("head", features, latent, "log_variance: ")]
    return [*rows, *heads, *decoder(second or first, index, latent + planes)]
