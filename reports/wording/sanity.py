"""Numbers that can't be right, or are right and mean something bad: checked on every page, said at its top."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from bench.spec.metrics import IWAE
from reports.findings.experiment import Experiment
from reports.wording.words import listed, number

IMPOSSIBLE_NLL = 78.0  # nats: NVAE's 78.01 (2020) is about the best published on dynamically binarised MNIST
EVEN_ODDS = -784 * math.log(2)
UNTRAINED_SHARE = 0.25  # an untrained model's pixels are near even odds, and its KL small; a wrong scale is off by 10×
MONTE_CARLO = 0.05  # nats that an ELBO of one sample per image may lie above a bound over 10,000 images by luck


def warnings(experiment: Experiment) -> list[str]:
    """Plain sentences, the gravest first; empty when there is nothing to say."""
    runs = experiment.runs[experiment.runs["status"] == "finished"]
    return [*_impossible(experiment, runs), *_bounds(runs), *_untrained(runs)]


def _impossible(experiment: Experiment, runs: pd.DataFrame) -> Iterator[str]:
    if experiment.likelihood != "dynamic" or experiment.dataset != "mnist":
        return
    columns = [name for name in runs if name in ("elbo_joint", "elbo_marginal") or IWAE.fullmatch(str(name))]
    for task, about in experiment.declared.tasks.items():
        own, offset = runs[runs["task"] == task], about.naming_cost
        if about.bounds is None:
            continue
        for row in own.to_dict("records"):
            # of log p(x|y) the cost of naming y is taken off; the other two bound log p(x) as they are
            bounds = {"elbo": row["elbo"] - offset} | {
                name: row[name] - (offset if IWAE.fullmatch(name) else 0)
                for name in columns
                if not name.startswith("iwae_gap")
            }
            best = max((value for value in bounds.values() if math.isfinite(value)), default=-math.inf)
            if -best < IMPOSSIBLE_NLL:
                yield (
                    f"{row['arch']} {task} seed {row['seed']}: a negative log-likelihood of {number(-best, 1)} nats is below "
                    f"{IMPOSSIBLE_NLL:.0f}, better than anything published for binarised MNIST: a bug or a wrong protocol"
                )


def _bounds(runs: pd.DataFrame) -> Iterator[str]:
    for name in runs:
        if str(name).startswith("iwae_gap"):
            for row in runs[runs[name] < -MONTE_CARLO].to_dict("records"):
                yield (
                    f"{row['arch']} {row['task']} seed {row['seed']}: its importance-weighted bound lies {number(-row[name], 2)} nats "
                    "below its ELBO, which can't be"
                )


def _untrained(runs: pd.DataFrame) -> Iterator[str]:
    if "untrained_elbo" not in runs:
        return
    off = (runs["untrained_elbo"] - EVEN_ODDS).abs() > UNTRAINED_SHARE * abs(EVEN_ODDS)
    for row in runs[off].drop_duplicates(["arch", "task"]).to_dict("records"):
        yield (
            f"{row['arch']} {row['task']}: before training its ELBO is {number(row['untrained_elbo'], 0)} nats, far from the "
            f"{number(EVEN_ODDS, 0)} of even odds: look at its scale or initialisation"
        )


def collapse(experiment: Experiment) -> list[str]:
    """A sentence per task for architectures whose posterior collapsed, wholly or in most dimensions."""
    sentences = []
    for task, ranking in experiment.rankings.items():
        cells = experiment.summary[
            (experiment.summary["task"] == task) & (experiment.summary["metric"] == "active_units")
        ]
        means = dict(zip(cells["arch"], cells["mean"], strict=True))
        size = experiment.runs.loc[experiment.runs["task"] == task, "latent_dim"].max()
        whole = [arch for arch in ranking.order if means.get(arch, math.nan) < 0.5]
        most = [arch for arch in ranking.order if 0.5 <= means.get(arch, math.nan) < size / 2]
        if whole:
            sentences.append(
                f"Posterior collapse ({experiment.label(task)}): {listed(whole)} {'uses' if len(whole) == 1 else 'use'} "
                "no latent dimension; the decoder draws the same image whatever z is."
            )
        if most:
            named = [f"{arch} ({number(means[arch], 1)} of {size:.0f})" for arch in most]
            sentences.append(
                f"Partial posterior collapse ({experiment.label(task)}): fewer than half of the latent dimensions "
                f"are active in {listed(named)}."
            )
    return sentences
