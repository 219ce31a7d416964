"""Whether a piece of work is to be started now, and which others go with it."""

from __future__ import annotations

from collections.abc import Mapping

from bench.launchers.events import Event, EventKind
from bench.launchers.queue import Queue
from bench.spec.run import RunSpec, Work
from bench.spec.status import Status
from bench.store.claims import Claims, describe_holder
from bench.store.record import Damaged, Record, Unreadable
from bench.store.store import Store, Unwritable
from bench.worker.site import Site


def why_not_start(spec: Work, site: Site, claims: Claims, retried: Mapping[str, Record]) -> Event | None:
    """Return why a piece of work is not to be started now; None if it is, and then it is claimed.

    Args:
        retried: failed records, by run id, of runs that are to be tried once more.
    """
    if not all(Store(site.runs_dir).status(run_id) == Status.FINISHED for run_id in spec.needs):
        return Event(EventKind.SKIPPED, spec)
    store = Store(spec.store_folder(site.runs_dir))
    if not claims.take(store.folder, spec.run_id):
        return Event(EventKind.ELSEWHERE, spec, error=describe_holder(store.folder, spec.run_id))
    try:
        known = store.find(spec.run_id)
    except Unreadable as error:
        raise Unwritable(str(error)) from error
    except Damaged:  # since the job began; writing the new record sets it aside
        known = None
    if known is None or known == retried.get(spec.run_id):
        return None
    claims.give_back(store.folder, spec.run_id)
    return Event(EventKind.of(known.status), spec, error=known.error, by_another=True)


def claim_group(
    spec: Work, queue: Queue, site: Site, claims: Claims, retried: Mapping[str, Record]
) -> tuple[list[Work], list[tuple[Work, Event]]]:
    """Claim a piece of work that was taken from the queue, and the runs that are to be trained in one stack with it.

    Returns:
        What is to be started now; and what is not, each with an event that says why.
    """
    claimed, refused = list[Work](), list[tuple[Work, Event]]()
    for one in [spec, *take_stack(spec, queue, site)]:
        event = why_not_start(one, site, claims, retried)
        if event is None:
            claimed.append(one)
        else:
            refused.append((one, event))
    return claimed, refused


def take_stack(spec: Work, queue: Queue, site: Site) -> list[RunSpec]:
    """Take from the queue the runs that are to be trained in one stack with `spec`: other seeds and trials of it.

    Where there are more GPUs than groups, the runs of one are shared between them.
    """
    if site.stack == 1 or not isinstance(spec, RunSpec):
        return []
    others = queue.count_alike(spec)
    groups = queue.groups_of_runs() + (not others)  # that of `spec` included
    stacks = max(1, len(site.devices) // groups)
    return queue.take_alike(spec, min(site.stack, -(-(1 + others) // stacks)) - 1)
