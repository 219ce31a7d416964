"""Whether the training was long enough, from the curves in the records."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from tests.audit.computing.verdicts import rivals
from tests.audit.facts import TASKS, Facts


class Late(NamedTuple):
    """What an architecture gained at the end, in shown units."""

    gain: float
    spread: float
    epochs: int
    is_improving: bool


@cache
def late(facts: Facts, task: str) -> dict[str, Late]:
    """Return architecture, best first → its gain over the last fifth of the epochs; of three epochs or more."""
    own, found = TASKS[task], {}
    for arch in facts.ranked(task):
        curves = [[row[f"val_{own.metric}"] for row in rows] for rows in facts.histories(task, arch).values()]
        values = np.array(curves)  # scaled at the end, as on the page: shares of so few images round to ties
        epochs = max(1, round(values.shape[1] / 5))
        if values.shape[1] >= 3 and len(values) > 1:
            gain = float((values[:, -1] - values[:, -1 - epochs]).mean()) * own.scale
            spread = float(values[:, -1].std(ddof=1)) * own.scale
            found[arch] = Late(gain, spread, epochs, gain > max(spread, own.margin))
    return found


def concerned_and_improving(facts: Facts, task: str) -> list[str]:
    """Return those that the verdicts are about, as far as they were still improving."""
    concerned = {*facts.ranked(task)[:2], *rivals(facts, task), facts.baseline}
    return [arch for arch, row in late(facts, task).items() if row.is_improving and arch in concerned]
