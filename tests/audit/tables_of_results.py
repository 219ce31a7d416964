"""The tables of results: values with their spread, differences with their verdicts, effects, pairs, speeds."""

from __future__ import annotations

import math

import numpy as np

from tests.audit.computing import matching, networks, sequential
from tests.audit.computing.effects import effects
from tests.audit.computing.grids import OF_RACE
from tests.audit.computing.own_statistics import ALPHA, sample, sd
from tests.audit.computing.speeds import disturbed, ratios
from tests.audit.computing.tuning import Tuned, counts, of_tuned, rates, tuned
from tests.audit.computing.verdicts import best, distinct, matched_pairs, same_networks, versus
from tests.audit.facts import TASKS, Facts
from tests.audit.page import Maker, Rows, Where
from tests.audit.shown import NONE, gap, mean_sd, number, percent, ratio, significant


def dagger(facts: Facts) -> str:
    return " †" if disturbed(facts) else ""


def value_header(task: str) -> str:
    own = TASKS[task]
    return f"{own.prefix}{own.name_of_metric} ↑ ({own.unit})"


def shares(total: float, conv: float) -> str:
    return f"{percent(conv / total)[:-2]} / {percent(1 - conv / total)}"


def difference(facts: Facts, task: str, arch: str) -> str:
    """Return the cell of a difference from the baseline."""
    if arch in same_networks(facts, task):
        return f"= {same_networks(facts, task)[arch]}"
    if arch == facts.baseline:
        return NONE
    row = versus(facts, task)[arch]
    return f"{gap(row.differences.mean, row.low, row.high, TASKS[task].digits)} {row.mark}"


def comparison(facts: Facts, where: Where) -> Rows:
    """Return the table at the top."""
    header, columns = ["architecture", "params", "conv / FC"], []
    sizes = {arch: networks.totals(arch, facts.own_task) for arch in facts.order}
    columns += [{arch: number(sizes[arch][0], 0) for arch in facts.order}]
    columns += [{arch: shares(sizes[arch][0], sizes[arch][1]) for arch in facts.order}]
    for task in facts.head:
        own, values, winner = TASKS[task], facts.values(task), best(facts, task)
        header += [value_header(task), f"{own.prefix}{own.name_of_metric} vs {facts.baseline}"]
        column = {}
        for arch in facts.order:
            text = mean_sd(values[arch].mean(), sd(values[arch].dropna().to_numpy()), own.digits)
            if task == "cvae":
                text += f" / {number(values[arch].mean() - math.log(10), 1)}"
            text += facts.mark(task, arch, counts(facts)[-1])
            is_best = winner and same_networks(facts, task).get(arch, arch) == winner
            column[arch] = f"**{text}**" if is_best else text
        if task == "cvae":
            header[-2] = header[-2].replace(" ↑", " ↑ / − ln 10")
        columns += [column, {arch: difference(facts, task, arch) for arch in facts.order}]
        if own_tuned := tuned(facts):
            header.append(f"{value_header(task)}, tuned")
            columns.append(tuned_column(facts, own_tuned, task))
    header.append("train ↑ (images/s)")
    speeds, against = facts.values(facts.own_task, "train_images_per_s").mean(), ratios(facts, facts.own_task)
    texts = {arch: significant(speeds[arch]) for arch in facts.order}
    for arch, row in against.items():
        texts[arch] += f" ({ratio(row.value)}{'' if row.resolved else ' ?'})"
    columns.append({arch: f"{text}{dagger(facts)}" for arch, text in texts.items()})
    return [header, *([arch, *(column[arch] for column in columns)] for arch in facts.order)]


def tuned_column(facts: Facts, own: Tuned, task: str) -> dict[str, str]:
    """Return the cells of a task's tuned runs: values with their verdicts."""
    values, winner, column = own.values(task), best(own, task), {}
    for arch in facts.order:
        text = mean_sd(values[arch].mean(), sd(values[arch].dropna().to_numpy()), TASKS[task].digits)
        text += own.mark(task, arch, counts(facts)[-1])
        if arch != facts.baseline:
            text += " =" if arch in same_networks(own, task) else f" {versus(own, task)[arch].mark}"
        is_best = winner and same_networks(own, task).get(arch, arch) == winner
        column[arch] = f"**{text}**" if is_best else text
    return column


def tuning(facts: Facts, where: Where) -> Rows:
    """Return the table of a task's runs with the common recipe, tuned, and what tuning was worth."""
    task, own, digits = where.task, of_tuned(facts), TASKS[where.task].digits
    value = value_header(task)
    rows = [["architecture", f"{value}, common", f"{value}, tuned", "tuned − common", f"tuned vs {facts.baseline}",
             "chosen peak learning rate"]]  # fmt: skip
    for arch in facts.order:
        texts = []
        for one in (facts, own):
            values = one.values(task)[arch].dropna().to_numpy()
            numbers = f" ({len(values)})" if len(counts(facts)) > 1 else ""
            texts.append(mean_sd(values.mean(), sd(values), digits) + numbers)
        gain = (own.values(task)[arch] - facts.values(task)[arch]).dropna().to_numpy()
        size = float(np.abs([one.values(task)[arch].abs().max() for one in (facts, own)]).max())
        worth = sample(gain, size)
        ends_of_gain = sequential.interval(gain, size, ALPHA) if facts.anytime else worth.interval()
        texts += [gap(worth.mean, *ends_of_gain, digits), difference(own, task, arch)]
        ends = list(dict.fromkeys(significant(rates(facts, task, arch)[i], 2) for i in (0, -1)))
        rows.append([arch, *texts, " to ".join(ends)])
    return rows


PARTS = {
    "elbo": ("ELBO ↑ (nats)", 1, "evidence lower bound: mean over the test images, with one latent sample each"),
    "reconstruction": ("reconstruction ↓ (nats)", 1, "negative expected log-likelihood of the pixels, "
                       "with the same one latent sample each"),
    "kl": ("KL (nats)", 1, "mean divergence of an image's posterior from the prior: "
           "no less than what the code says about the image"),
    "bits_per_dim": ("bits/dim ↓ (bits)", 4, "−ELBO per pixel, in bits"),
    "active_units": ("active units (of 20)", 1, "latent dimensions whose posterior mean has a variance "
                     "over the test set above 0.01"),
    "kl_units": ("active units by KL (of 20)", 1, "latent dimensions whose KL from the prior, "
                 "as the mean over the test set, is above 0.05 nats"),
    "sample_spread": ("spread of samples", 3, "standard deviation of a pixel's probability p(x = 1 | z) over 200 z of "
                      "the prior, as the mean over pixels, and over labels where it is given one"),
    "aggregate_kl": ("aggregate KL ↓ (nats)", 2, "divergence from the prior of the Gaussian with the aggregate "
                     "posterior's mean and covariance: a lower bound on that of the aggregate posterior itself"),
}  # fmt: skip


def behind(facts: Facts, where: Where) -> Rows:
    """Return the table of what makes up the ELBO, of up to four architectures side by side."""
    task = where.task
    archs, rows = [arch for arch in facts.order if arch in facts.means(task)], []
    others = [arch for arch in archs if arch != facts.baseline] if len(archs) == 2 else []
    for metric, (label, digits, meaning) in PARTS.items():
        values = facts.values(task, metric)
        if metric == "bits_per_dim":
            values = -facts.values(task, "elbo") / (784 * math.log(2))
        if metric == "elbo" and task != "vae":
            label = "ELBO of log p(x|y) ↑ (nats)"
        spreads = {arch: sd(values[arch].dropna().to_numpy()) for arch in archs}
        asked = facts.manifest["seeds"]
        texts = [mean_sd(values[a].mean(), spreads[a], digits) + facts.mark(task, a, asked) for a in archs]
        for arch in others:
            d, size = (values[arch] - values[facts.baseline]).to_numpy(), float(values.abs().max().max())
            own = sample(d, size)
            ends = sequential.interval(d, size, ALPHA) if facts.anytime else own.interval()
            texts.append(gap(own.mean, *ends, digits))
        rows.append([label, *texts, meaning])
    return [["", *archs, *(f"{arch} − {facts.baseline}" for arch in others), "what it is"], *rows]


def causes(facts: Facts, where: Where) -> Rows:
    rows = [["task", "effect", "size", "p (Holm)", "cells", "verdict"]]
    is_of_race = where.section == OF_RACE
    for task in [facts.manifest["race"]["task"]] if is_of_race else facts.tasks:
        if task == "classifier" and not is_of_race:
            continue
        for one in effects(facts, task, where.section):
            p = "< 0.001" if one.p_holm < 0.001 else number(one.p_holm, 3)
            size = f"{gap(one.sample.mean, *one.ends, one.digits)} {one.unit}"
            rows.append([TASKS[task].label, one.row, size, p, str(one.cells), one.verdict])
    return rows


def matched(facts: Facts, where: Where) -> Rows:
    rows = [["task", "more convolution", "conv", "less convolution", "conv", "size ratio", "difference", ""]]
    for task in facts.tasks:
        if len(distinct(facts, task)) < 2:
            continue
        for more, less, row in matched_pairs(facts, task):
            (size, conv, *_), (other, other_conv, *_) = networks.totals(more, task), networks.totals(less, task)
            text = gap(row.differences.mean, row.low, row.high, TASKS[task].digits)
            texts = [TASKS[task].label, more, percent(conv / size), less, percent(other_conv / other)]
            rows.append([*texts, ratio(size / other), text, row.mark])
    return rows


def speed(facts: Facts, where: Where) -> Rows:
    rows = [["architecture", *(f"{TASKS[task].label} (images/s)" for task in facts.tasks)]]
    for arch in facts.order:
        texts = []
        for task in facts.tasks:
            speeds, row = facts.values(task, "train_images_per_s"), ratios(facts, task).get(arch)
            if arch not in speeds:
                texts.append(NONE)
                continue
            text = significant(speeds[arch].mean())
            if row is not None:
                text += f" ({ratio(row.value)} [{row.low:.2f}, {row.high:.2f}])"
            texts.append(text + dagger(facts))
        rows.append([arch, *texts])
    return rows


def equal_compute(facts: Facts, where: Where) -> Rows:
    """Return what each architecture got on each task, and what a run took."""
    rows = [["architecture", "task", "a step", "× baseline", "steps", "epochs", "a run", "in training"]]
    by = matching.match(facts)["by"]
    for task in facts.tasks:
        for arch in facts.order:
            own = matching.share(facts, task, arch)
            passes = f"{own.epochs:,.0f}" if own.epochs == int(own.epochs) else significant(own.epochs)
            step = matching.amount(own.cost, by) + (" †" if own.disturbed else "")
            took = matching.amount(float(facts.of(task, arch)["train_seconds"].mean()), "time")
            rows.append([arch, TASKS[task].label, step, ratio(own.ratio), f"{own.steps:,}", passes,
                         matching.amount(own.total, by), took])  # fmt: skip
    return rows


def settled(facts: Facts, where: Where) -> Rows:
    """Return at how many seeds each comparison was settled, or would be."""
    rows = [["task", "architecture", "paired seeds", "difference", "settled at", "would settle at"]]
    for task in facts.tasks:
        for arch in (arch for arch in distinct(facts, task) if arch != facts.baseline):
            row = versus(facts, task)[arch]
            at, would = str(row.settled_at or NONE), NONE
            if row.verdict == "unresolved":
                n = sequential.would_settle(row.differences, TASKS[task].margin, ALPHA / row.family)
                would = "above 10,000" if n is None else f"about {n:,}"
            texts = [str(row.differences.n), difference(facts, task, arch), at, would]
            rows.append([TASKS[task].label, arch, *texts])
    return rows


SETTLED = "settled at"
RESULTS: dict[str, Maker] = {
    SETTLED: settled,
    "": comparison,
    "Equal compute": equal_compute,
    "When each is tuned": tuning,
    "Behind the ELBO": behind,
    "What caused the difference": causes,
    "Are parameters the reason?": matched,
    "Training speed": speed,
}
"""Heading → the rows of the table under it, the header first."""
