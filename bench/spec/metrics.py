"""The metrics: name, unit, direction and meaning, declared once. Tables, plots, CSV headers and docs read them here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """margin: a difference smaller than this doesn't matter (in the unit of the raw value), for "equivalent".
    scale: shown value = raw value × scale. digits: decimals shown."""

    name: str
    label: str
    unit: str
    higher_is_better: bool | None
    definition: str
    margin: float | None = None
    scale: float = 1.0
    digits: int = 2

    @property
    def unit_of_difference(self) -> str:
        """Percentages differ by points."""
        return "points" if self.unit == "%" else self.unit


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "elbo", "ELBO", "nats", True, "evidence lower bound of one test image, one latent sample", 0.5, digits=1
        ),
        Metric(
            "reconstruction",
            "reconstruction",
            "nats",
            False,
            "negative expected log-likelihood of the pixels",
            digits=1,
        ),
        Metric(
            "kl",
            "KL",
            "nats",
            None,
            "divergence of the posteriors from the prior: what the code says about an image, and what saying it costs",
            digits=1,
        ),
        Metric(
            "elbo_joint", "ELBO − ln 10", "nats", True, "a CVAE's bound on log p(x, y), uniform labels", 0.5, digits=1
        ),
        Metric("bits_per_dim", "bits/dim", "bits", False, "−ELBO per pixel, in bits", digits=4),
        Metric(
            "elbo_marginal",
            "marginal bound",
            "nats",
            True,
            "a CVAE's bound on log p(x): the labels summed out, 8 importance samples for each",
            0.5,
            digits=1,
        ),
        Metric(
            "active_units",
            "active units",
            "",
            None,
            "latent dimensions whose posterior mean has a variance over the test set above 0.01",
            digits=1,
        ),
        Metric(
            "aggregate_kl",
            "aggregate KL",
            "nats",
            False,
            "divergence from the prior of the Gaussian with the "
            "aggregate posterior's mean and covariance: a lower bound on how far it is from the prior",
            digits=2,
        ),
        Metric(
            "untrained_elbo",
            "untrained ELBO",
            "nats",
            None,
            "ELBO of 500 validation images before the first step",
            digits=1,
        ),
        Metric("accuracy", "accuracy", "%", True, "share of test images classified correctly", 0.001, 100.0, 2),
        Metric(
            "probe_accuracy",
            "linear probe",
            "%",
            True,
            "test accuracy of logistic regression on the posterior means of the training images",
            0.001,
            100.0,
            2,
        ),
        Metric(
            "bayes_accuracy",
            "Bayes accuracy",
            "%",
            True,
            "test accuracy of a CVAE as a classifier: the label with the highest bound",
            0.001,
            100.0,
            2,
        ),
        Metric(
            "sample_accuracy",
            "sample accuracy",
            "%",
            True,
            "share of 10,000 samples, 1,000 for each label, that the "
            "baseline's classifier of the same seed reads as that label",
            0.001,
            100.0,
            2,
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

PRIMARY = {"vae": "elbo", "cvae": "elbo", "classifier": "accuracy", "m2": "accuracy"}
"""The metric that decides for each task."""

IWAE = re.compile(r"iwae_(gap_)?k(\d+)_n(\d+)")


def metric(name: str) -> Metric | None:
    """The metric of a column; None for a column that is none. The importance-weighted bounds carry their k and the
    number of test images in their names: `iwae_k64_n10000`, and `iwae_gap_k64_n10000` for what they are above the ELBO."""
    found = IWAE.fullmatch(name)
    if not found:
        return METRICS.get(name)
    k, images = int(found[2]), int(found[3])
    if found[1]:
        meaning = f"IWAE-{k:,} bound less the ELBO of the same {images:,} test images"
        return Metric(name, f"IWAE-{k:,} − ELBO", "nats", None, meaning, digits=1)
    meaning = f"importance-weighted bound with {k:,} samples on {images:,} test images"
    return Metric(name, f"IWAE-{k:,} (n = {images:,})", "nats", True, meaning, 0.5, digits=1)


def among(columns: Iterable[str]) -> list[str]:
    """The names of `columns` that are metrics: the declared ones in their order, then the importance-weighted bounds."""
    present = set(columns)
    bounds = sorted((name for name in present if IWAE.fullmatch(name)), key=lambda name: (len(name), name))
    return [name for name in METRICS if name in present] + bounds
