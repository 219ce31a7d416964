"""The metrics: name, unit, direction and meaning, declared once. Tables, plots, CSV headers and docs read them here."""

from __future__ import annotations

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
        Metric("kl", "KL", "nats", None, "divergence of the approximate posterior from the prior", digits=1),
        Metric(
            "elbo_joint", "ELBO − ln 10", "nats", True, "a CVAE's bound on log p(x, y), uniform labels", 0.5, digits=1
        ),
        Metric("accuracy", "accuracy", "%", True, "share of test images classified correctly", 0.001, 100.0, 2),
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

PRIMARY = {"vae": "elbo", "cvae": "elbo", "classifier": "accuracy"}
"""The metric that decides for each task."""
