"""What the tables on races should hold, computed from the records."""

from __future__ import annotations

import numpy as np

from tests.audit.computing.grids import OF_RACE
from tests.audit.computing.racing import entry, in_order, of, race, runs, values
from tests.audit.facts import TASKS, Facts
from tests.audit.page import Maker, Rows, Where
from tests.audit.shown import NONE, mean_sd
from tests.audit.tables_of_results import causes

LEFT_OUT = "reason"


def candidates(facts: Facts, where: Where) -> Rows:
    """Return a row per architecture that raced: its size, seeds and mean, and what became of it."""
    task, own, table = TASKS[entry(facts)["task"]], race(facts), runs(facts)
    head = f"validation {task.name_of_metric} ↑ ({task.unit}) in the race"
    rows = [["candidate", "parameters", "seeds", head, "what became of it"]]
    for arch in in_order(facts):
        found, seeds = of(facts, arch), len(values(facts)[arch])
        spread = float(np.std(found, ddof=1)) if len(found) > 1 else np.nan
        size = table.loc[table["arch"] == arch, "params"].dropna()
        at, by = own.out.get(arch, (0, None))
        became = f"out at {at} seeds, by {by}" if by else "out, no run finished" if at else "left, open"
        if not at and own.winner is not None and arch not in own.open:
            ahead = "ahead" if own.ended == "stopped" else "won"
            became = ahead if arch == own.winner else "left"
        rows.append([arch, f"{size.iloc[0]:,.0f}" if len(size) else NONE,
                     str(seeds) if len(found) == seeds else f"{len(found)} of {seeds}",
                     mean_sd(float(np.mean(found)), spread, task.digits) if found else NONE, became])  # fmt: skip
    return rows


def left_out(facts: Facts, where: Where) -> Rows:
    """Return what was over a limit of size."""
    return [["architecture", "reason"], *([one["arch"], one["reason"]] for one in facts.manifest["left_out"])]


RACES: dict[str, Maker] = {"The race": candidates, OF_RACE: causes, LEFT_OUT: left_out}
"""Heading, or the last column of a table → its rows, the header first."""
