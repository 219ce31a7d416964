"""The networks of the zoo, what is expected of those that are special, and runs of them."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from archs.identity.fingerprint import fingerprint
from archs.registry import Registry
from bench.data.digits import digits
from bench.spec.conduct import Conduct
from bench.spec.run import RunSpec
from bench.store.record import Record
from bench.store.store import Store
from bench.tasks import get, registry
from bench.training.loop import run_to_completion
from bench.worker.execute import execute, execute_group
from bench.worker.label_inputs import label_inputs
from bench.worker.site import Site
from bench.worker.train import Neighbours

ZOO = Path(__file__).parent / "zoo"
PLUGINS = tuple(str(path) for path in sorted(ZOO.glob("*.py")) if path.name != "small.py")
ALL = digits()
DIGITS = replace(ALL, val_count=40, test_images=ALL.test_images[:80], test_labels=ALL.test_labels[:80],
                 fingerprint="0" * 16)  # fmt: skip
"""Few of the images, on which a few steps can be judged too."""

TASKS = ("cvae", "classifier")

REFUSED = {
    "pair": "pair: its encoder gives a tuple of 2, expected one tensor; the layers for mean and variance",
    "extra-state": "extra-state: its state holds encoder._extra_state, a dict, and only tensors can be stored",
    "cached": "cached: its encoder.1.weight is the same tensor in every network that is built",
    "counted": "counted: built twice with the same seed it differs in encoder.1.bias",
}
"""Network → how the error of its runs begins, after its kind."""

REMARKS = {
    "always-drops": {Conduct.RANDOM_EVALUATION},
    "detached": {Conduct.NEVER_MOVED},
    "unused-head": {Conduct.NEVER_MOVED},
    "counts": {Conduct.NOT_RESTORED},
    "counts-always": {Conduct.UNREPEATABLE, Conduct.NOT_RESTORED},
    "seeds-itself": {Conduct.SAME_START},
    "sigmoid": {Conduct.NO_NEGATIVE_LOGIT},
    "tanh": {Conduct.LOGITS_END_AT_ONE},
}
"""Network → what its records remark; of all others they remark nothing."""


@functools.cache
def known() -> Registry:
    """The registry with the zoo."""
    return registry(PLUGINS)


def names() -> list[str]:
    """All networks of the zoo."""
    return [name for name, where in known().origin.items() if where in PLUGINS]


def trained_names() -> list[str]:
    """Those that can be trained."""
    return [name for name in names() if name not in REFUSED]


def remarks(name: str, task: str) -> set[Conduct]:
    """What the record of a network's run remarks."""
    return set() if name in ("sigmoid", "tanh") and task == "classifier" else REMARKS.get(name, set())


@functools.cache
def spec_of(name: str, task: str, seed: int = 0) -> RunSpec:
    """A run of a few steps."""
    arch = known().archs[name]
    return RunSpec(
        arch=name,
        arch_fingerprint=fingerprint(arch),
        task=task,
        dataset="digits",
        data_fingerprint=DIGITS.fingerprint,
        likelihood="dynamic" if get(task).needs_decoder else None,
        seed=seed,
        epochs=1,
        batch_size=32,
        lr=2e-3,
        latent_dim=5 if get(task).uses_latent_dim else None,
        train_images=128,
        device="cpu",
        threads=1,
        label_input=label_inputs([arch], [get(task)], 5).get((name, task)),
    )


def site_of(folder: Path, **options: object) -> Site:
    """A site whose records go to a folder."""
    return Site(str(folder), "data", PLUGINS, dataset=DIGITS, **options)  # type: ignore[arg-type]


def run(spec: RunSpec, folder: Path) -> Record:
    """Do a run by itself."""
    execute(spec, site_of(folder))
    return Store(folder).load(spec.run_id)


def run_stacked(specs: list[RunSpec], folder: Path) -> list[Record]:
    """Do runs as a stack, if they can be one."""
    group = execute_group(specs, site_of(folder, stack=len(specs)), False, lambda progress: None, Neighbours())
    run_to_completion(group)
    return [Store(folder).load(spec.run_id) for spec in specs]
