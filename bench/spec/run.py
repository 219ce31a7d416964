"""The identity of a run, and of a later evaluation of it: every setting that can change a number, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

PROTOCOL = 2
"""Raised whenever training or evaluation changes in a way that changes numbers (tests/test_golden.py notices)."""

LIKELIHOODS = ("dynamic", "static", "grey")

ADDED_LATER = ("labels", "deterministic", "task_fingerprint")
"""Fields that the first stores did not know. Where they have no meaning (None) they are left out of the identity, so
that adding one makes no old run a new one."""


@dataclass(frozen=True)
class RunSpec:
    """One training run. A field that has no meaning for the task is None, so that it can't split identities."""

    arch: str  # canonical name
    arch_fingerprint: str  # of the code that defines it
    task: str
    dataset: str
    data_fingerprint: str  # of the images, labels and split
    likelihood: str | None  # one of LIKELIHOODS; None for a classifier
    seed: int
    epochs: int
    batch_size: int
    lr: float  # peak of the schedule
    latent_dim: int | None  # None for a classifier
    train_images: int | None  # only the first so many of the training split; None for all
    device: str  # "cpu" | "cuda"
    threads: int  # per run; the order of floating-point sums depends on it
    protocol: int = PROTOCOL
    labels: int | None = None  # labelled training images of a semi-supervised task; None for the others
    deterministic: bool | None = None  # True: on CUDA, by deterministic algorithms; None on a CPU, which is so anyway
    task_fingerprint: str | None = (
        None  # of the code of a plug-in's task; None for a built-in one, which has the protocol
    )

    @cached_property  # asked for at every event of a job
    def run_id(self) -> str:
        """Sixteen hex digits: the hash of the canonical JSON."""
        return digest(self.content())

    @property
    def label(self) -> str:
        return f"{self.arch} {self.task} seed {self.seed}"

    @property
    def kind(self) -> tuple[str, ...]:
        """Runs of one kind take about as long as each other."""
        return self.arch, self.task

    @property
    def needs(self) -> tuple[str, ...]:
        """Ids of runs that must have finished before this can start."""
        return ()

    def content(self) -> dict[str, Any]:
        """What a record keeps of this spec, and what its identity is the hash of."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if name not in ADDED_LATER or value is not None}

    def store_folder(self, runs_dir: str | Path) -> Path:
        """The folder of the store that holds its record."""
        return Path(runs_dir)


@dataclass(frozen=True)
class EvaluationSpec:
    """One further evaluation of a finished run, kept beside it: `<runs_dir>/<run id>/evaluations/<own id>/`.

    part: its name in `bench.evaluation`. settings: what it depends on beside the trained weights, plain JSON values.
    others: ids of the other runs that it reads (a classifier that judges samples).
    """

    run: RunSpec
    part: str
    settings: Mapping[str, Any]
    others: tuple[str, ...] = ()
    protocol: int = 1

    @cached_property
    def run_id(self) -> str:
        """Its own identity, sixteen hex digits."""
        return digest(self.content())

    @property
    def label(self) -> str:
        return f"{self.run.label}: {self.part}"

    @property
    def kind(self) -> tuple[str, ...]:
        return *self.run.kind, self.part

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
"""What a worker is handed."""


def digest(content: object) -> str:
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:16]


def canonical_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
