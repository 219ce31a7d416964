"""cnn:…, convolutions of any depth, kernel, stride, channels and padding, and a decoder that mirrors them exactly.

    cnn:depth=3,kernel=5-3-3,stride=2,channels=16-32-64,padding=same,activation=silu

A single value is meant for every layer; values for each layer are joined by `-`.

The decoder is a fully connected layer to the encoder's last feature map, and then the encoder's layers in reverse order
as transposed convolutions. They have the same kernels, strides and channels, and their outputs have exactly the sizes
that the encoder passed through.

A stride may leave a rest: of 28 pixels, kernel 3 with stride 2 and `valid` never reads the last row. The mirror draws
such a rest with the bias alone. A bias moves slowly, so that in a short training those few pixels at the border cost
tens of nats. `same` reads and draws every pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from archs.base import IMAGE_SIZE, Arch, Family
from archs.blocks import Flatten, TransposedConv2d, padded_conv2d, reshape
from archs.errors import UserError, nearest

MAX_DEPTH = 8
MAX_CHANNELS = 1024
ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU}
DEFAULTS = {"depth": "2", "kernel": "3", "stride": "2", "padding": "same", "activation": "relu"}


@dataclass(frozen=True)
class Layer:
    """One convolution: its options, and the sizes in pixels of the square images that it maps from and to."""

    kernel: int
    stride: int
    channels: int
    start: int
    """Rows of zeros added at the top, and columns at the left."""

    end: int
    """Rows of zeros added at the bottom, and columns at the right."""

    in_size: int
    out_size: int


@dataclass(frozen=True)
class Cnn:
    """A stack of layers that fit one another, and the two builders made from it."""

    layers: tuple[Layer, ...]
    activation: str

    def encoder(self, in_channels: int) -> nn.Module:
        modules: list[nn.Module] = []
        for layer in self.layers:
            conv = padded_conv2d(in_channels, layer.channels, layer.kernel, layer.stride, layer.start, layer.end)
            modules += [conv, ACTIVATIONS[self.activation]()]  # [B, channels, out_size, out_size]
            in_channels = layer.channels
        return nn.Sequential(*modules, Flatten())

    def decoder(self, in_features: int) -> nn.Module:
        last = self.layers[-1]
        features = last.channels * last.out_size**2
        modules: list[nn.Module] = [
            nn.Linear(in_features, features), ACTIVATIONS[self.activation](), reshape(last.channels, last.out_size)
        ]  # fmt: skip
        before = [1, *(layer.channels for layer in self.layers[:-1])]
        for layer, channels in zip(reversed(self.layers), reversed(before), strict=True):
            modules += [
                TransposedConv2d(
                    layer.channels, channels, layer.kernel,
                    stride=layer.stride, in_size=layer.out_size, size=layer.in_size, start=layer.start,
                ),
                ACTIVATIONS[self.activation](),
            ]  # fmt: skip
        return nn.Sequential(*modules[:-1])  # [B, 1, 28, 28] logits: no activation after the last layer


def integers(key: str, text: str, low: int, high: int) -> list[int]:
    """Read whole numbers from `low` to `high`: `"16-32"` → [16, 32]."""
    numbers = []
    for word in text.split("-"):
        if not (word.isascii() and word.isdigit()) or len(word) > 6 or not low <= int(word) <= high:
            raise UserError(f"cnn: {key}={text}: {word!r} is not a whole number from {low} to {high}")
        numbers.append(int(word))
    return numbers


def per_layer(key: str, values: list, depth: int) -> list:
    """One value for each layer, from one for each or one for all."""
    if len(values) == 1:
        return values * depth
    if len(values) != depth:
        raise UserError(f"cnn: {key} lists {len(values)} values for {depth} layers; give 1 or {depth}")
    return values


def paddings(text: str) -> list[str]:
    """Read paddings, each `same`, `valid` or a number of rows."""
    words = text.split("-")
    for word in words:
        if word not in ("same", "valid"):
            integers("padding", word, 0, IMAGE_SIZE)
    return [word if word in ("same", "valid") else str(int(word)) for word in words]


def stack(kernels: list[int], strides: list[int], channels: list[int], pads: list[str]) -> tuple[Layer, ...]:
    """Build the layers with their sizes; raises `UserError` if one does not fit the image that reaches it."""
    layers: list[Layer] = []
    size = IMAGE_SIZE
    for number, (kernel, stride, width, pad) in enumerate(zip(kernels, strides, channels, pads, strict=True), 1):
        where = f"cnn: layer {number} gets {size}×{size} pixels"
        if stride > size:
            raise UserError(f"{where}: stride {stride} is larger than that; use at most {size}")
        if pad == "same":  # TensorFlow's: ceil(size / stride) pixels out, an odd zero row at the end
            if kernel > size:
                raise UserError(f"{where}: kernel {kernel} is larger than that; use at most {size}")
            out = -(-size // stride)
            total = max((out - 1) * stride + kernel - size, 0)
            start, end = total // 2, total - total // 2
        else:
            start = end = 0 if pad == "valid" else int(pad)
            if start >= kernel:
                raise UserError(
                    f"{where}: padding {start} needs a kernel larger than {kernel}; use at most {kernel - 1}"
                )
            if kernel > size + 2 * start:
                raise UserError(f"{where}: kernel {kernel} is larger than that; use at most {size + 2 * start}")
            out = (size + 2 * start - kernel) // stride + 1
        layers.append(Layer(kernel, stride, width, start, end, size, out))
        size = out
    return tuple(layers)


def joined(values: list) -> str:
    """Spell the values of all layers as shortly as possible: once, if they are the same."""
    return "-".join(map(str, values[:1] if len(set(values)) == 1 else values))


def build(options: Mapping[str, str]) -> Arch:
    """Build the architecture that the options spell; raises `UserError` for one that is unknown or illegal."""
    keys = ("depth", "kernel", "stride", "channels", "padding", "activation")
    for key, text in options.items():
        if key not in keys:
            raise UserError(f"cnn: unknown option {key!r}{nearest(key, keys)}")
        if not text:
            raise UserError(f"cnn: {key}= has no value; write for example {key}={DEFAULTS.get(key, '16-32')}")
    given = DEFAULTS | dict(options)
    if given["activation"] not in ACTIVATIONS:
        raise UserError(f"cnn: unknown activation {given['activation']!r}{nearest(given['activation'], ACTIVATIONS)}")

    listed = [len(given[key].split("-")) for key in ("kernel", "stride", "channels", "padding") if key in options]
    depths = integers("depth", given["depth"], 1, MAX_DEPTH)
    if len(depths) != 1:
        raise UserError(
            f"cnn: depth={given['depth']} must be one number; write depth={'/'.join(map(str, depths))} for a grid"
        )
    depth = depths[0] if "depth" in options else max([length for length in listed if length > 1], default=depths[0])
    if depth > MAX_DEPTH:
        raise UserError(f"cnn: {depth} layers listed; use at most {MAX_DEPTH}")

    doubling = [min(16 * 2**layer, MAX_CHANNELS) for layer in range(depth)]
    kernel = per_layer("kernel", integers("kernel", given["kernel"], 1, IMAGE_SIZE), depth)
    stride = per_layer("stride", integers("stride", given["stride"], 1, IMAGE_SIZE), depth)
    padding = per_layer("padding", paddings(given["padding"]), depth)
    channels = doubling
    if "channels" in options:
        channels = per_layer("channels", integers("channels", given["channels"], 1, MAX_CHANNELS), depth)
    model = Cnn(stack(kernel, stride, channels, padding), given["activation"])

    factors = {
        "depth": str(depth),
        "kernel": joined(kernel),
        "stride": joined(stride),
        "channels": joined(channels) if channels != doubling else "doubling",
        "padding": joined(padding),
        "activation": given["activation"],
    }
    usual = DEFAULTS | {"depth": "always spelled", "channels": "doubling"}
    spelled = ",".join(f"{key}={factors[key]}" for key in keys if factors[key] != usual[key])
    last = model.layers[-1]
    return Arch(
        name=f"cnn:{spelled}",
        summary=f"{depth} convolutions to {last.channels}×{last.out_size}×{last.out_size}, mirrored decoder",
        source="this project",
        encoder=model.encoder,
        decoder=model.decoder,
        factors=factors,
    )


FAMILY = Family(
    name="cnn",
    summary="any stack of convolutions with its mirror: cnn:depth=2,kernel=3,stride=2,channels=16-32,padding=same",
    source="this project",
    build=build,
)
