"""From what is compared to the list of runs: every architecture × task × seed, in the order to do them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archs.base import Arch
from archs.identity.fingerprint import fingerprint
from bench.data.dataset import DataDescription
from bench.job.recipe import Recipe
from bench.spec.run import RunSpec
from bench.spec.search_space import SPACE, draws
from bench.tasks import Task


@dataclass(frozen=True)
class Candidate:
    """An architecture as a value: all that a job needs to know of it, without its code."""

    name: str
    """Its canonical name."""

    fingerprint: str
    """Of the code that defines it."""

    has_decoder: bool

    factors: Mapping[str, str]
    """The design choices that its name spells out, for the ablation; empty if it spells none."""

    def can(self, task: Task) -> bool:
        return self.has_decoder or not task.needs_decoder


def candidates_of(archs: Sequence[Arch]) -> tuple[Candidate, ...]:
    """Beside crossings, A itself is A's encoder with A's decoder; other architectures have the factors they spell."""
    factors = {arch.name: dict(arch.factors) for arch in archs}
    sides = {side for levels in factors.values() if set(levels) == {"encoder", "decoder"} for side in levels.values()}
    for name in factors:
        if name in sides:
            factors[name] = {"encoder": name, "decoder": name}
    return tuple(
        Candidate(arch.name, fingerprint(arch), arch.decoder is not None, factors[arch.name]) for arch in archs
    )


def runs_of(
    candidates: Sequence[Candidate],
    tasks: Sequence[Task],
    seeds: int,
    recipe: Recipe,
    data: DataDescription,
    task_fingerprints: Mapping[str, str | None] | None = None,
    label_inputs: Mapping[tuple[str, str], str] | None = None,
) -> tuple[RunSpec, ...]:
    """All runs, seed by seed, so that a job cut short has whole seeds to compare.

    Args:
        task_fingerprints: of those tasks that are a plug-in's, by name.
        label_inputs: how an encoder is told the label, by architecture and task, where it isn't as image planes.
    """
    return tuple(
        RunSpec(
            arch=candidate.name,
            arch_fingerprint=candidate.fingerprint,
            task=task.name,
            dataset=data.name,
            data_fingerprint=data.fingerprint,
            likelihood=recipe.likelihood if task.draws_pixels else None,
            seed=seed,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            lr=recipe.lr,
            latent_dim=recipe.latent_dim if task.uses_latent_dim else None,
            train_images=recipe.train_images,
            device=recipe.device_kind,
            threads=recipe.threads,
            deterministic=recipe.deterministic,
            labels=labels,
            task_fingerprint=(task_fingerprints or {}).get(task.name),
            label_input=(label_inputs or {}).get((candidate.name, task.name)),
            classification_weight=recipe.classification_weight if task.weighs_labels else None,
        )
        for seed in range(seeds)
        for candidate in candidates
        for task in tasks
        if candidate.can(task)
        for labels in (recipe.labels if task.needs_labels else (None,))
    )


def trials_of(runs: Sequence[RunSpec], count: int) -> tuple[tuple[RunSpec, ...], ...]:
    """Return the further trials of each run, by which it is tuned: [count − 1][runs]; the run itself is the first.

    A trial is a run like any other. Its recipe is drawn for its seed, so all architectures and tasks try the same.
    """
    drawn = {seed: draws(count - 1, seed) for seed in {run.seed for run in runs}}
    tuned = [dimension.name for dimension in SPACE]

    def trial(run: RunSpec, number: int) -> RunSpec:
        values: dict[str, Any] = {
            name: drawn[run.seed][number][name] for name in tuned if getattr(run, name) is not None
        }
        return replace(run, **values)

    return tuple(tuple(trial(run, number) for run in runs) for number in range(count - 1))


def inapplicable(candidates: Sequence[Candidate], tasks: Sequence[Task]) -> tuple[dict[str, str], ...]:
    """What was asked for and can't be done: arch, task and reason of each."""
    return tuple(
        {
            "arch": candidate.name,
            "task": task.name,
            "reason": f"{candidate.name} has no decoder, so it can't do {task.name}",
        }
        for candidate in candidates
        for task in tasks
        if not candidate.can(task)
    )
