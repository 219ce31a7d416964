"""The pages that are audited: two small jobs, made by the command line, and pages of invented records."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import reports
from tests.audit.computing.matching import operations
from tests.audit.facts import Facts
from tests.audit.races import RACED
from tests.reports.answers.designs import planned, until_sure
from tests.reports.few_labels.synthetic import invented_error, write_few_labels
from tests.reports.stopping.synthetic import numbers_of_seeds, stopping
from tests.reports.synthetic import grid_names, write_experiment

SMALL = ["--dataset", "digits", "--train-images", "300", "--device", "cpu", "--throughput", "off"]
JOBS = {
    "crossing": ["--archs", "cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2", "--tasks", "vae", "classifier", "cvae",
                 "--seeds", "3", "--epochs", "2", "--workers", "1"],
    "winner": ["--archs", "mlp", "cnn3", "--tasks", "vae", "classifier", "--seeds", "4", "--epochs", "4",
               "--workers", "1", "--tune", "2"],
    "equal operations": ["--archs", "mlp", "cnn3", "--tasks", "vae", "classifier", "--seeds", "3", "--epochs", "2",
                         "--workers", "1", "--tune", "2", "--match", "flops"],
    "equal time": ["--archs", "cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2", "--tasks", "vae", "classifier", "--seeds", "3",
                   "--epochs", "2", "--workers", "1", "--match", "time"],
}  # fmt: skip
"""A grid of four that few seeds don't resolve; a tuned pair with a clear winner, not the same on both tasks; a tuned
pair and a grid at equal compute."""
RATIOS = {"cnn3": 0.5, "cnn2+cnn3": 0.8, "cnn3+cnn2": 4 / 3}
"""What a training step takes over one of the baseline's, instead of what it took on a machine that has other work."""
CROSSING = ("cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2")
PAIR = CROSSING[:2]
CODES = [{"active_units": 0.0, "kl_units": 0.0}, {"active_units": 0.0, "kl_units": 3.0, "kl": 0.9, "aggregate_kl": 0.8},
         {"active_units": 4.0, "kl_units": 6.0}, {"active_units": 15.0, "kl_units": 12.0}]  # fmt: skip
FIRST = [{"sample_spread": 0.1, "train_images_per_s": 5000.0 + 90 * seed} for seed in range(4)]
SECOND = [{"sample_spread": 0.001, "train_images_per_s": 6000.0 + 99 * seed} for seed in range(4)]
"""By seed."""


SKEWED = (0.77, 0.47, 1.88, 0.45, 3.15, 0.05, 1.31, 0.23, 0.76, 0.59)
"""By seed, in nats."""


def rare_failure(arch: str, seed: int) -> dict[str, float]:
    """Return results of which cnn3's collapse in one seed of ten, and the crossing's differ lopsidedly."""
    if (arch, seed) == ("cnn3", 3):
        return {"elbo": -206.0, "kl": 0.01, "reconstruction": 205.99, "active_units": 0.0, "kl_units": 0.0}
    level = -105.0 + 0.2 * (seed % 4) - {"cnn2": 0.0, "cnn3": 1 - 0.1 * (seed % 3)}.get(arch, SKEWED[seed])
    return {"elbo": level, "kl": 24.0, "reconstruction": -level - 24.0}


def other_plan(plan: dict[str, Any]) -> None:
    """Make a plan one of fewer seeds, more epochs, another margin and an architecture more."""
    plan["stopping"]["seeds"] = 2
    plan["recipe"] |= {"epochs": 30, "train_images": None}
    plan["tasks"][0]["margin"] = 1.5
    plan["architectures"].append({**plan["architectures"][0], "name": "pool4"})


INVENTED: dict[str, dict[str, Any]] = {
    "one leads": {"levels": dict(zip(CROSSING, (0, -22, -15, -2), strict=True)), "seeds": 6,
                  "settings": {"lr": 0.008}, "design": lambda plan: plan["runs"].update(made_before=30)},
    "some may be the best": {"levels": dict(zip(CROSSING, (0, -22, -0.2, -0.6), strict=True)), "seeds": 3},
    "against the baseline": {"levels": dict(zip(CROSSING, (0, 5, 9, -2), strict=True)), "seeds": 4},
    "all equivalent": {"levels": dict(zip(CROSSING, (0, 0.05, 0.02, -0.03), strict=True)), "seeds": 6, "spread": 0.05},
    "a pair": {"archs": PAIR, "levels": {"cnn2": 0, "cnn3": 0.6}, "seeds": 3, "asked": 5,
               "tasks": ("cvae", "classifier"), "manifest": {"design": "0" * 16}},
    "unused codes": {"archs": PAIR, "levels": {"cnn2": 0, "cnn3": -450}, "seeds": 4, "tasks": ("cvae", "vae"),
                     "metrics_of": lambda arch, seed: CODES[seed] | (FIRST if arch == "cnn2" else SECOND)[seed],
                     "environment": {"workers": 2}},
    "a rare failure": {"archs": CROSSING[:3], "seeds": 10, "tasks": ("vae",), "metrics_of": rare_failure},
    "failures": {"archs": PAIR, "seeds": 4, "tasks": ("vae", "classifier"), "design": lambda plan: None,
                 "failures": {("cnn3", "vae", 1): "the loss is not finite", ("cnn2", "vae", 3): "out of memory"}},
    "short and rising": {"archs": PAIR, "gap": 5, "seeds": 3, "tasks": ("vae", "classifier"), "design": other_plan,
                         "settings": {"epochs": 3, "train_images": 1000}},
    "a tuned pair": {"archs": PAIR, "gap": 0, "seeds": 4, "trials": {
        "vae": {"cnn2": (0, -3, 2), "cnn3": (-10, -30, -7)},
        "cvae": {"cnn2": (0, -3, 2), "cnn3": (-10, -2, 20)},
        "classifier": {"cnn2": (0, -40, 50), "cnn3": (0, -40, 0)}}},
    "a tuned pair, not told apart": {"archs": PAIR, "gap": 0, "seeds": 6, "spread": 0.05, "trials": {
        "vae": {"cnn2": (0, -30, -9, 9), "cnn3": (-1, -30, -9, 8)},
        "cvae": {"cnn2": (0, -30, 2, 9.01), "cnn3": (-0.02, -30, 1, 9)},
        "classifier": {"cnn2": (0, -40, -20, 50), "cnn3": (-20, -40, -20, 49)}},
        "luck": {"vae": 3.0, "cvae": 0.05, "classifier": 4.0}},
    "equal operations, invented": {
        "levels": dict(zip(CROSSING, (0, -22, -15, -2), strict=True)), "seeds": 3,
        "match": ("flops", lambda arch, task: operations(arch, task, 128))},
    "equal time, tuned, the common rate beyond": {
        "archs": PAIR, "gap": 5, "seeds": 4, "common": 0.05, "environment": {"workers": 2},
        "match": ("time", lambda arch, task: 0.02 if arch == "cnn2" else 0.008, ("vae", "classifier")), "trials": {
        "vae": {"cnn2": (9, -3), "cnn3": (9, -30)}, "cvae": {"cnn2": (0, 9), "cnn3": (0, 9)},
        "classifier": {"cnn2": (9, -40), "cnn3": (9, -40)}}},
    "tuned, the common rate at an end": {"archs": PAIR, "gap": 5, "seeds": 4, "common": 0.03, "trials": {
        "vae": {"cnn2": (9, -3), "cnn3": (9, -30)}, "cvae": {"cnn2": (0, 9), "cnn3": (0, 9)},
        "classifier": {"cnn2": (9, -40), "cnn3": (9, -40)}}},
    "added until settled": {
        "levels": dict(zip(CROSSING, (0, -22, -15, -4), strict=True)), "seeds": 6, "spread": 0.2,
        "seeds_of": numbers_of_seeds(CROSSING, (6, 4, 4, 6)), "design": until_sure(30, made_before=10),
        "manifest": {"stopping": stopping("settled")}},
    "added up to the most": {
        "levels": dict(zip(CROSSING, (0, -22, -0.25, -0.6), strict=True)), "seeds": 8,
        "seeds_of": numbers_of_seeds(CROSSING, (8, 4, 8, 8)), "manifest": {"stopping": stopping("most seeds", 8)}},
    "added while there was time": {
        "archs": PAIR, "levels": {"cnn2": 0, "cnn3": 0.05}, "seeds": 9, "spread": 0.08, "design": until_sure(30),
        "failures": {("cnn2", "vae", 4): "out of memory"},
        "manifest": {"stopping": stopping("minutes", 30, 90.0)}},
    "added until stopped, tuned": {
        "archs": PAIR, "gap": 2, "seeds": 5, "design": until_sure(20), "manifest": {"stopping": stopping("stopped")},
        "trials": {"vae": {"cnn2": (9, -3), "cnn3": (9, -30)}, "cvae": {"cnn2": (0, 9), "cnn3": (0, 9)},
                   "classifier": {"cnn2": (9, -40), "cnn3": (9, -40)}}},
    "fixed, planned until sure": {
        "archs": PAIR, "gap": 5, "seeds": 4, "tasks": ("vae",), "design": until_sure(30)},
    "tuned": {"levels": dict.fromkeys(CROSSING, 0), "seeds": 3, "trials": {
        "vae": dict(zip(CROSSING, ((0, 5, 3), (-40, -30, -50), (-15, -15, -15), (-9, -2, 0)), strict=True)),
        "cvae": dict(zip(CROSSING, ((0, -5, 3), (-40, -30, -50), (-15, 3, 2), (-9, -2, 0)), strict=True)),
        "classifier": dict(zip(CROSSING, ((0, -5, 3), (-40, 9, 30)) * 2, strict=True))}},
}  # fmt: skip
"""Pages of invented results, for sentences that the small jobs may not need; the numbers are what invites them."""
INVENTED |= {name: {"race": race} for name, race in RACED.items()}


def few_labels_error(method: str, place: int, labels: int, seed: int) -> float:
    """Return test errors for every verdict: of `CROSSING`, whose third does well, and whose fourth collapses."""
    if method == "reader":
        return invented_error(method, place % 2, labels, seed)  # of the encoder, which crossings share
    if place == 2:
        return invented_error(method, place, labels, seed) / (2 if method == "m1m2" else 1.4)
    if place == 3 and method.startswith("m1m2") and seed < 2:
        return 0.902  # of a code that says nothing
    if (method, place, labels) == ("m2", 3, 100) and seed in (1, 3):
        return 0.8865
    if (method, place, labels) == ("m1m2", 1, 1000):
        return invented_error(method, 0, labels, seed) + 1e-4 * (seed % 2)
    return invented_error(method, place, labels, seed)


def live(arch: str, seed: int) -> dict[str, float]:
    """Return what M1+M2 counts in a code: whole, few alive, half alive in one run, and none alive in two."""
    counts = (19, 7, 9 if seed == 4 else 20, 0 if seed < 2 else 12)
    place = CROSSING.index(arch)
    dimensions = counts[place]
    found = {
        "active_units": float(dimensions),
        "elbo": -102.0 - seed + 0.1 * dimensions + 0.04 * (7 * seed % (4 + place)),
    }
    for labels in (100, 600, 1000):
        found[f"m1m2_dimensions_l{labels}"] = float(dimensions)
        found[f"m1m2_classes_l{labels}"] = 10.0 if dimensions else 1.0
    return found


FEW_LABELS: dict[str, dict[str, Any]] = {
    "few labels": {"archs": CROSSING, "tasks": ("vae", "m2", "reader"), "seeds": 5,
                   "labels": (100, 600, 1000), "error": few_labels_error, "metrics_of": live, "weight": 5.0,
                   "failed": [("m2", "cnn3", 100, 4), ("m2", "cnn3", 600, 1), ("reader", "cnn3", 1000)],
                   "manifest": {"evaluate": "basic", "throughput": "not measured apart: --throughput off",
                                "warnings": []}},
    "M2 of a job that was stopped": {"tasks": ("m2",), "labels": (50,), "seeds": 3, "manifest": {"seeds": 5},
                                     "settings": {"dataset": "digits", "lr": 1e-3}},
    "one seed": {"archs": CROSSING, "tasks": ("m2", "reader"), "seeds": 1, "weight": None,
                 "error": few_labels_error, "settings": {"protocol": 3}},
    "added until settled, M1+M2": {
        "tasks": ("vae", "m2", "reader"), "labels": (100,), "seeds": 5, "failed": [("m2", "cnn3", 100, 4)],
        "manifest": {"stopping": stopping("settled")}},
    "codes of many": {"archs": grid_names(9)[0], "tasks": ("vae",), "labels": (100, 600, 3000), "seeds": 2},
}  # fmt: skip
"""Pages of invented results with few labels: the first is audited as a whole, of the others that section."""
WHOLE = (*INVENTED, "few labels")
"""The invented pages that are audited as a whole."""
LUCK = dict.fromkeys(("vae", "cvae", "classifier"), 0.3)
"""Task → the standard deviation of a trial's scores, in nats."""
DIVERGED = "Diverged: loss is nan by step 3 of 9 (epoch 1)"
WARNING = "MNIST is not what it was."


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Facts]:
    """Return the report of that name, of `JOBS`, `INVENTED` or `FEW_LABELS`, made when it is first asked for."""

    @cache
    def make(name: str) -> Facts:
        folder = tmp_path_factory.mktemp("page")
        with undrawn():
            if name in FEW_LABELS:
                report = write_few_labels(folder, **FEW_LABELS[name])
                reports.build(report)
                return Facts(report, "" if name in WHOLE else "With few labels")
            return Facts((trained if name in JOBS else written)(name, folder))

    return make


def trained(name: str, folder: Path) -> Path:
    """Do one of the small jobs, and return its report folder."""
    from run_ablation import main

    where = ["--runs-dir", str(folder / "runs"), "--out", str(folder / "report")]
    with patch("bench.speed.matching.call_in_child", timed) if name == "equal time" else nullcontext():
        assert main([*JOBS[name], *SMALL, *where]) == 0
    return folder / "report"


def timed(function: object, runs: Any, *arguments: object, **options: object) -> Any:
    """Return invented seconds of each run's training step."""
    from bench.store.step_seconds import Measured

    return {run.run_id: Measured(0.03, 0.05, RATIOS[run.arch]) for run in runs[1:]}


def written(name: str, folder: Path) -> Path:
    """Write invented records and the page on them, and return its folder."""
    from tests.reports.tuning.synthetic import add_trials
    from tests.reports.wording.matched import match_report

    if race := INVENTED[name].get("race"):
        return written_race(folder, race)
    case = {"archs": CROSSING, **INVENTED[name]}
    archs, trials, luck = case.pop("archs"), case.pop("trials", None), case.pop("luck", LUCK)
    asked, design = case.pop("asked", case["seeds"]), case.pop("design", None)
    match, common = case.pop("match", None), case.pop("common", 8e-3)
    factors = {arch: {"encoder": arch.split("+")[0], "decoder": arch.split("+")[-1]} for arch in archs}
    manifest = {"title": f"{' vs '.join(archs)} on MNIST", "warnings": [WARNING], "evaluate": "basic", "seeds": asked,
                "throughput": "not measured apart: --throughput off", **case.pop("manifest", {})}  # fmt: skip
    report = write_experiment(
        folder, archs, factors=factors if len(archs) == 4 else {}, manifest=manifest, n_test=300, **case
    )
    if match:
        match_report(report, *match)
    if trials:
        count = len(trials["vae"]["cnn2"])
        add_trials(report, lambda *trial: of_trial(trials, luck, *trial), count, lr=common)
    reports.build(planned(report, design) if design else report)
    return report


def written_race(folder: Path, race: dict[str, Any]) -> Path:
    """Write an invented race, its confirmation and their page, and return its folder."""
    from tests.reports.race.synthetic import write_race

    manifest = {"warnings": [WARNING], "evaluate": "basic", "throughput": "not measured apart: --throughput off"}
    options = {**race, "manifest": {**manifest, **race.get("manifest", {})}}
    design = options.pop("design", None)
    report = write_race(folder, **options)
    reports.build(planned(report, design) if design else report)
    return report


def of_trial(trials: Any, luck: Any, arch: str, task: str, seed: int, trial: int) -> Any:
    """Return what a trial scores, in validation and in test, by which other trials may be chosen; or how it ended.

    Of the pairs some trials have none: cnn3 diverges once for good as a VAE, and a run of cnn2's ends of something else
    and one of cnn3's has no record.
    """
    shifts = trials[task]
    if len(shifts) == 2:
        if (arch, task, trial) == ("cnn3", "vae", 1):
            return DIVERGED
        if (arch, task, seed, trial) == ("cnn2", "classifier", 0, 1):
            return "out of memory"
        if (arch, task, seed, trial) == ("cnn3", "cvae", 3, 2):
            return None
    network = arch.split("+")[0] if task == "classifier" else arch
    noise = np.random.default_rng([list(shifts).index(network), list(trials).index(task), seed, trial])
    scale = 1 / 4000 if task == "classifier" else 1.0
    return tuple((shifts[arch][trial] + noise.normal(0, luck[task], 2)) * scale)


def undrawn() -> Any:
    """Leave the figures out, which take most of the time of a page, but for what the page says of them."""
    from reports.markup.blocks import Figure

    def write(self: Any, name: str, alt: str, *given: object) -> Figure:
        (self.folder / "figures").mkdir(exist_ok=True)
        (self.folder / "figures" / f"{name}.png").touch()
        return Figure(f"figures/{name}.png", alt)

    return patch("reports.figures.canvas.FigureWriter.write", write)
