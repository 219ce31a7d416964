"""The table of test errors with few labels: by method, and less those of the labelled images alone."""

from __future__ import annotations

from tests.audit.computing.few_labels import PUBLISHED, Cell, Errors, Worth, cells, methods, repeated, verdicts, worth
from tests.audit.computing.own_statistics import sd
from tests.audit.facts import Facts
from tests.audit.page import Maker, Rows, Where
from tests.audit.shown import NONE, gap, mean_sd


def errors(facts: Facts, where: Where) -> Rows:
    """Return a row per number of labels and architecture, and one of what was published."""
    compared = worth(facts)
    rows = [["labels", "architecture", *(f"{label} ↓ (%)" for label in methods(facts))]]
    rows[0] += [f"{one} − {other} (points)" for one, other in compared]
    for labels in sorted({cell.labels for cell in cells(facts)}):
        for cell in (cell for cell in cells(facts) if cell.labels == labels):
            texts = [error(facts, label, method, cell) for label, method in methods(facts).items()]
            texts += [difference(facts, own.get(cell)) for own in compared.values()]
            rows.append([f"{labels:,}", cell.arch, *texts])
        texts = [PUBLISHED.get(label, {}).get(labels, NONE) for label in methods(facts)]
        if facts.only("dataset") == "mnist" and set(texts) != {NONE}:
            rows.append([f"{labels:,}", "published", *texts, *[NONE] * len(compared)])
    return rows


def error(facts: Facts, label: str, method: Errors, cell: Cell) -> str:
    values, n = method.finished(cell), len(method.by_seed.get(cell, {}))
    if not len(values):
        return f"failed ({n} of {n})" if n else NONE
    judged = verdicts(facts).get((label, cell))
    mark = f" {judged.mark}" if judged else ""
    if label == "Reader alone" and cell in repeated(facts):
        mark = f" = {repeated(facts)[cell]}"
    return mean_sd(values.mean(), sd(values), 2) + mark + fewer(facts, len(values), n - len(values))


def difference(facts: Facts, row: Worth | None) -> str:
    return gap(row.mean, row.low, row.high, 2) + fewer(facts, row.n, 0) if row else NONE


def fewer(facts: Facts, n: int, failed: int) -> str:
    """Return what stands behind a number of fewer seeds than were asked for, or than another has."""
    asked = facts.manifest["seeds"]
    if facts.anytime:
        return f" ({n} of {n + failed})" if failed else f" ({n})" if n < asked else ""
    return f" ({n} of {asked})" if n < asked else ""


LABELS: dict[str, Maker] = {"With few labels": errors}
