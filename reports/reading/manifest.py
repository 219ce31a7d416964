"""manifest.json of a report folder: read, and checked field by field, since people edit and send such files.

It names records by their ids and a folder to look for them in; nothing but records is read there, and nothing written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archs.errors import UserError, nearest
from bench.spec.metrics import PRIMARY
from bench.store.record import lone_surrogate

MOST = 10_000_000  # runs, seeds, workers: more than that is no number that anybody asked for


def text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def texts(value: object) -> bool:
    return isinstance(value, list) and all(map(text, value))


def count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST


def seconds(value: object) -> bool:
    return type(value) in (int, float) and 0 <= float(str(value)) < float("inf")


def reasons(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and text(item.get("reason")) for item in value)


def illegal(value: object) -> bool:
    return reasons(value) and all(text(item.get("arch")) for item in value)  # type: ignore[attr-defined]


def levels(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(one, dict) and all(map(text, one.values())) for one in value.values()
    )


def table(value: object) -> bool:
    return isinstance(value, dict)


REQUIRED: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "runs_dir": (text, "the path of a folder"),
    "run_ids": (texts, "a list of run ids"),
    "archs": (texts, "a list of names"),
    "tasks": (texts, "a list of names"),
    "baseline": (text, "a name"),
}
OPTIONAL: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "title": (text, "a text"),
    "command": (text, "a text"),
    "created": (text, "a text"),
    "evaluate": (text, "a text"),
    "throughput": (text, "a text"),
    "warnings": (texts, "a list of texts"),
    "evaluations": (texts, "a list of ids"),
    "planned": (count, "a number of runs"),
    "evaluations_planned": (count, "a number of evaluations"),
    "seeds": (count, "a number of seeds"),
    "workers": (count, "a number of workers"),
    "wall_seconds": (seconds, "a number of seconds"),
    "factors": (levels, "levels by factor by architecture"),
    "illegal": (illegal, "a list of arch and reason"),
    "skipped": (reasons, "a list of reasons"),
    "dataset": (table, "a description by name"),
}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a report folder; UserError names what is missing or malformed."""
    path = folder / "manifest.json"
    try:
        content = path.read_bytes()
        manifest = json.loads(content.decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder} is not a report folder: expected {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} can't be read: {' '.join(str(error).split())[:200]}") from None
    lacking = [key for key in REQUIRED if not isinstance(manifest, dict) or key not in manifest]
    if lacking:
        raise UserError(f"{path} lacks {', '.join(lacking)}: expected a manifest that run_ablation.py wrote")
    for key, (fits, expected) in {**REQUIRED, **OPTIONAL}.items():
        if manifest.get(key) is None and key in OPTIONAL:
            continue
        if not fits(manifest[key]):
            raise UserError(f"{path}: {key} is {' '.join(repr(manifest[key]).split())[:60]}, expected {expected}")
    for task in manifest["tasks"]:
        if task not in PRIMARY:
            raise UserError(f"{path}: unknown task {task[:40]!r}{nearest(task[:40], PRIMARY)}")
    if lone_surrogate(content, manifest):
        raise UserError(f"{path} holds a character that can't be written")
    return dict(manifest)
