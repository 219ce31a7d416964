"""Says which runs were made by another version of this project's code than the one that shows them. No torch.

A run's identity covers the code of its architecture and a protocol number, not the rest of the code: a run that is in
the store counts as done, even if the loss has been edited since. So that must be said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from bench.spec.output.counts import plural
from bench.store.record import Record

WHAT_TO_DO = "if the change alters numbers, raise PROTOCOL in bench/spec/run.py or name another --runs-dir"


def made_by_other_code(records: Iterable[Record], current: Mapping[str, Any]) -> str | None:
    """Return a sentence on the runs and evaluations that other code has made; None if there are none.

    Args:
        current: `commit`, `dirty` and `code` of the code that shows them, as a record's environment has them.
    """
    everything = [one for record in records for one in (record, *record.evaluations)]
    differences = [difference for one in everything if (difference := code_difference(one.environment, current))]
    if not differences:
        return None
    (what, count), *others = Counter(differences).most_common()
    were = "was" if count == 1 else "were"
    more = f", {sum(count for _, count in others)} by still other code" if others else ""
    return (
        f"{count} of {plural(len(everything), 'record')} {were} made by other code than this: {what}{more}. "
        f"Their numbers are kept: {WHAT_TO_DO}"
    )


def code_difference(made: Mapping[str, Any], current: Mapping[str, Any]) -> str | None:
    """Return in words how the code of a record differs from the current one; None if it doesn't, or none is known."""
    ours, theirs = current.get("code"), made.get("code")
    if not isinstance(ours, Mapping) or (current.get("commit") == made.get("commit") and theirs is None):
        return None
    versions = f"{version_of(made)}, now {version_of(current)}"
    if not isinstance(theirs, Mapping):
        return f"its hash was not recorded yet ({versions})" if made.get("commit") else None
    changed = [f"bench/{room}" for room in ours if ours[room] != theirs.get(room)]
    return f"{', '.join(changed)} {'differ' if len(changed) > 1 else 'differs'} ({versions})" if changed else None


def version_of(environment: Mapping[str, Any], digits: int = 10) -> str:
    """Return so many digits of the commit of a record, in words, and which files were changed since."""
    commit = environment.get("commit")
    if not commit:
        return "at no known commit"
    files = environment.get("changed_files") or ()
    named = f": {', '.join(files[:3])}{' …' if len(files) > 3 else ''}" if files else ""
    return f"commit {str(commit)[:digits]}" + (f" with changes{named}" if environment.get("dirty") else "")
