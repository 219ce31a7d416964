"""What a page is made of: records.csv and manifest.json, and the records for what these don't hold."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Task:
    """A built-in task, as docs/science.md describes it."""

    label: str
    subject: str
    metric: str
    unit: str
    measured: str
    better: str
    best: str
    margin: float
    """In shown units, as everything here."""

    scale: float = 1.0
    """From the recorded value to the shown one."""

    digits: int = 1
    prefix: str = ""
    has_decoder: bool = True

    @property
    def name_of_metric(self) -> str:
        return "ELBO" if self.metric == "elbo" else self.metric

    @property
    def unit_of_difference(self) -> str:
        return "points" if self.unit == "%" else self.unit


ELBO, LABEL = "test ELBO", "Given the label, "
BUILT_IN = {
    "vae": Task("VAE", "As VAEs", "elbo", "nats", ELBO, " models the images better", " models the images best", 0.5),
    "cvae": Task("CVAE", "As CVAEs", "elbo", "nats", f"{ELBO} of log p(x|y)", " models the images better",
                 " models the images best given the label", 0.5, prefix="CVAE "),
    "classifier": Task("classifier", "As classifiers", "accuracy", "%", "test accuracy", " classifies better",
                       " classifies best", 0.1, 100.0, 2, has_decoder=False),
    "m2": Task("M2", "With few labels (M2)", "accuracy", "%", "semi-supervised test accuracy",
               " classifies better with few labels", " classifies best with few labels", 0.1, 100.0, 2, "M2 "),
    "reader": Task("Reader alone", "With few labels and no other images", "accuracy", "%",
                   "test accuracy of the reader alone", " classifies better with few labels and no other images",
                   " classifies best with few labels and no other images", 0.1, 100.0, 2, has_decoder=False),
}  # fmt: skip


class Tasks(dict[str, Task]):
    """The built-in tasks; one with a number of labels is made when it is asked for, as "m2-100"."""

    def __missing__(self, name: str) -> Task:
        task, _, number = name.rpartition("-")
        own, labels = BUILT_IN[task], f"{int(number):,} labels"
        texts = {name: getattr(own, name).replace("few labels", labels) for name in ("subject", "better", "best")}
        label = f"{own.label} ({labels})"
        texts |= {"label": label, "prefix": f"{label} ", "measured": f"{own.measured} ({labels})"}
        return dataclasses.replace(own, **texts)


TASKS = Tasks(BUILT_IN)
DEFAULT_EPOCHS = {"mnist": 10, "digits": 30}
PIXELS = {"dynamic": "Bernoulli on dynamically binarised pixels"}


once = cache
"""For methods: what is read of a folder lives as long as the tests, and so do the few folders."""


class Wrong(Exception):
    """A sentence that may not be said of these records."""


@dataclass(frozen=True)
class Facts:
    """A report folder, each part of which is read once."""

    folder: Path
    part: str = ""
    """The section that is audited; empty: the whole page."""

    @cached_property
    def page(self) -> str:
        text = (self.folder / "report.md").read_text(encoding="utf-8")
        if not self.part:
            return text
        (section,) = re.findall(rf"^## {self.part}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        return section

    @property
    def answers(self) -> tuple[str, ...]:
        """The tasks that the first paragraph gives a verdict on, where it is audited."""
        return () if self.part else tuple(self.head)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))

    @cached_property
    def written(self) -> pd.DataFrame:
        """Each run with each of its recipes, where it was tuned."""
        return pd.read_csv(self.folder / "records.csv", keep_default_na=False, na_values=[""])

    @cached_property
    def several(self) -> list[str]:
        """Return the tasks with several numbers of labels, each of which is a task of its own here and on the page."""
        numbers = self.written.groupby("task")["labels"].nunique() if "labels" in self.written else pd.Series()
        return [str(task) for task in numbers.index[numbers > 1]]

    def split(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return a file's rows with such tasks renamed: "m2-100"."""
        names = zip(rows["task"], rows.get("labels", rows["task"]), strict=True)
        return rows.assign(task=[f"{task}-{int(n)}" if task in self.several else task for task, n in names])

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Each run with each of its recipes, where it was tuned."""
        return self.split(self.written)

    @cached_property
    def all_runs(self) -> pd.DataFrame:
        """Those with the common recipe."""
        return self.trials[self.trials["trial"] == 0] if "trial" in self.trials else self.trials

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The finished runs."""
        return self.all_runs[self.all_runs["status"] == "finished"]

    @cached_property
    def images(self) -> np.ndarray:
        """How many images runs were trained on, where that is not all."""
        return self.runs["train_images"].dropna().unique()

    @cached_property
    def own_task(self) -> str:
        """The task whose parameters and speed stand for an architecture's."""
        return "vae" if "vae" in self.tasks else self.tasks[0]

    @cached_property
    def failed(self) -> pd.DataFrame:
        return self.all_runs[self.all_runs["status"] != "finished"]

    def seeds(self, task: str, arch: str) -> int:
        """Return how many seeds have a result."""
        return len(self.of(task, arch))

    @cached_property
    def counts(self) -> list[int]:
        """How many seeds the results are of, fewest first: one number if all are of as many."""
        return sorted({self.seeds(task, arch) for task in self.tasks for arch in self.ranked(task)})

    @property
    def anytime(self) -> bool:
        """Whether seeds were added until comparisons were settled, so that verdicts hold at any look."""
        return "stopping" in self.manifest or self.manifest.get("race", {"confirmed": 1})["confirmed"] == 0

    def mark(self, task: str, arch: str, most: int) -> str:
        """Return what stands behind a number of fewer seeds than `most`: of the best-supplied one, or all asked for."""
        n = self.seeds(task, arch)
        gone = self.failed[(self.failed["task"] == task) & (self.failed["arch"] == arch)]
        if self.anytime:
            return f" ({n} of {n + len(gone)})" if len(gone) else f" ({n})" if n < most else ""
        full = max(n + len(gone), self.manifest["seeds"] if n < most else 0)
        return f" ({n} of {full})" if n < full else ""

    @property
    def baseline(self) -> str:
        return self.manifest["baseline"]

    @cached_property
    def tasks(self) -> list[str]:
        found = self.runs.sort_values("labels") if self.several else self.runs
        names = dict(zip(found["task"], found["task"].str.replace(r"-\d+$", "", regex=True), strict=True))
        return [name for task in self.manifest["tasks"] for name, of in names.items() if of == task]

    @cached_property
    def head(self) -> list[str]:
        """Return the tasks that the head of the page is about: of several numbers of labels the fewest."""
        first = {task.rpartition("-")[0] or task: task for task in reversed(self.tasks)}
        return [task for task in self.tasks if task in first.values()]

    def task(self, label: str) -> str:
        """Return the task of that label."""
        found = [task for task in self.tasks if TASKS[task].label == label]
        if not found:
            raise Wrong(f"no task {label}")
        return found[0]

    @once
    def of(self, task: str, arch: str | None = None) -> pd.DataFrame:
        rows = self.runs[self.runs["task"] == task]
        return rows if arch is None else rows[rows["arch"] == arch]

    @once
    def values(self, task: str, metric: str | None = None) -> pd.DataFrame:
        """Return seed × architecture → a metric, by default the task's own in its shown unit."""
        name = metric or TASKS[task].metric
        table = self.of(task).pivot(index="seed", columns="arch", values=name).astype(float)
        return table * (1.0 if metric else TASKS[task].scale)

    @once
    def means(self, task: str) -> dict[str, float]:
        return {str(arch): float(mean) for arch, mean in self.values(task).mean().items()}

    @once
    def ranked(self, task: str) -> list[str]:
        """Return the architectures, best mean first; of equal ones the first in records.csv."""
        means = self.means(task)
        return sorted(dict.fromkeys(self.of(task)["arch"]), key=lambda arch: -means[arch])

    @cached_property
    def order(self) -> list[str]:
        """The rows of tables: by the first task's result."""
        return list(dict.fromkeys([*self.ranked(self.tasks[0]), *self.manifest["archs"]]))

    def first(self, task: str, arch: str) -> pd.Series:
        return self.of(task, arch).iloc[0]

    @cached_property
    def _records(self) -> dict[str, Path]:
        where = self.folder / self.manifest["runs_dir"]
        further = [
            *self.manifest.get("tuning", {}).get("run_ids", []),
            self.manifest.get("race", {}).get("run_ids", []),
        ]
        return {run_id: where / run_id for run_id in chain(self.manifest["run_ids"], *further)}

    def record(self, run_id: str) -> dict[str, Any]:
        return json.loads((self._records[run_id] / "record.json").read_text(encoding="utf-8"))

    @cached_property
    def environments(self) -> list[dict[str, Any]]:
        return [self.record(run_id)["environment"] for run_id in self.manifest["run_ids"]]

    @once
    def per_image(self, task: str) -> dict[str, dict[int, np.ndarray]]:
        """Return architecture → seed → the primary metric of each test image, in its shown unit."""
        name = "test_correct" if task == "classifier" else "test_elbo"
        found: dict[str, dict[int, np.ndarray]] = {}
        for row in self.of(task).itertuples():
            with np.load(self._records[row.run_id] / "arrays.npz") as arrays:
                found.setdefault(row.arch, {})[row.seed] = arrays[name].astype(float)
        return found

    @once
    def histories(self, task: str, arch: str) -> dict[int, list[dict[str, float]]]:
        return {row.seed: self.record(row.run_id)["history"] for row in self.of(task, arch).itertuples()}

    @once
    def only(self, column: str) -> Any:
        """Return the value that all runs share."""
        values = self.all_runs[column].dropna().unique()
        if len(values) != 1:
            raise Wrong(f"{column}: {list(values)}")
        return values[0]
