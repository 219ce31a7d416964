"""Declarations of tasks and metrics, and their form in JSON: a job writes them into its manifest, a page reads them."""

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
"""What the files in `bench/tasks` say of the first four tasks, for manifests that are older than declarations."""

RESERVED = {field.name for field in dataclasses.fields(RunSpec)} | {
    "code",
    "commit",
    "device_name",
    "dirty",
    "epoch",
    "error",
    "log_variance",
    "mean",
    "params_other",
    "run_id",
    "seconds",
    "status",
    "torch",
    "workers",
}
"""Names that a task's own metric can't have: they mean something else in a table of runs, or in what a task scores."""

Kind = TypeVar("Kind", TaskDescription, Metric)


@dataclass(frozen=True)
class Declared:
    """The tasks and the metrics that a job, or a page, knows of."""

    tasks: Mapping[str, TaskDescription]
    """Name → task."""

    metrics: Mapping[str, Metric] = field(default_factory=dict)
    """Name → metric, of the metrics that plug-ins add to those of `bench.spec.metrics`."""

    def __post_init__(self) -> None:
        """Raise `UserError` if two tasks have one label, since nothing would tell them apart on a page."""
        labels: dict[str, str] = {}
        for task in self.tasks.values():
            if labels.setdefault(task.label, task.name) != task.name:
                other = labels[task.label]
                raise UserError(
                    f"task {task.name}: the label {task.label!r} is taken by the task {other}; choose another"
                )

    def metric(self, name: str) -> Metric | None:
        """Return the metric of a column, or None if the column is no metric."""
        return self.metrics.get(name) or metrics.metric(name)

    def primary(self, task: str) -> Metric:
        """Return the metric that decides for `task`, which must be one of `tasks`."""
        found = self.metric(self.tasks[task].primary)
        assert found is not None, "`read` checks that every metric is declared"
        return found

    def metric_columns(self, columns: Iterable[str]) -> list[str]:
        """Return the `columns` that are metrics: built-in ones, then importance-weighted bounds, then the others."""
        present = set(columns)
        return [*metrics.metric_columns(present), *(name for name in self.metrics if name in present)]

    def merged_with(self, other: Declared) -> Declared:
        """Return what both declare; where they declare the same name, `other` counts."""
        return Declared({**self.tasks, **other.tasks}, {**self.metrics, **other.metrics})

    def as_dict(self) -> dict[str, Any]:
        """Return the declarations as plain JSON values, which `read` turns back."""
        return {
            "tasks": [dataclasses.asdict(task) for task in self.tasks.values()],
            "metrics": [dataclasses.asdict(metric) for metric in self.metrics.values()],
        }


def is_reserved(name: str) -> bool:
    """Return whether a task's own metric can't have this name."""
    return name in RESERVED or metrics.metric(name) is not None


@functools.cache
def built_in() -> Declared:
    """Return the declarations for manifests and records that come without their own."""
    return read(json.loads(BUILT_IN.read_text(encoding="utf-8")))


def of_manifest(manifest: Mapping[str, Any]) -> Declared:
    """Return what is built in and what a report's manifest adds to it; raises `UserError` as `read` does."""
    content = manifest.get("declared")
    return built_in() if content is None else built_in().merged_with(read(content))


def read(content: object) -> Declared:
    """Return the declarations that `Declared.as_dict` wrote, with every field checked.

    Raises:
        UserError: a field is wrong; the message names the first one.
    """
    if not isinstance(content, dict):
        raise UserError(f"{abbreviated(content)}, expected tasks and metrics")
    own = declarations(Metric, content.get("metrics", []), "metrics")
    found = Declared(declarations(TaskDescription, content.get("tasks", []), "tasks"), own)
    for name in own:
        if is_reserved(name):
            raise UserError(f"the metric name {name!r} is taken")
    for task in found.tasks.values():
        for name in task.scores:
            if found.metric(name) is None:
                raise UserError(f"task {task.name}: metric {name[:40]!r} is not declared")
    return found


def declarations(kind: type[Kind], content: object, where: str) -> dict[str, Kind]:
    """Return name → declaration of a JSON list; `where` is its place in the file, for messages."""
    if not isinstance(content, list):
        raise UserError(f"{where} is {abbreviated(content)}, expected a list")
    found = [declaration(kind, item, f"{where}[{index}]") for index, item in enumerate(content)]
    return {item.name: item for item in found}


def declaration(kind: type[Kind], content: object, where: str) -> Kind:
    """Return the declaration that a JSON object holds, without fields that only a later version knows."""
    if not isinstance(content, dict):
        raise UserError(f"{where} is {abbreviated(content)}, expected its fields by name")
    hints, values = get_type_hints(kind), dict[str, Any]()
    for known in dataclasses.fields(kind):
        if known.name in content:
            value = content[known.name]
            if not has_type(hints[known.name], value):
                raise UserError(f"{where}: {known.name} is {abbreviated(value)}, expected {known.type}")
            values[known.name] = tuple(value) if isinstance(value, list) else value
        elif known.default is dataclasses.MISSING and known.default_factory is dataclasses.MISSING:
            raise UserError(f"{where} lacks {known.name}")
    return kind(**values)


def has_type(hint: Any, value: object) -> bool:
    """Return whether a JSON value has the type that a field is annotated with."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(has_type(part, value) for part in parts)
    if origin is Literal:
        return value in parts
    if origin is tuple:
        return isinstance(value, list) and all(has_type(parts[0], item) for item in value)
    if isinstance(value, dict):
        return len(parts) == 2 and all(
            has_type(parts[0], key) and has_type(parts[1], item) for key, item in value.items()
        )
    if hint is float:
        return type(value) in (int, float) and math.isfinite(float(str(value)))
    if hint is str:
        return isinstance(value, str) and "\0" not in value
    return type(value) is hint


def abbreviated(value: object) -> str:
    """Return `repr(value)` on one line of at most 60 characters."""
    return " ".join(repr(value).split())[:60]
