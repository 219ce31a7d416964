"""few_labels: how well the labels of all images are read from a VAE's code when few are known (M1+M2).

The classifier of `bench.evaluation.code_reader`, trained on the codes of all training images, of which some come with
their label; beside it the same classifier trained on the codes of the labelled images alone. What the unlabelled ones
are worth is the difference. The labelled images are those of the task `m2`: the same for every architecture. An encoder
that was trained on coins is shown the grey levels, which they are on average, as the authors' is.

A code without a live dimension says nothing of any image: every image is read alike, as the first of equally likely
labels, and nothing is trained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.evaluation import Cost, EvaluationRequest, Images, Part, Subject
from bench.evaluation.code_training import Few, Recipe, read, train_alone, train_reader
from bench.evaluation.codes import codes_of, live_dimensions
from bench.training.labelled import choose_labelled

MORE_LABELS = 100
"""Above so many labels the hidden layers are wider, as published."""

WIDER = 500
STEP_SECONDS, ALONE_SECONDS = 3.9e-5, 7e-4
"""Of a step of the reader of all codes, for each unit of a hidden layer; of one of the reader alone."""


def run(subject: Subject) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Train both readers, and read the test images from their posterior means.

    Raises:
        ValueError: a class has too few images for its share of the labels.
    """
    count, name = subject.settings["labels"], f"l{subject.settings['labels']}"
    known = choose_labelled(subject.train.labels, count, subject.run.seed).to(subject.device)
    seen = "grey" if subject.run.likelihood == "dynamic" else subject.run.likelihood
    codes = codes_of(subject.model, subject.train, seen, "train")
    live = live_dimensions(codes)
    validation, test = (
        codes_of(subject.model, data, seen, split).mean[:, live]
        for data, split in ((subject.validation, "validation"), (subject.test, "test"))
    )
    few = Few(codes.select(live), subject.train.labels, known)
    recipe = Recipe(**{field.name: subject.settings[field.name] for field in dataclasses.fields(Recipe)})
    if len(live):
        with torch.enable_grad():
            alone = train_alone(few, recipe, subject.run.seed)
            whole, curve = train_reader(
                few, (validation, subject.validation.labels), recipe, subject.run.seed, subject.report
            )
        readings = {"": read(whole, test), "_alone": read(alone, test)}
        held_out, points = read(whole, validation), curve._asdict()
    else:
        readings = dict.fromkeys(("", "_alone"), torch.zeros_like(subject.test.labels))
        held_out, points = torch.zeros_like(subject.validation.labels), {"passes": [], "accuracy": []}
    metrics, arrays = {}, {}
    for kind, labels in readings.items():
        correct = labels == subject.test.labels
        metrics[f"m1m2{kind}_accuracy_{name}"] = share(correct)
        arrays[f"test_m1m2{kind}_correct_{name}"] = correct.cpu().numpy()
    metrics |= {
        f"m1m2_validation_accuracy_{name}": share(held_out == subject.validation.labels),
        f"m1m2_dimensions_{name}": float(len(live)),
        f"m1m2_classes_{name}": float(len(readings[""].unique())),
    }
    curves = {f"m1m2_curve_{kind}_{name}": np.array(values, dtype="float64") for kind, values in points.items()}
    return metrics, arrays | curves


def share(correct: Tensor) -> float:
    """Return the share of what is true."""
    return float(correct.double().mean())


def settings(request: EvaluationRequest) -> list[dict[str, Any]]:
    """Return what a reader depends on, once for each number of labels."""
    return [
        {"labels": labels, **dataclasses.asdict(Recipe(hidden=WIDER if labels > MORE_LABELS else Recipe.hidden))}
        for labels in request.labels
    ]


def cost(settings: Mapping[str, Any], images: Images) -> Cost:
    """Return what it takes: all images are encoded, and two readers are trained on their codes."""
    steps = settings["passes"] * (images.train // settings["batch"] or 1)
    seconds = STEP_SECONDS * settings["hidden"] * steps + ALONE_SECONDS * settings["alone_steps"]
    return Cost(sum(images), seconds=seconds)


PART = Part("few_labels", "labels read from the code, few being known", run, settings, cost=cost, level="few-labels")
