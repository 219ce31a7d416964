"""A task that was run with several numbers of labelled images is as many tasks to a page, so that no number mixes them.

They are called `m2-100`, `m2-600`, … from where records are read to where tables are written; files keep the task's
name and have the number in a column `labels`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

import pandas as pd

from bench.spec.declared import Declared
from bench.store.record import Record

Numbers = Mapping[str, tuple[str, int]]
"""Name of a task with one number of labels → (the task, the number)."""


def numbers_of(runs: Iterable[tuple[str, object]], split: Collection[str] | None = None) -> dict[str, tuple[str, int]]:
    """Return the tasks to split by their numbers of labels, in the order of tasks, then of numbers.

    Args:
        runs: (task, number of labels) of each run; what is no number is taken for none.
        split: the tasks that are split; default: those that were run with several numbers.
    """
    found: dict[str, set[int]] = {}
    for task, labels in runs:
        if isinstance(labels, int | float) and labels == labels:
            found.setdefault(task, set()).add(int(labels))
    chosen = [task for task in found if (len(found[task]) > 1 if split is None else task in split)]
    return {f"{task}-{count}": (task, count) for task in chosen for count in sorted(found[task])}


def split_records(records: Sequence[Record]) -> tuple[list[Record], dict[str, tuple[str, int]]]:
    """Return the records, those of a task with several numbers of labels renamed, and what they were renamed from."""
    numbers = numbers_of((str(record.spec["task"]), record.spec.get("labels")) for record in records)
    return renamed(records, numbers), numbers


def renamed(records: Sequence[Record], numbers: Numbers) -> list[Record]:
    """Return the records, those of the tasks of `numbers` renamed."""
    names: dict[tuple[str, object], str] = {of: name for name, of in numbers.items()}

    def with_name(record: Record) -> Record:
        name = names.get((str(record.spec["task"]), record.spec.get("labels")))
        return record if name is None else dataclasses.replace(record, spec={**record.spec, "task": name})

    return [with_name(record) for record in records]


def split_frame(runs: pd.DataFrame, numbers: Numbers) -> pd.DataFrame:
    """Return a frame of runs in which the tasks of `numbers` are renamed."""
    names = {of: name for name, of in numbers.items()}
    if not names or "labels" not in runs:
        return runs
    pairs = zip(runs["task"], pd.to_numeric(runs["labels"], errors="coerce"), strict=True)
    return runs.assign(task=[names.get((task, labels), task) for task, labels in pairs])


def as_written(frame: pd.DataFrame, numbers: Numbers) -> pd.DataFrame:
    """Return a frame as it is written: each task under its own name, and its number of labels in a column."""
    if not numbers or "task" not in frame:
        return frame
    found = frame.assign(task=[numbers.get(name, (name, None))[0] for name in frame["task"]])
    if "labels" not in found:
        labels = pd.array([numbers.get(name, (name, None))[1] for name in frame["task"]], dtype="Int64")
        found.insert(list(found).index("task") + 1, "labels", labels)
    return found


def with_numbers(declared: Declared, numbers: Numbers) -> Declared:
    """Return what is declared, and each task with each of its numbers of labels."""
    more = {
        name: declared.tasks[task].with_labels(count)
        for name, (task, count) in numbers.items()
        if task in declared.tasks
    }
    return declared.merged_with(Declared(more)) if more else declared
