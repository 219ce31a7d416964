"""What a report shows otherwise than its design planned: more seeds, another recipe, an architecture added later."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import msgspec

from bench.spec.status import Status
from bench.store.design import Design, PlannedTask, Stopping
from reports.findings.experiment import Experiment

Value = str | float | bool | tuple[int, ...] | None
"""A plain JSON value: text, a number, whether something is so, numbers of labels, or none."""

SETTINGS_OF_SOME = ("likelihood", "latent_dim", "classification_weight")
"""Settings that mean nothing to some runs, which have None there."""

OF_NO_VERDICT = ("architecture added", "task added", "evaluation", "unfinished", "ended", "first look", "most seeds")
"""Kinds that leave every planned verdict what it was to be: what is unfinished the page says anyway, and verdicts that
hold at any look may be looked at sooner or later than planned."""

WHERE_RUN = ("device", "threads", "deterministic")
"""Settings of where a run is trained, which move the last digits of its results and not what they mean."""


@dataclass(frozen=True)
class Deviation:
    """Something that is not as planned."""

    kind: str
    """What is: "seeds", "stopping", "first look", "most seeds", "ended", "race", "confirmation", "baseline",
    "data set", "data", "setting", "labels", "metric", "direction", "margin", "trials", "space of the trials", "equal",
    "evaluation", "unfinished", or "architecture" or "task" with "added", "missing" or "changed"."""

    subject: str
    """The architecture, task, setting, part of the evaluation or of a race's rule; empty for the other kinds."""

    planned: Value
    found: Value

    @property
    def bears_on_verdicts(self) -> bool:
        """Whether a planned verdict is missing, or means something else than was planned."""
        return self.kind not in OF_NO_VERDICT and not (self.kind == "setting" and self.subject in WHERE_RUN)


def deviations(experiment: Experiment, design: Design) -> list[Deviation]:
    """Return in what a report differs from a design; none if all is as planned."""
    specs = [record.spec for record in experiment.records]
    archs = {one.name: one.fingerprint for one in design.architectures}
    tasks = {one.name: one.fingerprint for one in design.tasks}
    archs_run = {str(spec["arch"]): str(spec["arch_fingerprint"]) for spec in specs}
    tasks_run = {experiment.task_run(spec["task"]): spec.get("task_fingerprint") for spec in specs}
    return [
        *_stopping(experiment, design),
        *_named("architecture", archs, [*experiment.archs, *_raced(experiment)], archs_run),
        *_named("task", tasks, experiment.manifest["tasks"], tasks_run),
        *_decided_by(experiment, design),
        *_tuned_and_matched(experiment, design),
        *_settings(experiment, design),
        *_unfinished(experiment, design),
    ]


def _stopping(experiment: Experiment, design: Design) -> Iterator[Deviation]:
    """Yield whether there are seeds by another rule than was planned, or more or fewer of them by the same."""
    planned, found, race = design.stopping, experiment.stopping, experiment.manifest.get("race")
    kind = "race" if race else str(found["kind"]) if found else "fixed"
    if kind != planned.kind:
        yield Deviation("stopping", "", planned.kind, kind)
    elif race:
        yield from _race(race, planned)
    elif found is None:
        if experiment.seeds != planned.seeds:
            yield Deviation("seeds", "", planned.seeds, experiment.seeds)
    else:
        pairs = {
            "first look": (planned.first_seeds, found["first_seeds"]),
            "most seeds": (planned.seeds, found["max_seeds"]),
        }
        yield from (Deviation(name, "", *pair) for name, pair in pairs.items() if pair[0] != pair[1])
        if found["ended"] == "stopped":
            yield Deviation("ended", "", "settled", "stopped")


def _race(race: Mapping[str, Any], planned: Stopping) -> Iterator[Deviation]:
    """Yield in what a race was by another rule than planned, and whether its winner was confirmed at other seeds."""
    rule = {
        "first seeds": (planned.first_seeds, race["first_seeds"]),
        "most seeds": (planned.seeds, race["max_seeds"]),
        "epochs": (planned.race_epochs, race["epochs"]),
    }
    yield from (Deviation("race", name, was, found) for name, (was, found) in rule.items() if was != found)
    if race["ended"] == "stopped":
        yield Deviation("ended", "", "over", "stopped")
    elif race.get("winner") is not None and race["confirmed"] != (planned.confirm or 0):
        yield Deviation("confirmation", "", planned.confirm or 0, race["confirmed"])


def _raced(experiment: Experiment) -> list[str]:
    """Return the architectures that raced and are not shown: whoever lost is left out as planned."""
    names = (experiment.manifest.get("race") or {}).get("archs", ())
    return [name for name in names if name not in experiment.archs]


def _named(
    what: str, planned: Mapping[str, str | None], shown: Collection[str], run: Mapping[str, str | None]
) -> Iterator[Deviation]:
    """Yield what was added, what is missing, and whose code is not the planned one.

    Args:
        planned: name → fingerprint of the code, None of a built-in task.
        shown: the names that the report has.
        run: name → fingerprint of those that have a record.
    """
    for name in shown:
        if name not in planned:
            yield Deviation(f"{what} added", name, None, name)
    for name, fingerprint in planned.items():
        if name not in shown:
            yield Deviation(f"{what} missing", name, name, None)
        elif name in run and run[name] != fingerprint:
            yield Deviation(f"{what} changed", name, fingerprint, run[name])


def _decided_by(experiment: Experiment, design: Design) -> Iterator[Deviation]:
    """Yield what is compared with another baseline, or judged by another measure, than was planned."""
    if experiment.baseline != design.baseline:
        yield Deviation("baseline", "", design.baseline, experiment.baseline)
    for task in _shared_tasks(experiment, design):
        metric = experiment.primary(task.name)
        if metric.name != task.metric:
            yield Deviation("metric", task.name, task.metric, metric.name)
            continue
        if metric.higher_is_better != task.higher_is_better:
            yield Deviation("direction", task.name, task.higher_is_better, metric.higher_is_better)
        if metric.margin != task.margin:
            yield Deviation("margin", task.name, task.margin, metric.margin)


def _tuned_and_matched(experiment: Experiment, design: Design) -> Iterator[Deviation]:
    """Yield whether runs were tuned, or matched in what they cost, otherwise than was planned."""
    tuning = experiment.manifest.get("tuning") or {"trials": 1, "space": []}
    planned = design.tuning.trials if design.tuning else 1
    if tuning["trials"] != planned:
        yield Deviation("trials", "", planned, tuning["trials"])
    elif design.tuning and (was := _space_text(msgspec.to_builtins(design.tuning.space))) != _space_text(
        tuning["space"]
    ):
        yield Deviation("space of the trials", "", was, _space_text(tuning["space"]))
    equal = (experiment.manifest.get("match") or {}).get("by")
    if equal != design.match:
        yield Deviation("equal", "", design.match or "epochs", equal or "epochs")


def _space_text(space: Iterable[Mapping[str, Any]]) -> str:
    """Return what trials are drawn from, the same for equal spaces."""
    return ", ".join(f"{row['name']} from {row['low']:g} to {row['high']:g}" for row in space)


def _shared_tasks(experiment: Experiment, design: Design) -> list[PlannedTask]:
    """Return the planned tasks that the report has."""
    return [task for task in design.tasks if task.name in experiment.manifest["tasks"]]


def _settings(experiment: Experiment, design: Design) -> Iterator[Deviation]:
    """Yield the data, settings and evaluations that are not the planned ones."""
    specs = [record.spec for record in experiment.records]
    for kind, name, planned in (
        ("data set", "dataset", design.dataset.name),
        ("data", "data_fingerprint", design.dataset.fingerprint),
    ):
        found = str(specs[0][name])  # a report is of one data set
        if found != planned:
            yield Deviation(kind, "", planned, found)
            break  # another data set has other data
    for name in design.recipe.__struct_fields__:
        planned = _setting(name, experiment, design)
        whole = [spec for spec in specs if name != "epochs" or spec.get("steps") is None]  # others have steps instead
        values = {spec.get(name) for spec in whole} - ({None} if name in SETTINGS_OF_SOME else set())
        for value in sorted(values - {planned}, key=str):
            yield Deviation("setting", name, planned, value)
    for task in _shared_tasks(experiment, design):
        own = {spec["labels"] for spec in specs if experiment.task_run(spec["task"]) == task.name and "labels" in spec}
        if own and own != set(task.labels or ()):
            yield Deviation("labels", task.name, tuple(task.labels or ()) or None, tuple(sorted(own)))
    level = experiment.manifest.get("evaluate")
    if level is not None and level != design.evaluation.level:
        yield Deviation("evaluation", "", design.evaluation.level, str(level))
    else:
        yield from _parts(experiment, design)


def _setting(name: str, experiment: Experiment, design: Design) -> Any:
    """Return the planned setting of the runs that are shown: those of a race, until its winner is confirmed."""
    race = experiment.manifest.get("race")
    if name == "epochs" and race and not race["confirmed"] and design.stopping.race_epochs:
        return design.stopping.race_epochs
    return getattr(design.recipe, name)


def _parts(experiment: Experiment, design: Design) -> Iterator[Deviation]:
    """Yield the parts of the evaluation that were made with other settings; values are JSON of those."""
    planned: dict[str, list[str]] = {}
    for part in design.evaluation.parts:
        planned.setdefault(part.part, []).append(_settings_text(part.settings, part.protocol))
    made: dict[str, set[str]] = {}
    for spec in (one.spec for record in experiment.records for one in record.evaluations):
        made.setdefault(str(spec.get("part")), set()).add(_settings_text(spec.get("settings"), spec.get("protocol")))
    for name, settings in made.items():
        if others := sorted(settings - set(planned.get(name, ()))):
            yield Deviation("evaluation", name, " ".join(planned.get(name, ())) or None, " ".join(others))


def _settings_text(settings: object, protocol: object) -> str:
    """Return the settings of a part, the same for equal ones; what stands in a record need not make sense."""
    return json.dumps({"settings": settings, "protocol": protocol}, sort_keys=True)


def _unfinished(experiment: Experiment, design: Design) -> Iterator[Deviation]:
    """Yield how many of the planned runs, of what the report shows, have no result."""
    asked = [seed for seed in design.seeds if seed < experiment.seeds]
    labels: dict[str, list[int] | list[None]] = {
        task.name: task.labels or [None] for task in _shared_tasks(experiment, design)
    }
    cells = [
        (one.name, task, count)
        for one in design.architectures
        if one.name in experiment.archs
        for task in one.tasks
        for count in labels.get(task, [])
    ]
    ended = {
        ((spec["arch"], experiment.task_run(spec["task"]), spec.get("labels")), spec["seed"]): record.status
        for record in experiment.records
        for spec in (record.spec,)
    }
    planned, unknown = set(product(cells, asked)), 0
    if experiment.anytime or experiment.manifest.get("race"):
        # asked for in sight of results: nobody knows of what the runs without a record are
        planned, unknown = {run for run in ended if run[0] in cells}, experiment.without_record
    done = {run for run, status in ended.items() if status == Status.FINISHED}
    if missing := len(planned - done) + unknown:
        yield Deviation("unfinished", "", len(planned) + unknown, len(planned) + unknown - missing)
