"""Declarations of tasks and metrics by name, as values and as plain JSON: the job writes them, a page reads them."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from archs.errors import UserError
from bench.spec import metrics
from bench.spec.metrics import Metric
from bench.spec.run import RunSpec
from bench.spec.task import TaskDescription

BUILT_IN = Path(__file__).with_name("builtin_tasks.json")
"""Of the tasks that were there before manifests held declarations: what their files in `bench/tasks` say."""

TAKEN = {field.name for field in dataclasses.fields(RunSpec)} | {
    "status", "error", "run_id", "torch", "commit", "params_other", "mean", "log_variance", "epoch", "seconds",
}  # fmt: skip
"""Names that mean something else in a table of runs, or in what a task scores."""

Kind = TypeVar("Kind", TaskDescription, Metric)


@dataclass(frozen=True)
class Declared:
    """What is known of tasks and metrics."""

    tasks: Mapping[str, TaskDescription]
    """By their names."""

    metrics: Mapping[str, Metric] = field(default_factory=dict)
    """By their names: those that `bench.spec.metrics` lacks."""

    def __post_init__(self) -> None:
        """Raises `UserError` if two tasks have one label: on a page nothing would tell them apart."""
        labels: dict[str, str] = {}
        for task in self.tasks.values():
            if labels.setdefault(task.label, task.name) != task.name:
                other = labels[task.label]
                raise UserError(
                    f"task {task.name}: the label {task.label!r} is taken by the task {other}; choose another"
                )

    def metric(self, name: str) -> Metric | None:
        """The metric of a column; None for a column that is none."""
        return self.metrics.get(name) or metrics.metric(name)

    def primary(self, task: str) -> Metric:
        """The metric that decides for a task, which must be known."""
        found = self.metric(self.tasks[task].primary)
        assert found is not None, "of any declaration that is read, this is checked"
        return found

    def among(self, columns: Iterable[str]) -> list[str]:
        """The names of `columns` that are metrics, in one order: built in, weighted bounds, the others."""
        present = set(columns)
        return [*metrics.among(present), *(name for name in self.metrics if name in present)]

    def joined(self, other: Declared) -> Declared:
        """Both; where they declare the same name, `other` counts."""
        return Declared({**self.tasks, **other.tasks}, {**self.metrics, **other.metrics})

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "tasks": [dataclasses.asdict(task) for task in self.tasks.values()],
            "metrics": [dataclasses.asdict(metric) for metric in self.metrics.values()],
        }


def taken(name: str) -> bool:
    """Whether a task's own metric can't have this name."""
    return name in TAKEN or metrics.metric(name) is not None


@functools.cache
def built_in() -> Declared:
    """For manifests and records that come without declarations."""
    return read(json.loads(BUILT_IN.read_text(encoding="utf-8")))


def of_manifest(manifest: Mapping[str, Any]) -> Declared:
    """What a report's manifest declares, beside what is built in. Raises `UserError` as `read` does."""
    content = manifest.get("declared")
    return built_in() if content is None else built_in().joined(read(content))


def read(content: object) -> Declared:
    """The reverse of `plain`, every field checked. Raises `UserError` that names the first that is wrong."""
    if not isinstance(content, dict):
        raise UserError(f"{shown(content)}, expected tasks and metrics")
    own = by_name(Metric, content.get("metrics", []), "metrics")
    found = Declared(by_name(TaskDescription, content.get("tasks", []), "tasks"), own)
    for name in own:
        if taken(name):
            raise UserError(f"the metric name {name!r} is taken")
    for task in found.tasks.values():
        for name in task.scores:
            if found.metric(name) is None:
                raise UserError(f"task {task.name}: metric {name[:40]!r} is not declared")
    return found


def by_name(kind: type[Kind], content: object, where: str) -> dict[str, Kind]:
    if not isinstance(content, list):
        raise UserError(f"{where} is {shown(content)}, expected a list")
    found = [one(kind, item, f"{where}[{index}]") for index, item in enumerate(content)]
    return {item.name: item for item in found}


def one(kind: type[Kind], content: object, where: str) -> Kind:
    """A declaration from a JSON object. Fields that a later version may have added are left out."""
    if not isinstance(content, dict):
        raise UserError(f"{where} is {shown(content)}, expected its fields by name")
    hints, values = get_type_hints(kind), dict[str, Any]()
    for known in dataclasses.fields(kind):
        if known.name in content:
            value = content[known.name]
            if not fits(hints[known.name], value):
                raise UserError(f"{where}: {known.name} is {shown(value)}, expected {known.type}")
            values[known.name] = tuple(value) if isinstance(value, list) else value
        elif known.default is dataclasses.MISSING and known.default_factory is dataclasses.MISSING:
            raise UserError(f"{where} lacks {known.name}")
    return kind(**values)


def fits(hint: Any, value: object) -> bool:
    """Whether a JSON value is one of a field's type."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(part, value) for part in parts)
    if origin is Literal:
        return value in parts
    if origin is tuple:
        return isinstance(value, list) and all(fits(parts[0], item) for item in value)
    if isinstance(value, dict):
        return len(parts) == 2 and all(fits(parts[0], key) and fits(parts[1], item) for key, item in value.items())
    if hint is float:
        return type(value) in (int, float) and math.isfinite(float(str(value)))
    if hint is str:
        return isinstance(value, str) and "\0" not in value
    return type(value) is hint


def shown(value: object) -> str:
    return " ".join(repr(value).split())[:60]
