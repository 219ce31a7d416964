"""The tasks: what an architecture is trained to do and how it is scored. One file each, found by its file name.

A file named with `--plugin` may hold a task too, with metrics of its own: docs/adding-a-task.md.

May import: spec, models.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from archs.errors import UserError, nearest
from archs.foreign.entries import kind_of, why_not_called
from archs.foreign.raised import not_loaded
from bench.spec import metrics as known_metrics
from bench.spec.declared import Declared, is_reserved
from bench.spec.declared import built_in as built_in_declarations
from bench.spec.metrics import Metric
from bench.spec.task import TaskDescription

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from archs.base import Arch
    from archs.registry import Registry

DEFAULT = ("vae", "cvae", "classifier")
"""Those that a job does unless told otherwise, in the order of the report."""

FUNCTIONS = {
    "build": "arch, latent_dim, seed",
    "loss": "model, x, labels, noise",
    "score": "model, x, labels, noise",
    "noise_rows": "batch, labelled",
}
"""The fields of a task that are called, and with what."""

Plugins = Mapping[str, ModuleType]
"""Path → module of each file named with `--plugin`: `archs.registry.Registry.plugins`."""


@dataclass(frozen=True, kw_only=True)
class Task(TaskDescription):
    """A task: its description, and the functions that build, train and score its model."""

    build: Callable[[Arch, int | None, int], nn.Module]
    """build(arch, latent_dim, seed): a new model with the parts `.encoder`, `.head` and perhaps `.decoder`."""

    loss: Callable[..., Tensor]
    """loss(model, x, labels, noise): the batch's mean loss. x is float [B, 1, 28, 28] in 0 to 1; noise is a generator
    or, drawn already, a tensor of standard normal numbers [N, W]. The loss of a task that needs labels also takes
    labelled, known and images; one that weighs labels also weight: see `bench.tasks.m2`."""

    score: Callable[[Any, Tensor, Tensor, torch.Generator | Tensor], dict[str, Tensor]]
    """score(model, x, labels, noise): metric name → value per image [B]; their means are the metrics. The score of a
    model with a code also holds "mean" and "log_variance" of q(z|x), [B, Z], which are no metrics."""

    metrics: tuple[Metric, ...] = ()
    """Metrics that the task alone has: those that `bench.spec.metrics` lacks."""

    noise_rows: Callable[[int, int], tuple[int, ...]] = lambda batch, labelled: (batch,)
    """noise_rows(batch, labelled): how many rows of noise `loss` takes, N in all, in the parts in which they are drawn.
    `score` takes one row for each image."""

    noise_width: int | None = None
    """Numbers in a row of noise, W. Default: the latent dimension."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for metric in self.metrics:
            if is_reserved(metric.name):
                raise UserError(f"task {self.name}: the metric name {metric.name!r} is taken; choose another name")
        for name, arguments in FUNCTIONS.items():
            if name == "loss" and self.needs_labels:  # it takes more, by name
                continue
            if problem := why_not_called(getattr(self, name), *arguments.split(", ")):
                raise UserError(f"task {self.name}: its {name} {problem}; expected {name}({arguments})")
        own = [metric.name for metric in self.metrics]
        for name in self.scores:
            if name not in own and known_metrics.metric(name) is None:
                raise UserError(
                    f"task {self.name}: unknown metric {name!r}{nearest(name, [*own, *known_metrics.METRICS])}"
                )

    @property
    def description(self) -> TaskDescription:
        """The task without its functions: plain values."""
        return TaskDescription(
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(TaskDescription)}
        )

    def new_model(self, arch: Arch, latent_dim: int | None, seed: int) -> nn.Module:
        """Build the model of a seed, whatever has been drawn before, and leave the process as it was.

        Raises:
            ChangedForAll: it doesn't; see `archs.foreign.process_state`.
        """
        (model,) = self.new_models(arch, latent_dim, [seed])
        return model

    def new_models(self, arch: Arch, latent_dim: int | None, seeds: Iterable[int]) -> list[nn.Module]:
        """Build the models of several seeds, one after the other, as `new_model` does."""
        from archs.foreign.process_state import left_as_found  # here: they load torch
        from archs.foreign.random_states import seeded
        from bench.models.streams import stream_seed

        models = []
        with left_as_found(f"{arch.name}, when its {self.name} is built,"):
            for seed in seeds:
                with seeded(stream_seed(seed, "init")):
                    models.append(self.build(arch, latent_dim, seed))
        for model in models:
            if not callable(getattr(model, "parameters", None)):
                raise UserError(f"the build of task {self.name} returns {kind_of(model)}, expected a torch.nn.Module")
        return models

    def width(self, latent_dim: int | None) -> int:
        """Return how many numbers a row of noise has, for a run of this latent dimension."""
        return self.noise_width if self.noise_width is not None else latent_dim or 0


def built_in() -> list[str]:
    """Return the names of the tasks of this folder, the usual ones first; no task, and so no torch, is loaded."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    return sorted(found, key=lambda name: (DEFAULT.index(name) if name in DEFAULT else len(DEFAULT), name))


def registry(plugins: Sequence[str | Path] = ()) -> Registry:
    """Discover the architectures and the modules of the plug-ins, which may hold tasks as well or instead.

    Raises:
        UserError: a plug-in can't be used, or the name of one of its tasks is taken.
    """
    from archs.registry import discover  # here and below: --help reads this file too

    found = discover(plugins, also=(Task,))
    plugin_tasks(found.plugins)
    return found


def names(plugins: Plugins | None = None) -> list[str]:
    """Return all task names, the usual ones first, those of plug-ins last."""
    return [*built_in(), *plugin_tasks(plugins or {})]


def get(name: str, plugins: Plugins | None = None) -> Task:
    """Return a task of this folder, or of a plug-in.

    Raises:
        UserError: there is no task of that name, or its file can't be loaded.
    """
    own = plugin_tasks(plugins or {})
    if name in own:
        return own[name][0]
    if name not in built_in():
        raise unknown(name, plugins)
    where, file = f"bench/tasks/{name}.py", Path(__file__).with_name(f"{name}.py")
    try:
        task: Task = importlib.import_module(f"bench.tasks.{name}").TASK
    except (Exception, SystemExit) as error:
        raise UserError(not_loaded(where, file, error)) from error
    if not isinstance(task, Task):
        raise UserError(f"{where}: TASK is {kind_of(task)}, expected a Task(name=…, …)")
    if task.name != name:
        raise UserError(f"bench/tasks/{name}.py: its task is called {task.name!r}; expected {name!r}, the file's name")
    return task


def unknown(name: str, plugins: Plugins | None = None) -> UserError:
    """Return the error for a name that no task has."""
    more = "" if plugins else "; a task of yours is in a file that --plugin names"
    return UserError(f"unknown task {name[:40]!r}{nearest(name[:40], names(plugins))}{more}")


def plugin_tasks(plugins: Plugins) -> dict[str, tuple[Task, ModuleType]]:
    """Return the tasks that plug-ins hold, by name, each with its module.

    Raises:
        UserError: the name of a task, or of a metric of its own, is taken.
    """
    found: dict[str, tuple[Task, ModuleType]] = {}
    own: dict[str, Metric] = {}
    for path, module in plugins.items():
        for task in list(vars(module).values()):
            if not isinstance(task, Task) or any(task is other for other, _ in found.values()):
                continue
            if task.name in built_in():
                if task is get(task.name):  # imported from there
                    continue
                raise UserError(
                    f"{path}: the name {task.name!r} is taken by bench/tasks/{task.name}.py; choose another name"
                )
            if task.name in found:
                other = found[task.name][1].__file__
                raise UserError(f"{path}: the name {task.name!r} is taken by {other}; choose another name")
            for metric in task.metrics:
                if own.setdefault(metric.name, metric) != metric:
                    raise UserError(
                        f"{path}: the metric name {metric.name!r} is taken by another task; choose another name"
                    )
            found[task.name] = task, module
    return found


def fingerprint(name: str, plugins: Plugins) -> str | None:
    """Return sixteen hex digits that change with the code of a plug-in's task; see `archs.identity.fingerprint`.

    None for a task of this folder: `bench.spec.run.PROTOCOL` stands for it, as for what a plug-in imports from `bench`.
    """
    if name not in (own := plugin_tasks(plugins)):
        return None
    from archs.identity.fingerprint import code_of

    task, module = own[name]
    functions = (task.build, task.loss, task.score, task.noise_rows)
    code = code_of([module.__name__], functions)
    return hashlib.sha256(f"{name}\n{code}".encode(errors="surrogatepass")).hexdigest()[:16]


def declared(tasks: Iterable[Task]) -> Declared:
    """Return what a manifest says of `tasks`.

    Raises:
        UserError: the label of a task is another task's.
    """
    tasks = list(tasks)
    metrics = {metric.name: metric for task in tasks for metric in task.metrics}
    found = Declared({task.name: task.description for task in tasks}, metrics)
    built_in_declarations().merged_with(found)  # raises, if a page could not show both
    return found
