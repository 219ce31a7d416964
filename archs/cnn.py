"""cnn:…, convolutions of any depth, kernel, stride, channels and padding, and a decoder that mirrors them exactly.

    cnn:depth=3,kernel=5-3-3,stride=2,channels=16-32-64,padding=same,activation=silu

A single value is meant for every layer; values for each layer are joined by `-`.

The decoder is a fully connected layer to the encoder's last feature map, and then the encoder's layers in reverse order
as transposed convolutions. They have the same kernels, strides and channels, and their outputs have exactly the sizes
that the encoder passed through.

A stride may leave a rest: of 28 pixels, kernel 3 with stride 2 and `valid` never reads the last row. The mirror draws
such a rest with the bias alone. A bias moves slowly, so that in a short training those few pixels at the border cost
tens of nats. `same` reads and draws every pixel.

`skip=yes` adds to the output of each layer that keeps the size and the number of channels its input, on both sides: the
identity shortcuts of He et al. 2016 (arXiv 1512.03385), around one convolution each and after its activation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from archs.base import IMAGE_SIZE, Arch, Family
from archs.blocks import Flatten, Shortcut, TransposedConv2d, padded_conv2d, reshape
from archs.errors import UserError, nearest

MAX_DEPTH = 8
MAX_CHANNELS = 1024
ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU}
SKIPS = ("no", "yes")
DEFAULTS = {"depth": "2", "kernel": "3", "stride": "2", "padding": "same", "activation": "relu", "skip": "no"}


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
    skip: bool = False

    def skips(self, number: int) -> bool:
        """Return whether the layer of this number, from 0, has a shortcut: the first one, from the image, never has."""
        layer, before = self.layers[number], self.layers[number - 1]
        return self.skip and number > 0 and layer.channels == before.channels and layer.in_size == layer.out_size

    def activated(self, number: int, conv: nn.Module) -> list[nn.Module]:
        """Build a layer's convolution, its activation and its shortcut if it has one."""
        modules = [conv, ACTIVATIONS[self.activation]()]
        return [Shortcut(*modules)] if self.skips(number) else modules

    def encoder(self, in_channels: int) -> nn.Module:
        modules: list[nn.Module] = []
        for number, layer in enumerate(self.layers):
            conv = padded_conv2d(in_channels, layer.channels, layer.kernel, layer.stride, layer.start, layer.end)
            modules += self.activated(number, conv)  # [B, channels, out_size, out_size]
            in_channels = layer.channels
        return nn.Sequential(*modules, Flatten())

    def decoder(self, in_features: int) -> nn.Module:
        last = self.layers[-1]
        features = last.channels * last.out_size**2
        modules: list[nn.Module] = [
            nn.Linear(in_features, features), ACTIVATIONS[self.activation](), reshape(last.channels, last.out_size)
        ]  # fmt: skip
        for number, layer in reversed(list(enumerate(self.layers))):
            conv = TransposedConv2d(
                layer.channels, self.layers[number - 1].channels if number else 1, layer.kernel,
                stride=layer.stride, in_size=layer.out_size, size=layer.in_size, start=layer.start,
            )  # fmt: skip
            modules += self.activated(number, conv) if number else [conv]
        return nn.Sequential(*modules)  # [B, 1, 28, 28] logits: no activation after the last layer


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
        raise UserError(f"cnn: {key} lists {len(values)} values for depth {depth}; give 1 or {depth}")
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
    keys = ("depth", "kernel", "stride", "channels", "padding", "activation", "skip")
    for key, text in options.items():
        if key not in keys:
            raise UserError(f"cnn: unknown option {key!r}{nearest(key, keys)}")
        if not text:
            raise UserError(f"cnn: {key}= has no value; write for example {key}={DEFAULTS.get(key, '16-32')}")
    given = DEFAULTS | dict(options)
    if given["activation"] not in ACTIVATIONS:
        raise UserError(f"cnn: unknown activation {given['activation']!r}{nearest(given['activation'], ACTIVATIONS)}")
    if given["skip"] not in SKIPS:
        raise UserError(f"cnn: skip={given['skip']} is neither yes nor no")

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
    model = Cnn(stack(kernel, stride, channels, padding), given["activation"], given["skip"] == "yes")
    if model.skip and not any(map(model.skips, range(depth))):
        raise UserError(
            "cnn: skip=yes: no layer after the first keeps the size and the number of channels; "
            "write for example stride=2-1,channels=16"
        )

    factors = {
        "depth": str(depth),
        "kernel": joined(kernel),
        "stride": joined(stride),
        "channels": joined(channels) if channels != doubling else "doubling",
        "padding": joined(padding),
        "activation": given["activation"],
        "skip": given["skip"],
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
    summary="any stack of convolutions with its mirror: cnn:depth=2,kernel=3,stride=2,channels=16-32,skip=no",
    source="this project",
    build=build,
)
