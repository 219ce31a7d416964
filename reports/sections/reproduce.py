"""Show how to get these numbers again: command, plan, settings, versions, machine, seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bench.spec.declared import built_in
from bench.spec.status import Status
from bench.statistics.settings import setting_text
from bench.store.code_versions import version_of
from reports.findings.experiment import Experiment
from reports.markup.blocks import Block, Code, Heading, Table, Text
from reports.markup.escape import one_line
from reports.sections.context import Context
from reports.wording.budget import at_equal
from reports.wording.design import about_design
from reports.wording.formatting import LIKELIHOOD_IN_WORDS, number, plural
from reports.wording.tuning import recipes_in_words

CLASSIFICATION_WEIGHT = "classification_weight"
OLDER_WEIGHT = "0.1 × labels, before it was a setting"
SETTINGS = ("epochs", "batch_size", "lr", "latent_dim", "train_images", "threads", "protocol")
SETTINGS_OF_SOME = ("labels", CLASSIFICATION_WEIGHT, "deterministic")
"""Settings that have a meaning for some runs only, and are shown where they have."""

NOT_RECORDED = "not recorded"


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section."""
    experiment = context.experiment
    yield Heading("How to reproduce")
    yield Code(one_line(experiment.manifest.get("command", ""), limit=20_000))
    if planned := about_design(experiment):
        yield Text(planned)
    yield Table(("setting", "value"), tuple(_rows(experiment)), "ll")
    yield Text(
        "Per run: records.csv (every setting, metric, device and run id). Per cell: summary.csv, comparisons.csv. "
        "Per layer: layers.csv. The page is made again from the records alone, without torch, by "
        "`python -m reports render` and this folder."
    )


def _rows(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield (setting, value)."""
    runs, manifest = experiment.runs, experiment.manifest
    data: dict[str, Any] = manifest.get("dataset") or {}
    counts = ", ".join(
        f"{value:,} {key.replace('_images', '')}" for key, value in data.items() if isinstance(value, int)
    )
    remarks = data.get("remarks")
    known = [f"fingerprint {_all(runs, 'data_fingerprint')}", *(remarks if isinstance(remarks, list) else ())]
    yield (
        "data set",
        f"{experiment.dataset}{f' ({counts} images)' if counts else ''}, {'; '.join(map(str, known))}",
    )
    if experiment.likelihood:
        yield "likelihood", f"{experiment.likelihood}: {LIKELIHOOD_IN_WORDS.get(experiment.likelihood, '')}"
    yield "tasks", ", ".join(dict.fromkeys(map(experiment.task_run, experiment.tasks)))
    yield "seeds", ", ".join(str(seed) for seed in sorted(runs["seed"].unique()))
    yield "baseline", experiment.baseline
    matched = experiment.matching
    for name in SETTINGS:
        if name == "epochs" and matched is not None:
            yield name, f"{matched.epochs} of {experiment.baseline}; others are {at_equal(matched)}"
        elif name in runs:
            yield (
                name.replace("_", " "),
                "all" if name == "train_images" and runs[name].isna().all() else _all(runs, name),
            )
    if experiment.tuning is not None:
        yield "tuning", recipes_in_words(experiment.tuning)
    of_whom = f", of {experiment.baseline}; of others over the same share of their own" if matched is not None else ""
    yield "schedule of the lr", f"{_schedule(manifest.get('schedule'))}{of_whom}"
    for name in SETTINGS_OF_SOME:
        if name in runs and runs[name].notna().any():
            yield name.replace("_", " "), _all(runs, name)
    if _is_of_older_weight(experiment):
        yield CLASSIFICATION_WEIGHT.replace("_", " "), OLDER_WEIGHT
    yield "device", ", ".join(_environment(experiment, "device_name")) or _all(runs, "device")
    yield "runs at a time", str(manifest.get("workers", "unknown"))
    if manifest.get("processors"):
        yield "processors", str(manifest["processors"])
    yield from _on_gpu(experiment)
    for name in ("python", "torch", "numpy", "platform"):
        if values := _environment(experiment, name):
            yield name, ", ".join(values)
    yield from _instructions(experiment)
    yield "code", "; ".join(dict.fromkeys(version_of(record.environment, 40) for record in experiment.records))
    if runs["code"].notna().any():
        yield "hash of the code around the architectures", _all(runs, "code")
    if foreign := _foreign_code(experiment):
        yield "others' code in the processes of these runs", ", ".join(foreign)
    if manifest.get("wall_seconds"):
        yield (
            "wall time of the last call",
            f"{number(float(manifest['wall_seconds']), 0)} s (finished runs are not trained again)",
        )
    further = sum(record.metrics.get("train_seconds", 0.0) for trial in experiment.trials for record in trial)
    which = "the runs shown" if experiment.race else "all runs"
    of_trials = " and their further trials" if experiment.tuning else ""
    yield f"training time of {which}{of_trials}", f"{number(float(runs['train_seconds'].sum()) + further, 0)} s"
    yield "created", str(manifest.get("created", "unknown"))


def _is_of_older_weight(experiment: Experiment) -> bool:
    """Return whether there are runs of a built-in task that weighs labels, from before the weight was a setting."""
    runs = experiment.runs
    names = {name for name, task in built_in().tasks.items() if task.weighs_labels}
    own = runs[[experiment.task_run(task) in names for task in runs["task"]]]
    return len(own) > 0 and (CLASSIFICATION_WEIGHT not in own or bool(own[CLASSIFICATION_WEIGHT].isna().any()))


def _schedule(schedule: Mapping[str, int] | None) -> str:
    """Say how the learning rate rose and fell, and over how many steps."""
    shape = "linear warm-up{}, then half a cosine down to zero"
    if schedule is None:
        return f"{shape.format('')}; how long is {NOT_RECORDED}"
    steps, rise = schedule["steps"], schedule["warm_up_steps"]
    return shape.format(f" over {rise:,} of {plural(steps, 'step')} ({100 * rise / max(steps, 1):.0f} %)")


def _instructions(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield the CPU's instructions that the runs were computed with, with how many runs where that differs."""
    finished = [record for record in experiment.records if record.status == Status.FINISHED]
    counts = Counter(_instructions_of(record.environment) for record in finished)
    if set(counts) <= {NOT_RECORDED}:
        return
    shown = ", ".join(f"{words} ({plural(count, 'run')})" for words, count in sorted(counts.items()))
    yield (
        "CPU instructions",
        next(iter(counts)) if len(counts) == 1 else f"{shown}: the rounding of their results depends on them",
    )


def _instructions_of(environment: Mapping[str, Any]) -> str:
    """Return the instruction set of a record's environment, and the variables that were set to change it or others."""
    if "cpu_capability" not in environment:
        return NOT_RECORDED
    words = [str(environment["cpu_capability"])]
    if isinstance(variables := environment.get("numeric_settings"), Mapping):
        words += [f"{name}={value}" for name, value in sorted(variables.items())]
    return " ".join(words)


def _on_gpu(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield what a GPU adds: its software and precision, and how its runs were trained."""
    found = [record.environment for record in experiment.records if "graph" in record.environment]
    if not found:
        return
    for name, shown in (("precision", "precision"), ("cuda", "CUDA"), ("cudnn", "cuDNN"), ("driver", "driver")):
        if values := _environment(experiment, name):
            yield shown, ", ".join(values)
    stacks = sorted({int(environment["stack"]) for environment in found})
    graphs = sum(bool(environment["graph"]) for environment in found)
    together = f"{stacks[0]}" if len(stacks) == 1 else f"{stacks[0]} to {stacks[-1]}"
    together += " seed" if stacks == [1] else " seeds"
    yield "training", f"{graphs} of {plural(len(found), 'run')} by CUDA graphs, {together} as one stack"
    for name, shown in (("graph_refused", "no CUDA graph"), ("stack_refused", "no stack")):
        if values := _environment(experiment, name):
            yield shown, "; ".join(values)


def _foreign_code(experiment: Experiment) -> list[str]:
    """Return the plug-ins and packages that were loaded where the runs were made, with their hashes or versions."""
    found = (record.environment.get("foreign_code") for record in experiment.records)
    return sorted({f"{name} ({which})" for code in found if isinstance(code, dict) for name, which in code.items()})


def _all(runs: pd.DataFrame, column: str) -> str:
    """Return the values of a column, of which there are several when runs differ.

    A missing value is no difference: a classifier has no latent dimension.
    """
    values = runs[column].dropna().unique()
    return ", ".join(map(setting_text, values)) or "none"


def _environment(experiment: Experiment, name: str) -> list[str]:
    """Return the distinct values of a field of the environments that the records were made in."""
    return sorted({str(record.environment[name]) for record in experiment.records if record.environment.get(name)})
