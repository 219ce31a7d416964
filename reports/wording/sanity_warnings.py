"""Warn of numbers that can't be right; every page is checked, and says so at its top."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from bench.spec.conduct import Conduct
from bench.spec.metrics import IWAE
from bench.store.record import Record
from reports.findings.experiment import Experiment
from reports.wording.formatting import number

IMPOSSIBLE_NLL = 78.0
"""Nats. NVAE's 78.01 (Vahdat & Kautz 2020) is about the best published on dynamically binarised MNIST."""
EVEN_ODDS = -784 * math.log(2)
"""Nats: the ELBO of a model that gives every pixel even odds, with no KL; an untrained one is close to it."""
UNTRAINED_TOLERANCE = 0.25
"""Share of `EVEN_ODDS` that an untrained model may be off; one with a wrong scale is off tenfold."""
CONDUCT: Mapping[str, str] = {
    Conduct.SAME_START: (
        "its {} starts from the same weights at every seed, as when a builder calls torch.manual_seed, so its seeds "
        "differ in less than those of others"
    ),
    Conduct.UNREPEATABLE: (
        "it gives other outputs for the same images, weights and random numbers, so it keeps a state of its own: its "
        "numbers can't be had again"
    ),
    Conduct.RANDOM_EVALUATION: (
        "it draws random numbers when it is evaluated, as F.dropout does without training=self.training, so each score "
        "is one draw"
    ),
    Conduct.NEVER_MOVED: (
        "its training never moved {}: no gradient reaches what lies behind detach() or in a head that is not used"
    ),
    Conduct.NOT_RESTORED: (
        "loaded from its stored weights it gives other outputs, so a part of its state is neither a parameter nor a "
        "persistent buffer: bench.load_model returns another network"
    ),
    Conduct.NO_NEGATIVE_LOGIT: (
        "its decoder gives no logit below 0, so it draws no pixel darker than half grey: its last layer should give "
        "logits, without nn.Sigmoid or nn.ReLU"
    ),
    Conduct.LOGITS_END_AT_ONE: (
        "its decoder's logits end at −1 and 1, so no pixel is surely black or white: its last layer should give "
        "logits, without nn.Tanh"
    ),
}
"""What a record remarks → the warning, in which {} stands for the remark's detail."""
MONTE_CARLO = 0.05
"""Nats that an ELBO of one sample per image may lie above a tighter bound by luck, over 10,000 images."""


def sanity_warnings(experiment: Experiment) -> list[str]:
    """Return the warnings as plain sentences without a full stop, the gravest first."""
    runs = experiment.runs[experiment.runs["status"] == "finished"]
    return [
        *_impossible(experiment, runs),
        *_bounds(runs),
        *_untrained(runs),
        *_worse_than_even_odds(experiment, runs),
        *_conduct(experiment.records),
    ]


def _impossible(experiment: Experiment, runs: pd.DataFrame) -> Iterator[str]:
    """Yield the runs whose likelihood is better than any that was published."""
    if experiment.likelihood != "dynamic" or experiment.dataset != "mnist":
        return
    columns = [name for name in runs if name in ("elbo_joint", "elbo_marginal") or IWAE.fullmatch(str(name))]
    for task, description in experiment.declared.tasks.items():
        own, offset = runs[runs["task"] == task], description.naming_cost
        if description.bounds is None:
            continue
        for row in own.to_dict("records"):
            # less the cost of naming y, a bound on log p(x|y) is one on log p(x, y); the others stay as they are
            bounds = {"elbo": row["elbo"] - offset} | {
                name: row[name] - (offset if IWAE.fullmatch(name) else 0)
                for name in columns
                if not name.startswith("iwae_gap")
            }
            best = max((value for value in bounds.values() if math.isfinite(value)), default=-math.inf)
            if -best < IMPOSSIBLE_NLL:
                yield (
                    f"{row['arch']} {task} seed {row['seed']}: a negative log-likelihood of {number(-best, 1)} nats "
                    f"is below {IMPOSSIBLE_NLL:.0f}, better than anything published for binarised MNIST: "
                    "a bug or a wrong protocol"
                )


def _bounds(runs: pd.DataFrame) -> Iterator[str]:
    """Yield the runs whose importance-weighted bound is below their ELBO, which it can't be."""
    for name in runs:
        if str(name).startswith("iwae_gap"):
            for row in runs[runs[name] < -MONTE_CARLO].to_dict("records"):
                yield (
                    f"{row['arch']} {row['task']} seed {row['seed']}: its importance-weighted bound lies "
                    f"{number(-row[name], 2)} nats below its ELBO, which can't be"
                )


def _untrained(runs: pd.DataFrame) -> Iterator[str]:
    """Yield the architectures whose ELBO before training is far from that of even odds."""
    if "untrained_elbo" not in runs:
        return
    off = (runs["untrained_elbo"] - EVEN_ODDS).abs() > UNTRAINED_TOLERANCE * abs(EVEN_ODDS)
    for row in runs[off].drop_duplicates(["arch", "task"]).to_dict("records"):
        yield (
            f"{row['arch']} {row['task']}: before training its ELBO is {number(row['untrained_elbo'], 0)} nats, "
            f"far from the {number(EVEN_ODDS, 0)} of even odds: look at its scale or initialisation"
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
                f"every pixel in {len(group)} of its {runs_of_it} runs ({worst} at worst): it has learnt nothing of use"
            )


def _conduct(records: Iterable[Record]) -> Iterator[str]:
    """Yield what the records remark, once for each architecture."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for record in records:
        for kind, detail in (record.environment.get("conduct") or {}).items():
            if kind in CONDUCT:
                tasks = seen.setdefault((str(record.spec["arch"]), kind), {})
                tasks.setdefault(str(record.spec["task"]), detail)
    for (arch, kind), tasks in seen.items():
        yield f"{arch} {' and '.join(tasks)}: {CONDUCT[kind].format(next(iter(tasks.values())))}"
