"""The metrics, each declared once with its name, unit, direction and meaning, for tables, plots and CSV headers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from archs.errors import UserError
from bench.spec import few_labels

NAME = re.compile(r"[a-z][a-z0-9_]*")
"""The form of a metric's name, which is the name of a column too."""
MAX_TEXT_LENGTH = 300
"""The most characters in a text of a metric, since metrics are read from files that people send."""
MAX_DIGITS = 10
"""The most decimals shown."""
ACTIVE_VARIANCE = 0.01
"""A latent dimension counts as active if its posterior mean varies by more over the test set (Burda et al. 2016)."""
ACTIVE_KL = 0.05
"""Nats: it counts as active by its KL if that is larger, as the mean over the test set."""
SPREAD_SAMPLES = 200
"""Points z of the prior over which the spread of a model's samples is measured, for each label if it knows labels."""


@dataclass(frozen=True)
class Metric:
    """A number that a trained model has."""

    name: str
    """The name in records and CSV files: a-z, 0-9 and '_'."""

    label: str
    """The name on the page."""

    unit: str
    """The unit of the shown value; empty for a plain number."""

    higher_is_better: bool | None
    """Which direction is better; None if the metric can be neither won nor lost."""

    definition: str
    """What it is, in a line."""

    margin: float | None = None
    """The difference that is still "equivalent", in the unit of the raw value; None if every difference matters."""

    scale: float = 1.0
    """Factor from the raw value to the shown one."""

    digits: int = 2
    """Decimals shown."""

    likelihood: bool = False
    """Whether it is a log-likelihood of pixels, or a bound on one.

    If so, the page says of which pixels, and two numbers compare only with the same `--likelihood`.
    """

    def __post_init__(self) -> None:
        texts = (self.name, self.label, self.unit, self.definition)
        if not NAME.fullmatch(self.name) or max(map(len, texts)) > MAX_TEXT_LENGTH:
            raise UserError(
                f"metric {self.name[:40]!r}: expected a-z, 0-9 and '_', and no text longer than {MAX_TEXT_LENGTH}"
            )
        if not (0 <= self.digits <= MAX_DIGITS and 0 < self.scale < math.inf and 0 <= (self.margin or 0) < math.inf):
            raise UserError(
                f"metric {self.name}: digits {self.digits}, scale {self.scale}, margin {self.margin}; "
                f"expected 0 to {MAX_DIGITS}, above 0, and none or at least 0"
            )

    @property
    def unit_of_difference(self) -> str:
        """The unit of a difference: percentages differ by points."""
        return "points" if self.unit == "%" else self.unit


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "elbo",
            "ELBO",
            "nats",
            True,
            "evidence lower bound: mean over the test images, with one latent sample each",
            margin=0.5,
            digits=1,
            likelihood=True,
        ),
        Metric(
            "reconstruction",
            "reconstruction",
            "nats",
            False,
            "negative expected log-likelihood of the pixels, with the same one latent sample each",
            digits=1,
            likelihood=True,
        ),
        Metric(
            "kl",
            "KL",
            "nats",
            None,
            "mean divergence of an image's posterior from the prior: no less than what the code says about the image",
            digits=1,
        ),
        Metric(
            "elbo_joint",
            "ELBO − ln 10",
            "nats",
            True,
            "a CVAE's bound on log p(x, y), uniform labels",
            margin=0.5,
            digits=1,
            likelihood=True,
        ),
        Metric("bits_per_dim", "bits/dim", "bits", False, "−ELBO per pixel, in bits", digits=4, likelihood=True),
        Metric(
            "elbo_marginal",
            "marginal bound",
            "nats",
            True,
            "a CVAE's bound on log p(x): the labels summed out, 8 importance samples for each",
            margin=0.5,
            digits=1,
            likelihood=True,
        ),
        Metric(
            "active_units",
            "active units",
            "",
            None,
            f"latent dimensions whose posterior mean has a variance over the test set above {ACTIVE_VARIANCE}",
            digits=1,
        ),
        Metric(
            "kl_units",
            "active units by KL",
            "",
            None,
            f"latent dimensions whose KL from the prior, as the mean over the test set, is above {ACTIVE_KL} nats",
            digits=1,
        ),
        Metric(
            "sample_spread",
            "spread of samples",
            "",
            None,
            "standard deviation of a pixel's probability p(x = 1 | z) "
            f"over {SPREAD_SAMPLES} z of the prior, as the mean over pixels, and over labels where it is given one",
            digits=3,
        ),
        Metric(
            "aggregate_kl",
            "aggregate KL",
            "nats",
            False,
            "divergence from the prior of the Gaussian with the "
            "aggregate posterior's mean and covariance: a lower bound on that of the aggregate posterior itself",
            digits=2,
        ),
        Metric(
            "untrained_elbo",
            "untrained ELBO",
            "nats",
            None,
            "ELBO of 500 validation images before the first step",
            digits=1,
            likelihood=True,
        ),
        Metric(
            "accuracy", "accuracy", "%", True, "share of test images classified correctly", margin=0.001, scale=100.0
        ),
        Metric(
            "probe_accuracy",
            "linear probe",
            "%",
            True,
            "test accuracy of logistic regression on the posterior means of the training images",
            margin=0.001,
            scale=100.0,
        ),
        Metric(
            "bayes_accuracy",
            "Bayes accuracy",
            "%",
            True,
            "test accuracy of a CVAE as a classifier: the label with the highest bound",
            margin=0.001,
            scale=100.0,
        ),
        Metric(
            "sample_accuracy",
            "sample accuracy",
            "%",
            True,
            "share of 10,000 samples, 1,000 for each label, that the "
            "baseline's classifier of the same seed reads as that label",
            margin=0.001,
            scale=100.0,
        ),
        Metric(
            "judge_accuracy",
            "its judge",
            "%",
            None,
            "test accuracy of the classifier that read the samples",
            scale=100.0,
            digits=2,
        ),
        Metric(
            "train_images_per_s",
            "training",
            "images/s",
            True,
            "training images per second, evaluation excluded",
            digits=0,
        ),
        Metric("train_seconds", "training time", "s", False, "wall time of the training steps", digits=1),
        Metric("params_total", "parameters", "", None, "weights and biases of the whole model", digits=0),
        Metric("params_conv", "conv parameters", "", None, "weights and biases of (transposed) convolutions", digits=0),
        Metric("params_fc", "FC parameters", "", None, "weights and biases of fully connected layers", digits=0),
        Metric("macs", "MACs", "", None, "multiply-accumulates of one image through the whole model", digits=0),
    )
}

IWAE = re.compile(r"iwae_(?:(elbo|gain|gap)_)?k(\d+)_n(\d+)")
"""The names of what is computed with k samples on n test images: a bound is `iwae_k64_n10000`. See `metric`."""


def bound_images(images: int, total: int) -> list[int]:
    """Return the `images` of `total` test images that a bound is computed on, by index.

    They are spread evenly over the test set: MNIST's first half is easier than its second.
    """
    return [index * total // images for index in range(images)]


def metric(name: str) -> Metric | None:
    """Return the metric of a column, or None if the column is no metric.

    Besides the declared ones these are, with k = 64 samples on n = 10,000 test images,

    - `iwae_k64_n10000`: the importance-weighted bound;
    - `iwae_elbo_k64_n10000`: the ELBO as the mean over the same samples;
    - `iwae_gain_k64_n10000`: how far the bound is above that ELBO;
    - `iwae_gap_k64_n10000`, in older records: how far it is above the ELBO of one other sample;

    and those of `bench.spec.few_labels`, as `m1m2_accuracy_l100`.
    """
    if fields := few_labels.described(name):
        return Metric(**fields)
    found = IWAE.fullmatch(name)
    if not found:
        return METRICS.get(name)
    kind, k, images = found[1], int(found[2]), int(found[3])
    if kind == "gain":
        meaning = f"IWAE-{k:,} bound less the ELBO of the same {k:,} samples of {images:,} test images: never negative"
        return Metric(name, f"IWAE-{k:,} − its ELBO", "nats", None, meaning, digits=2)
    if kind == "gap":
        meaning = f"IWAE-{k:,} bound less the ELBO of one other sample of each of {images:,} test images, with its luck"
        return Metric(name, f"IWAE-{k:,} − one-sample ELBO", "nats", None, meaning, digits=1)
    label, meaning = f"IWAE-{k:,}", f"importance-weighted bound with {k:,} samples on {images:,} test images"
    if kind == "elbo":
        label, meaning = (
            f"ELBO, {k:,} samples",
            f"ELBO as the mean over the same {k:,} samples of {images:,} test images",
        )
    return Metric(name, f"{label} (n = {images:,})", "nats", True, meaning, margin=0.5, digits=1, likelihood=True)


def metric_columns(columns: Iterable[str]) -> list[str]:
    """Return the `columns` that are metrics: declared ones in their order, importance-weighted bounds, then M1+M2's."""
    present = set(columns)
    bounds = sorted((name for name in present if IWAE.fullmatch(name)), key=lambda name: (len(name), name))
    read = sorted(filter(few_labels.PATTERN.fullmatch, present), key=few_labels.order)
    return [name for name in METRICS if name in present] + bounds + read
