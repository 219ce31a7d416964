"""Read the design that a report was made under, if it was made under one: what was planned before the first run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from archs.errors import UserError
from bench.store.design import FILE, Design, read


class DesignOfReport(NamedTuple):
    """What became of the design that a manifest names."""

    state: Literal["kept", "missing", "changed"]
    """Whether the file is there and is what the job left, which alone tells what was planned."""

    design: Design | None
    """None unless it is kept."""


def read_design(folder: Path, manifest: Mapping[str, Any]) -> DesignOfReport | None:
    """Return the design of a report; None for one that was made under none, as all older ones were.

    A file that the manifest doesn't name was written for a later job, and says nothing on this report.

    Raises:
        UserError: the manifest's entry is no text, or the file can't be read.
    """
    identity = manifest.get("design")
    if identity is None:
        return None
    if not isinstance(identity, str):
        raise UserError(f"{folder / 'manifest.json'}: design is {str(identity)[:40]!r}, expected the hash of {FILE}")
    found = read(folder)
    if found is None:
        return DesignOfReport("missing", None)
    return DesignOfReport("kept", found.design) if found.identity == identity else DesignOfReport("changed", None)
