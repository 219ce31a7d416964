"""Set what the reference README claimed of its networks beside what counting their layers says.

The claims are quoted from that README; every count is read from the layer table of the records.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

SOURCE = "asahi417/ConditionalVariationalAutoEncoder, README of October 2017"
KERNEL_CLAIM = "cnn2: kernel 4 × 4, stride 2 × 2, and 512 features"
Claim = tuple[str, str]
"""(What was claimed, what was counted.)"""


def claims(layers: pd.DataFrame) -> list[Claim]:
    """Return the claims about the architectures that were run as a CVAE or VAE; empty when none was.

    The CVAE's layers are used where there are any, since the README describes CVAEs.

    Args:
        layers: the frame of `bench.statistics.frames.layers_frame`.
    """
    tables = {name: table for name in ("cnn2", "cnn2-k4", "cnn3") if (table := _layers_of(layers, name)) is not None}
    found: list[Claim] = []
    claims_of: dict[str, Callable[[dict[str, pd.DataFrame]], list[Claim]]] = {
        "cnn2": _of_cnn2,
        "cnn2-k4": _of_cnn2_k4,
        "cnn3": _of_cnn3,
    }
    for name, make in claims_of.items():
        if name in tables:
            found += make(tables)
    return found


def _layers_of(layers: pd.DataFrame, arch: str) -> pd.DataFrame | None:
    """Return the layers of an architecture's CVAE, else of its VAE; None if neither was run."""
    own = layers[layers["arch"] == arch]
    for task in ("cvae", "vae"):
        if (own["task"] == task).any():
            return own[own["task"] == task]
    return None


def _of_cnn2(tables: dict[str, pd.DataFrame]) -> list[Claim]:
    model = tables["cnn2"]
    heads, biggest = _heads(model), _biggest_conv(model)
    each = int(heads["weights"].max())
    claimed = 20 * 512
    verdict = "True of one head" if each == claimed else "Not so here: a head has"
    total = int(heads["weights"].sum())
    one = f"{verdict}{'' if each == claimed else f' {each:,}'}; there are {len(heads)}, {total:,} weights together"
    most = int(biggest["weights"])
    comparison = "more than" if most > each else "fewer than" if most < each else "as many as"
    follows = "does not follow" if most >= each else "follows"
    literal = [] if "cnn2-k4" in tables else [_without_k4(model)]
    return [
        *literal,
        ("cnn2: the FC layer has 20 × 512 = 10,240 weights", f"{one}."),
        (
            "cnn2: the biggest CNN layer has 4 × 16 × 32 = 2,048 weights",
            f"{most:,} ({biggest['layer']}). 2,048 is the count of a {_kernel(2048, 16, 32)} kernel."
            if most != 2048
            else "True.",
        ),
        (
            'cnn2: "thus, the effect of the CNN becomes much smaller than FC"',
            f"As a count of weights it {follows}: {most:,} in the biggest convolution, {comparison} the {each:,} of "
            "one head.",
        ),
    ]


def _without_k4(model: pd.DataFrame) -> Claim:
    features, layer = _features(model), _biggest_conv(model)["layer"]
    return (KERNEL_CLAIM, f"{features:,} features come with {layer}; the 4 × 4 kernel was not run here (cnn2-k4).")


def _of_cnn2_k4(tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return what the README's 4 × 4 kernel gives where it was run as written."""
    model = tables["cnn2-k4"]
    features, biggest = _features(model), _biggest_conv(model)
    met = "as claimed" if features == 512 else "not 512"
    return [
        (
            KERNEL_CLAIM,
            f"With that kernel and no padding the encoder gives {features:,} features, {met}; "
            f"its biggest convolution has {int(biggest['weights']):,} weights.",
        )
    ]


def _of_cnn3(tables: dict[str, pd.DataFrame]) -> list[Claim]:
    model = tables["cnn3"]
    heads, last = _heads(model), _convs(model).iloc[-1]
    each, total, conv = int(heads["weights"].max()), int(heads["weights"].sum()), int(last["weights"])
    return [
        (
            "cnn3: the FC layer has 20 × 64 = 1,280 weights",
            f"{'True' if each == 1280 else f'{each:,}'} of one head; there are {len(heads)}, {total:,} together.",
        ),
        (
            "cnn3: the last CNN layer has 9 × 32 × 64 = 18,432 weights",
            f"{'True' if conv == 18432 else f'{conv:,}'} ({last['layer']}).",
        ),
    ]


def _heads(model: pd.DataFrame) -> pd.DataFrame:
    return model[model["part"] == "head"]


def _convs(model: pd.DataFrame) -> pd.DataFrame:
    return model[(model["part"] == "encoder") & (model["kind"] == "conv")]


def _biggest_conv(model: pd.DataFrame) -> pd.Series:
    convs = _convs(model)
    return convs.loc[convs["weights"].idxmax()]


def _features(model: pd.DataFrame) -> int:
    """Return the number of inputs of a head: its weights over its outputs, of which each has a bias."""
    head = _heads(model).iloc[0]
    return int(head["weights"]) // int(head["biases"])


def _kernel(weights: int, fan_in: int, fan_out: int) -> str:
    """Return the size of the square kernel that has so many weights, such as "2×2"."""
    side = round((weights / (fan_in * fan_out)) ** 0.5)
    return f"{side}×{side}"
