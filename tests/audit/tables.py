"""Holds every cell of every table to what it should be. A table is known by the heading that it stands under."""

from __future__ import annotations

import re
from functools import cache
from itertools import zip_longest

from tests.audit.facts import Facts, Wrong
from tests.audit.page import Maker, Rows, Where, cells
from tests.audit.tables_of_counts import COUNTS, LAYERS, PUBLISHED
from tests.audit.tables_of_labels import LABELS
from tests.audit.tables_of_races import LEFT_OUT, RACES
from tests.audit.tables_of_results import RESULTS, SETTLED
from tests.audit.tables_of_seeds import MEDIANS, SEEDS, STANDING_OUT

TABLES = {**RESULTS, **COUNTS, **LABELS, **SEEDS, **RACES}
BY_COLUMN = {"layer": LAYERS, "without them": STANDING_OUT, "median difference": MEDIANS}
"""Column that only one kind of table has → that kind, of those that share their heading with others."""


def audit_table(facts: Facts, text: str, where: Where) -> list[str]:
    """Return what is wrong with a table, cell by cell."""
    printed = [[re.sub(r"\\([|_*&])", r"\1", cell) for cell in row] for row in cells(text)]
    kind = PUBLISHED if printed[0][0].startswith("published") else where.section
    kind = next((kind for column, kind in BY_COLUMN.items() if column in printed[0]), kind)
    kind = SETTLED if SETTLED in printed[0] else kind
    kind = LEFT_OUT if printed[0][-1] == LEFT_OUT else kind
    make = TABLES.get(kind)
    if make is None:
        return ["no table of this section is audited"]
    try:
        expected = _expected(make, facts, where.section, where.task)
    except (Wrong, LookupError, ValueError) as error:
        return [f"{type(error).__name__}: {error}"]
    problems = []
    for own, other in zip_longest(printed, expected, fillvalue=[]):
        problems += [f"printed {a!r}, expected {b!r}" for a, b in zip_longest(own, other) if a != b]
    return problems


@cache
def _expected(make: Maker, facts: Facts, section: str, task: str) -> Rows:
    return make(facts, Where(section, task))
