"""Warn of numbers that can't be right; every page is checked, and says so at its top."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from bench.spec.conduct import Conduct
from bench.spec.metrics import IWAE, bound_images
from bench.statistics.robustness.collapse import NOTHING_LEARNED
from bench.store.record import Record
from reports.findings.experiment import Experiment
from reports.reading.once import once
from reports.wording.formatting import number, significant

IMPOSSIBLE_NLL = 78.0
"""Nats. NVAE, a very large network, reached 78.01 on dynamically binarised MNIST (Vahdat & Kautz 2020)."""
EVEN_ODDS = NOTHING_LEARNED["elbo"]
"""Nats: the ELBO of a model that gives every pixel even odds, with no KL; an untrained one is close to it."""
UNTRAINED_TOLERANCE = 0.25
"""Share of `EVEN_ODDS` that an untrained model may be off; one with a wrong scale is off tenfold."""
CONDUCT: Mapping[str, str] = {
    Conduct.SAME_START: (
        "its {} starts from the same weights at every seed that was compared, as when a builder calls "
        "torch.manual_seed, so its seeds differ in less than those of others"
    ),
    Conduct.UNREPEATABLE: (
        "it gives other outputs for the same images, weights and random numbers, so it keeps a state of its own or "
        "draws what no seed determines: its numbers may not be had again"
    ),
    Conduct.RANDOM_EVALUATION: (
        "it draws random numbers when it is evaluated, as F.dropout does without training=self.training, so each score "
        "is one draw"
    ),
    Conduct.NEVER_MOVED: (
        "its training never moved {}: no gradient reached it, as behind detach(), in a head that is not used or before "
        "units that are always 0"
    ),
    Conduct.NOT_RESTORED: (
        "loaded from its stored weights it gives other outputs, so a part of its state is neither a parameter nor a "
        "persistent buffer: bench.load_model returns another network"
    ),
    Conduct.NO_NEGATIVE_LOGIT: (
        "its decoder gives no logit below 0, so it draws no pixel darker than half grey, of all the images that it was "
        "tried on: its last layer should give logits, without nn.Sigmoid or nn.ReLU"
    ),
    Conduct.LOGITS_END_AT_ONE: (
        "its decoder's logits end at −1 and 1, so no pixel is surely black or white, of all the images that it was "
        "tried on: its last layer should give logits, without nn.Tanh"
    ),
}
"""What a record remarks → the warning, in which {} stands for the remark's detail."""
SURE = 4
"""Standard errors by which a number of some images, or of one sample, must be off before it is called wrong."""
ROUNDING = 1e-6
"""Nats: sums of weights are rounded."""


@once
def sanity_warnings(experiment: Experiment) -> list[str]:
    """Return the warnings as plain sentences without a full stop, the gravest first."""
    runs = experiment.runs[experiment.runs["status"] == "finished"]
    return [
        *_impossible(experiment, runs),
        *_bounds(experiment, runs),
        *_untrained(runs),
        *_worse_than_even_odds(experiment, runs),
        *_conduct(experiment.records),
    ]


def _impossible(experiment: Experiment, runs: pd.DataFrame) -> Iterator[str]:
    """Yield the runs whose likelihood is better than NVAE's, by more than the choice of test images explains."""
    if experiment.likelihood != "dynamic" or experiment.dataset != "mnist":
        return
    names = [name for name in map(str, runs) if name == "elbo_marginal" or bound_of(name) in ("", "elbo")]
    records = {record.run_id: record for record in experiment.finished}
    for task, description in experiment.declared.tasks.items():
        if description.bounds is None:
            continue
        offset = description.naming_cost
        own = runs.loc[runs["task"] == task, ["arch", "seed", "run_id", "elbo", *names]]
        for row in own.to_dict("records"):
            # less the cost of naming y, a bound on log p(x|y) is one on log p(x, y); the marginal bound is on log p(x)
            bounds = {"elbo": row["elbo"] - offset}
            bounds |= {name: row[name] - (offset if IWAE.fullmatch(name) else 0) for name in names}
            known = {name: value for name, value in bounds.items() if math.isfinite(value)}
            if not known or max(known.values()) <= -IMPOSSIBLE_NLL:
                continue  # what follows reads a file
            sure = {name: value - SURE * error_of(records[row["run_id"]], name) for name, value in known.items()}
            best = max((name for name in sure if sure[name] > -IMPOSSIBLE_NLL), key=known.__getitem__, default=None)
            if best is not None:
                yield (
                    f"{row['arch']} {task} seed {row['seed']}: a negative log-likelihood of "
                    f"{number(-known[best], 1)} nats is below {IMPOSSIBLE_NLL:.0f}, about where NVAE stands on "
                    "binarised MNIST: expect a bug or a wrong protocol"
                )


def bound_of(name: str) -> str | None:
    """Return what an importance-weighted column holds: "" for the bound itself, else the word in its name."""
    found = IWAE.fullmatch(name)
    return None if found is None else found[1] or ""


def error_of(record: Record, name: str) -> float:
    """Return the standard error, over the choice of test images, of a bound that was computed on some of them.

    0 for what was computed on all; infinite if the values per image are not there.
    """
    found = IWAE.fullmatch(name)
    if not found:
        return 0.0
    arrays = record.arrays("test_elbo", f"test_{name}")
    if int(found[3]) == len(arrays.get("test_elbo", ())):
        return 0.0
    return standard_error(arrays[f"test_{name}"]) if f"test_{name}" in arrays else math.inf


def standard_error(values: np.ndarray) -> float:
    """Return that of the mean of values [N]; infinite for fewer than two."""
    return float(values.std(ddof=1, dtype="float64")) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def _bounds(experiment: Experiment, runs: pd.DataFrame) -> Iterator[str]:
    """Yield the runs whose importance-weighted bound is below their ELBO, which it can't be.

    By Jensen's inequality the bound of some samples is at least their ELBO, for every image. Older records hold the
    difference from the ELBO of another sample, which may be negative by luck.
    """
    records = {record.run_id: record for record in experiment.finished}
    for name in filter(lambda name: bound_of(name) in ("gain", "gap"), map(str, runs)):
        for row in runs[runs[name] < -ROUNDING].to_dict("records"):
            below = f"{row['arch']} {row['task']} seed {row['seed']}: its importance-weighted bound lies "
            if bound_of(name) == "gain":
                yield f"{below}{significant(-row[name])} nats below the ELBO of the same samples, which can't be"
            elif -row[name] > SURE * (error := luck(records[row["run_id"]], name)):
                yield (
                    f"{below}{number(-row[name], 2)} nats below its ELBO of one sample per image, more than {SURE} "
                    f"times the standard error of {significant(error, 2)}"
                )


def luck(record: Record, name: str) -> float:
    """Return the standard error of an old record's IWAE − ELBO; infinite if the values per image are not there.

    The spread of the differences over the images takes in that of their true gaps, so it is no less than the luck's.
    """
    bound = f"test_{name.replace('gap_', '')}"
    arrays = record.arrays("test_elbo", bound)
    if not {"test_elbo", bound} <= arrays.keys():
        return math.inf
    iwae, elbo = arrays[bound].astype(float), arrays["test_elbo"].astype(float)
    return standard_error(iwae - elbo[bound_images(len(iwae), len(elbo))])


def _untrained(runs: pd.DataFrame) -> Iterator[str]:
    """Yield the architectures whose ELBO before training is far from that of even odds."""
    if "untrained_elbo" not in runs:
        return
    off = (runs["untrained_elbo"] - EVEN_ODDS).abs() > UNTRAINED_TOLERANCE * abs(EVEN_ODDS)
    for row in runs[off].drop_duplicates(["arch", "task"]).to_dict("records"):
        yield (
            f"{row['arch']} {row['task']}: before training its ELBO is {number(row['untrained_elbo'], 0)} nats (seed "
            f"{row['seed']}), more than {UNTRAINED_TOLERANCE:.0%} off the {number(EVEN_ODDS, 0)} of even odds: look at "
            "its scale or initialisation"
        )


def _worse_than_even_odds(experiment: Experiment, runs: pd.DataFrame) -> Iterator[str]:
    """Yield the runs that are worse after their training than a model that knows nothing."""
    for task, description in experiment.declared.tasks.items():
        if description.bounds is None or "elbo" not in runs:
            continue
        own = runs[runs["task"] == task]
        for arch, group in own[own["elbo"] < EVEN_ODDS].groupby("arch", sort=False):
            runs_of_it, worst = (own["arch"] == arch).sum(), number(group["elbo"].min(), 0)
            yield (
                f"{arch} {task}: after training its ELBO is below the {number(EVEN_ODDS, 0)} nats of even odds for "
                f"every pixel in {len(group)} of its {runs_of_it} finished runs ({worst} at worst): a model that never "
                "looks at an image does better"
            )


def _conduct(records: Iterable[Record]) -> Iterator[str]:
    """Yield what the records remark, once for each architecture."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for record in records:
        conduct = record.environment.get("conduct") or {}
        for kind, detail in conduct.items():
            # what no two calls agree on says nothing about its stored weights
            if kind in CONDUCT and not (kind == Conduct.NOT_RESTORED and Conduct.UNREPEATABLE in conduct):
                tasks = seen.setdefault((str(record.spec["arch"]), kind), {})
                tasks.setdefault(str(record.spec["task"]), detail)
    for (arch, kind), tasks in seen.items():
        yield f"{arch} {' and '.join(tasks)}: {CONDUCT[kind].format(next(iter(tasks.values())))}"
