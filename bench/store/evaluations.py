"""Joins a run's record with the records of its later evaluations. No torch."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection

from bench.store.store import Record, Store


def with_evaluations(store: Store, record: Record, wanted: Collection[str] | None = None) -> Record:
    """Return `record` with its evaluations, and their metrics added to its own.

    If two evaluations give the same metric (samples that two judges read), the later one counts. A metric of the run
    itself is never replaced. A failed evaluation is among `evaluations` and adds no metric.

    Args:
        wanted: ids of the evaluations to add; None for all.
    """
    folder = f"{store.folder}/{record.run_id}/evaluations"
    try:
        os.listdir(folder)  # most runs have none, and this is all that asking for them takes
    except (FileNotFoundError, NotADirectoryError):
        return record
    found = Store(folder).records(wanted, damaged=lambda error: None)  # silently left out: a job computes it again
    if not found:
        return record
    found.sort(key=lambda evaluation: (evaluation.environment.get("ended") or 0, evaluation.run_id))
    metrics: dict[str, float] = {}
    for evaluation in found:
        metrics |= evaluation.metrics
    return dataclasses.replace(record, metrics=metrics | record.metrics, evaluations=tuple(found))
