"""What a store already holds of a plan, every byte verified; what is damaged is set aside. No torch."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import closing

from bench.spec.run import Work
from bench.store.claims import Claims
from bench.store.record import Damaged, Record
from bench.store.store import Store


def inventory(work: Iterable[Work], runs_dir: str) -> dict[str, Record]:
    """Run id → record of what has ended, finished or failed. A damaged record is named on stderr and set aside."""
    found = {}
    with closing(Claims()) as claimed:
        for spec in work:
            store = Store(spec.store_folder(runs_dir))
            record = sound(store, spec.run_id, claimed)
            if record is not None:
                found[spec.run_id] = record
    return found


def sound(store: Store, run_id: str, claimed: Claims) -> Record | None:
    try:
        return verified(store, run_id)
    except Damaged:
        if not claimed.take(store.folder, run_id):  # another job is at it
            return None
    try:
        return verified(store, run_id)  # that job may have put it right in between
    except Damaged as error:
        place = store.set_aside(run_id)
        if place is None:  # it has been put right since
            return store.find(run_id)
        print(f"WARNING: {error}; set aside as {place}, and done again", file=sys.stderr, flush=True)
        return None
    finally:
        claimed.give_back(store.folder, run_id)


def verified(store: Store, run_id: str) -> Record | None:
    record = store.find(run_id)
    if record is not None:
        record.verify()
    return record
