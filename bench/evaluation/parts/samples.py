"""samples: how often what a CVAE draws for label y is read as y by a classifier that was trained in the same job.

The judge is the baseline's classifier of the same seed, one for all architectures. It sees mean images p(x|z), being
trained on grey images. Its own test accuracy is a metric beside: it is the ceiling of what this one can say.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.evaluation import Part, Subject
from bench.evaluation.parts.bayes import confusion
from bench.models.latent import CLASSES
from bench.models.streams import generator
from bench.spec.run import RunSpec

PER_LABEL = 1_000


def run(subject: Subject) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    (judge,) = subject.others
    noise = generator(subject.run.seed, "samples", subject.device)
    asked, read = [], []
    for label in range(CLASSES):
        z = torch.randn(PER_LABEL, subject.run.latent_dim or 0, generator=noise, device=subject.device)
        labels = torch.full((PER_LABEL,), label, device=subject.device)
        images = torch.sigmoid(subject.model.decode(z, labels))
        asked.append(labels)
        read.append(judge(images).argmax(1))
        subject.report((label + 1) / CLASSES)
    counts = confusion(torch.cat(asked).cpu().numpy(), torch.cat(read).cpu().numpy())
    metrics = {
        "sample_accuracy": float(np.trace(counts) / counts.sum()),
        "judge_accuracy": judged(judge, subject),
    }
    return metrics, {"sample_confusion": counts}


def judged(judge: torch.nn.Module, subject: Subject) -> float:
    """The judge's own accuracy on the test images."""
    x = subject.test.images.unsqueeze(1).float() / 255
    right = [(judge(x[at : at + 500]).argmax(1) == subject.test.labels[at : at + 500]) for at in range(0, len(x), 500)]
    return float(torch.cat(right).double().mean())


def others(run: RunSpec, runs: Sequence[RunSpec], baseline: str) -> tuple[str, ...] | None:
    found = [r.run_id for r in runs if (r.arch, r.task, r.seed) == (baseline, "classifier", run.seed)]
    return tuple(found) or None


PART = Part("samples", "samples read by a classifier", run, others=others)
