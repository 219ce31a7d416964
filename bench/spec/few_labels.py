"""The metrics of the part `few_labels`, M1+M2 on a VAE's code: their names hold the number of labels."""

from __future__ import annotations

import re
from typing import Any

PATTERN = re.compile(r"m1m2_(accuracy|alone_accuracy|validation_accuracy|dimensions|classes)_l(\d+)")
"""The form of the names: with 100 labels `m1m2_accuracy_l100`."""

ACCURACY = {"unit": "%", "higher_is_better": True, "margin": 0.001, "scale": 100.0}
COUNT = {"unit": "", "higher_is_better": None, "digits": 1}

KINDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "accuracy": (
        ACCURACY,
        "M1+M2",
        "test accuracy of M1+M2's classifier, trained on the codes of all training images, {labels} of them labelled",
    ),
    "alone_accuracy": (
        ACCURACY,
        "M1+M2's reader alone",
        "test accuracy of the same classifier trained on the codes of the {labels} labelled images alone",
    ),
    "validation_accuracy": (
        ACCURACY | {"higher_is_better": None, "margin": None},
        "M1+M2, validation",
        "validation accuracy of M1+M2's classifier with {labels} labelled images",
    ),
    "dimensions": (
        COUNT,
        "live dimensions, M1+M2",
        "latent dimensions that M1+M2 reads with {labels} labels: those whose posterior mean has a standard deviation "
        "over the training images above 0.1; with none, every image is read alike",
    ),
    "classes": (
        COUNT,
        "labels read, M1+M2",
        "how many of the ten labels M1+M2 with {labels} labels reads in the test images; 1: every image is read alike",
    ),
}
"""Kind of metric → what it is made of, its label, its definition."""


def described(name: str) -> dict[str, Any] | None:
    """Return the fields of the metric of that name (`bench.spec.metrics.Metric`), or None if it is none of these."""
    found = PATTERN.fullmatch(name)
    if not found:
        return None
    fields, label, definition = KINDS[found[1]]
    labels = f"{int(found[2]):,}"
    return {
        "name": name,
        "label": f"{label} ({labels} labels)",
        "definition": definition.format(labels=labels),
        **fields,
    }


def order(name: str) -> tuple[int, int]:
    """Return a key that sorts such names by the number of labels, then as `KINDS` has them."""
    found = PATTERN.fullmatch(name)
    assert found
    return int(found[2]), list(KINDS).index(found[1])
