"""The tables beside the verdicts on means: seeds that stand out, medians and seeds won."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.audit.computing.robustness import differences, median_interval, without
from tests.audit.computing.verdicts import versus
from tests.audit.facts import TASKS, Facts
from tests.audit.page import Maker, Rows, Where
from tests.audit.shown import NONE, gap, signed
from tests.audit.tables_of_results import difference

MOST_SEEDS = 6


def standing_out(facts: Facts, where: Where) -> Rows:
    rows = [["task", "architecture", "stands out, by how much from the median", "all seeds", "without them"]]
    for task in facts.tasks:
        own = TASKS[task]
        for arch, row in without(facts, task).items():
            d = differences(facts, task, arch)
            far = {
                seed: f"{signed(d[seed] - np.median(d), own.digits)} {own.unit_of_difference}" for seed in row.reasons
            }
            texts = [f"seed {seed} ({', '.join(row.reasons[seed])}): {far[seed]}" for seed in sorted(row.reasons)]
            texts = [*texts[:MOST_SEEDS], *[f"{len(texts) - MOST_SEEDS} more"] * (len(texts) > MOST_SEEDS)]
            new = row.judged
            rest = f"{gap(new.differences.mean, new.low, new.high, own.digits)} {new.mark}"
            rows.append([own.label, arch, "; ".join(texts), difference(facts, task, arch), rest])
    return rows


def medians(facts: Facts, where: Where) -> Rows:
    rows = [["task", "architecture", "mean difference", "median difference", "seeds won", "skewness"]]
    for task in facts.tasks:
        for arch in versus(facts, task):
            d, digits = differences(facts, task, arch), TASKS[task].digits
            if len(d) < 2:
                continue
            ties = f", {(d == 0).sum()} tied" if (d == 0).any() else ""
            has_skew = len(d) > 2 and np.ptp(d) > 1e-12 * d.abs().max()
            rows.append([TASKS[task].label, arch, signed(d.mean(), digits),
                         gap(float(np.median(d)), *median_interval(d), digits), f"{(d > 0).sum()} of {len(d)}{ties}",
                         signed(float(stats.skew(d)), 2) if has_skew else NONE])  # fmt: skip
    return rows


STANDING_OUT, MEDIANS = "seeds that stand out", "medians"
SEEDS: dict[str, Maker] = {STANDING_OUT: standing_out, MEDIANS: medians}
