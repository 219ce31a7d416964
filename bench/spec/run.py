"""The identity of a run, and of a later evaluation of one: the settings that can change a number, and no others."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.spec.defaults import DEFAULT_LR

PROTOCOL = 4
"""The version of training and evaluation, raised whenever a change to them alters numbers.

The golden values of tests/training/test_train.py notice such a change.
"""

LIKELIHOODS = ("dynamic", "static", "grey")

ADDED_LATER = ("labels", "deterministic", "task_fingerprint", "label_input", "classification_weight", "steps")
"""Fields that the first stores did not have.

Where they have no meaning (None) they are left out of the identity, so that adding a field makes no old run a new one
(docs/decisions.md#a-setting-added-later-keeps-old-stores-valid).
"""


@dataclass(frozen=True)
class RunSpec:
    """One training run. A field that has no meaning for its task is None, so that it can't split identities."""

    arch: str
    """The canonical name of the architecture."""

    arch_fingerprint: str
    """Of the code that defines the architecture."""

    task: str
    dataset: str
    data_fingerprint: str
    """Of the images, the labels and the split."""

    likelihood: str | None
    """One of LIKELIHOODS; None for a classifier."""

    seed: int
    epochs: int
    """Those that the training begins."""

    batch_size: int
    lr: float
    """The peak of the schedule."""

    latent_dim: int | None
    """None for a task that does not use it."""

    train_images: int | None
    """How many of the training split, from its beginning; None for all."""

    device: str
    """The kind of device: "cpu" or "cuda"."""

    threads: int
    """Threads of one run; the order of floating-point sums depends on them."""

    protocol: int = PROTOCOL
    labels: int | None = None
    """Labelled training images of a semi-supervised task; None for the others."""

    deterministic: bool | None = None
    """True: trained on CUDA by deterministic algorithms; None on a CPU, which is deterministic anyway."""

    task_fingerprint: str | None = None
    """Of the code of a plug-in's task; None for a built-in one, which the protocol covers."""

    label_input: str | None = None
    """How its encoder is told the label: "one-hot" beside the pixels, where it begins with a fully connected layer;
    None for image planes, and where it isn't told."""

    classification_weight: float | None = None
    """Of the mean cross-entropy of the labelled images, beside the mean bound per image; None for a task without such a
    term, and in records that are older than it: those were trained with 0.1 × `labels`."""

    steps: int | None = None
    """Steps of the whole training, where they are the architecture's own: as many as cost what the baseline's do
    (`--match`). The last of its epochs may be cut short then. None: whole epochs, as many as all runs have."""

    @cached_property  # asked for at every event of a job
    def run_id(self) -> str:
        """The identity of the run: sixteen hex digits, the hash of the spec's canonical JSON."""
        return digest(self.content())

    @property
    def label(self) -> str:
        labels = "" if self.labels is None else f" {self.labels} labels"
        rate = "" if self.lr == DEFAULT_LR else f" lr {self.lr:g}"
        length = "" if self.steps is None else f" {self.steps:,} step{'s' * (self.steps != 1)}"
        return f"{self.arch} {self.task}{labels}{rate}{length} seed {self.seed}"

    @property
    def kind(self) -> tuple[str, ...]:
        """Runs of the same kind take about equally long."""
        return self.arch, self.task, *([] if self.labels is None else [f"{self.labels} labels"])

    @property
    def needs(self) -> tuple[str, ...]:
        """The ids of the runs that must have finished before this one can start."""
        return ()

    def content(self) -> dict[str, Any]:
        """Return what a record keeps of this spec; its identity is the hash of this."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if name not in ADDED_LATER or value is not None}

    def store_folder(self, runs_dir: str | Path) -> Path:
        """Return the folder of the store that holds its record."""
        return Path(runs_dir)


@dataclass(frozen=True)
class EvaluationSpec:
    """One further evaluation of a finished run, kept beside it: `<runs_dir>/<run id>/evaluations/<own id>/`."""

    run: RunSpec
    """The run that is evaluated."""

    part: str
    """Name of the part of `bench.evaluation` that does it."""

    settings: Mapping[str, Any]
    """What the result depends on besides the trained weights, as plain JSON values."""

    others: tuple[str, ...] = ()
    """Ids of the other runs that it reads: a classifier that judges samples, say."""

    protocol: int = 1
    """The version of the part, raised whenever a change to it alters numbers."""

    @cached_property
    def run_id(self) -> str:
        """The identity of the evaluation: sixteen hex digits."""
        return digest(self.content())

    @property
    def label(self) -> str:
        return f"{self.run.label}: {' '.join(self.what)}"

    @property
    def kind(self) -> tuple[str, ...]:
        return *self.run.kind, *self.what

    @property
    def what(self) -> tuple[str, ...]:
        """The part, and its number of labels if it has one."""
        labels = self.settings.get("labels")
        return self.part, *([] if labels is None else [f"{labels} labels"])

    @property
    def needs(self) -> tuple[str, ...]:
        return self.run.run_id, *self.others

    def content(self) -> dict[str, Any]:
        return {
            "run": self.run.run_id,
            "part": self.part,
            "settings": dict(self.settings),
            "others": list(self.others),
            "protocol": self.protocol,
        }

    def store_folder(self, runs_dir: str | Path) -> Path:
        return Path(runs_dir) / self.run.run_id / "evaluations"


Work = RunSpec | EvaluationSpec
"""A piece of work that a worker is given."""


def digest(content: object) -> str:
    """Return sixteen hex digits of the SHA-256 of the canonical JSON of `content`."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:16]


def canonical_json(value: object) -> str:
    """Return JSON that is the same for equal values: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
