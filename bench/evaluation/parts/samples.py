"""samples: how often a classifier, trained in the same job, reads as y what a CVAE draws for the label y.

The judge is the baseline's classifier of the same seed, one for all architectures. It sees mean images p(x|z), being
trained on grey images. Its own test accuracy is a metric beside: how far it can be trusted, on images at least that
are no samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.evaluation import Cost, Part, Subject
from bench.evaluation.parts.bayes import confusion
from bench.models.latent import CLASSES
from bench.models.streams import generator
from bench.spec.run import RunSpec
from bench.training.scores import EVALUATION_BATCH

PER_LABEL = 1_000
"""Samples of each label."""


def run(subject: Subject) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Draw, and have the judge read."""
    (judge,) = subject.others
    noise = generator(subject.run.seed, "samples", subject.device)
    true, predicted = [], []
    for label in range(CLASSES):
        z = torch.randn(PER_LABEL, subject.run.latent_dim or 0, generator=noise, device=subject.device)
        labels = torch.full((PER_LABEL,), label, device=subject.device)
        images = torch.sigmoid(subject.model.decode(z, labels))
        true.append(labels)
        predicted.append(judge(images).argmax(1))
        subject.report((label + 1) / CLASSES)
    counts = confusion(torch.cat(true).cpu().numpy(), torch.cat(predicted).cpu().numpy())
    metrics = {
        "sample_accuracy": float(np.trace(counts) / counts.sum()),
        "judge_accuracy": judge_accuracy(judge, subject),
    }
    return metrics, {"sample_confusion": counts}


def judge_accuracy(judge: torch.nn.Module, subject: Subject) -> float:
    """Return the judge's own accuracy on the test images."""
    x = subject.test.images.unsqueeze(1).float() / 255
    predicted = torch.cat([judge(some).argmax(1) for some in x.split(EVALUATION_BATCH)])
    return float((predicted == subject.test.labels).double().mean())


def others(run: RunSpec, runs: Sequence[RunSpec], baseline: str) -> tuple[str, ...] | None:
    """Return the id of the baseline's classifier of the same seed; None if the job has none."""
    found = [r.run_id for r in runs if (r.arch, r.task, r.seed) == (baseline, "classifier", run.seed)]
    return tuple(found) or None


PART = Part(
    "samples",
    "samples read by a classifier",
    run,
    others=others,  # the judge reads, about as fast as an encoder
    cost=lambda settings, images: Cost(CLASSES * PER_LABEL + images.test, CLASSES * PER_LABEL),
)
