"""A run's record together with what later evaluations of it found. No torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from bench.store.store import Record, Store


def gather(store: Store, record: Record, wanted: Collection[str] | None = None) -> Record:
    """`record` with the metrics of its evaluations added; those of ids in `wanted`, or all.

    Where two evaluations give one metric (samples read by two judges), the later one counts. A metric of the run's own
    is never replaced. Failed evaluations are among `record.evaluations`, and add nothing.
    """
    beside = Store(store.folder / record.run_id / "evaluations")
    found = beside.records(wanted, damaged=lambda error: None)  # as good as not there: the job computes it again
    found.sort(key=lambda evaluation: (evaluation.environment.get("ended") or 0, evaluation.run_id))
    metrics: dict[str, float] = {}
    for evaluation in found:
        metrics |= evaluation.metrics
    return dataclasses.replace(record, metrics=metrics | record.metrics, evaluations=tuple(found))
