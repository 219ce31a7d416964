"""Whether a piece of work is to be started now, and which others go with it."""

from __future__ import annotations

from collections.abc import Mapping

from bench.launchers.events import Event, EventKind
from bench.launchers.queue import Queue
from bench.spec.run import RunSpec, Work
from bench.spec.status import Status
from bench.store.claims import Claims, describe_holder
from bench.store.record import Damaged, Record
from bench.store.store import Store
from bench.worker.site import Site


def why_not_start(spec: Work, site: Site, claims: Claims, again: Mapping[str, Record]) -> Event | None:
    """Why `spec` is not to be started now; None if it is, and then it is claimed."""
    if not all(Store(site.runs_dir).status(run_id) == Status.FINISHED for run_id in spec.needs):
        return Event(EventKind.SKIPPED, spec)
    store = Store(spec.store_folder(site.runs_dir))
    if not claims.take(store.folder, spec.run_id):
        return Event(EventKind.ELSEWHERE, spec, error=describe_holder(store.folder, spec.run_id))
    try:
        known = store.find(spec.run_id)
    except Damaged:  # since the job began; writing the new record sets it aside
        known = None
    if known is None or known == again.get(spec.run_id):
        return None
    claims.give_back(store.folder, spec.run_id)
    return Event(EventKind.of(known.status), spec, error=known.error, by_another=True)


def same_but_seed(spec: Work, queue: Queue, site: Site) -> list[RunSpec]:
    """Takes the others that wait and are `spec` but for the seed, as far as they can be trained with it.

    Where there are more GPUs than groups, the seeds of one are shared between them.
    """
    if site.stack == 1 or not isinstance(spec, RunSpec):
        return []
    alike = queue.alike(spec)
    groups = queue.groups_of_runs() + (not alike)  # that of `spec` included
    copies = max(1, len(site.devices) // groups)
    return queue.take_alike(spec, min(site.stack, -(-(1 + alike) // copies)) - 1)
