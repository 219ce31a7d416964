"""Finds what a store already holds of a plan, verifies it, and sets aside what is damaged. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from archs.errors import UserError
from bench.spec.output.lines import say_warning
from bench.spec.run import Work
from bench.store.claims import Claims
from bench.store.record import Damaged, Record, Unreadable
from bench.store.store import Store


def inventory(work: Iterable[Work], runs_dir: str) -> dict[str, Record]:
    """Return run id → record of the work that has ended; a damaged record is named on stderr and set aside."""
    found = {}
    with closing(Claims()) as claimed:
        for spec in work:
            store = Store(spec.store_folder(runs_dir))
            record = verified_or_set_aside(store, spec.run_id, claimed)
            if record is not None:
                found[spec.run_id] = record
    return found


def verified_or_set_aside(store: Store, run_id: str, claimed: Claims) -> Record | None:
    """Return the record, or None if there is none or it is damaged; a damaged one is set aside unless a job has it.

    Raises:
        Unreadable: it can't be read now. It may be sound, so it is neither set aside nor done again.
    """
    try:
        return find_verified(store, run_id)
    except Unreadable:
        raise
    except Damaged:
        if not claimed.take(store.folder, run_id):  # another job trains it
            return None
    try:
        return find_verified(store, run_id)  # another job may have trained it in between
    except Damaged as error:
        place = store.set_aside(run_id)
        if place is None:  # another job has trained it since
            return store.find(run_id)
        say_warning(f"{error}; set aside as {place}, and done again")
        return None
    finally:
        claimed.give_back(store.folder, run_id)


def unsound(work: Iterable[Work], runs_dir: str) -> dict[str, str]:
    """Return run id → why the work has no sound record: none at all, or not what was written; nothing is set aside."""
    found = {}
    for spec in work:
        store = Store(spec.store_folder(runs_dir))
        try:
            if find_verified(store, spec.run_id) is None:
                found[spec.run_id] = f"run {spec.run_id}: no record in {store.folder}"
        except UserError as error:
            found[spec.run_id] = str(error)
    return found


def find_verified(store: Store, run_id: str) -> Record | None:
    """Return the record, None if there is none; raises `Damaged` unless every byte is as it was written."""
    record = store.find(run_id)
    if record is not None:
        record.verify()
    return record
