"""From what was asked for to the list of runs: every architecture × task × seed, in the order to run them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archs.base import Arch
from archs.errors import UserError
from archs.fingerprint import fingerprint
from bench.data.dataset import Dataset
from bench.spec.run import RunSpec
from bench.tasks import Task


@dataclass(frozen=True)
class Settings:
    """The hyper-parameters that every run of a job shares."""

    likelihood: str
    epochs: int
    batch_size: int
    lr: float
    latent_dim: int
    train_images: int | None
    device: str  # "cpu" | "cuda"
    threads: int
    labels: int
    deterministic: bool | None = None  # see bench.spec.run


@dataclass(frozen=True)
class Plan:
    specs: tuple[RunSpec, ...]
    skipped: tuple[dict[str, str], ...]  # arch, task, reason


def make(archs: Sequence[Arch], tasks: Sequence[Task], seeds: int, settings: Settings, data: Dataset) -> Plan:
    """All runs, seed by seed, so that a job cut short has whole seeds to compare. Raises if nothing is left to run."""
    skipped = tuple(
        {"arch": arch.name, "task": task.name, "reason": f"{arch.name} has no decoder, so it can't do {task.name}"}
        for arch in archs
        for task in tasks
        if not can(arch, task)
    )
    fingerprints = {arch.name: fingerprint(arch) for arch in archs}
    specs = tuple(
        RunSpec(
            arch=arch.name,
            arch_fingerprint=fingerprints[arch.name],
            task=task.name,
            dataset=data.name,
            data_fingerprint=data.fingerprint,
            likelihood=settings.likelihood if task.needs_decoder else None,
            seed=seed,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            lr=settings.lr,
            latent_dim=settings.latent_dim if task.needs_decoder else None,
            train_images=settings.train_images,
            device=settings.device,
            threads=settings.threads,
            deterministic=settings.deterministic,
            labels=settings.labels if task.needs_labels else None,
        )
        for seed in range(seeds)
        for arch in archs
        for task in tasks
        if can(arch, task)
    )
    if not specs:
        names = ", ".join(arch.name for arch in archs)
        raise UserError(f"nothing to run: {names} has no decoder; add --tasks classifier, or an architecture with one")
    return Plan(specs, skipped)


def can(arch: Arch, task: Task) -> bool:
    return arch.decoder is not None or not task.needs_decoder


def factors(archs: Sequence[Arch]) -> dict[str, dict[str, str]]:
    """The design choices of each architecture, for the ablation. Beside crossings, A itself is A's encoder with A's
    decoder; otherwise an architecture that isn't of a family or a crossing has no factors."""
    found = {arch.name: dict(arch.factors) for arch in archs}
    sides = {side for levels in found.values() if set(levels) == {"encoder", "decoder"} for side in levels.values()}
    for arch in archs:
        if arch.name in sides:
            found[arch.name] = {"encoder": arch.name, "decoder": arch.name}
    return {name: levels for name, levels in found.items() if levels}
