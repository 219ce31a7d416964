"""Where a job's report goes."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import uuid
from collections.abc import Sequence
from pathlib import Path

from archs.errors import UserError
from bench.spec.run import RunSpec, Work

OVERWRITTEN = ("report.md", "report.html", "records.csv", "summary.csv", "comparisons.csv", "layers.csv")
REPLACED = ("manifest.json", "throughput.json")
"""Files of a report; only the folder need be writable for these."""


def report_folder(out: str | None, work: Sequence[Work], runs_dir: str) -> Path:
    """The folder that was asked for, or one named by what is compared; made, and checked to be fit for a report.

    Its name ends with a hash of every setting but the number of seeds, so that more seeds go to the same report.

    Raises:
        UserError: it can't be written to, or its page could not find the runs.
    """
    folder = Path(out) if out else Path("reports/generated") / name_of([w for w in work if isinstance(w, RunSpec)])
    if folder.is_symlink() and not os.path.exists(folder):
        raise UserError(f"report folder {folder}: it is a link that leads nowhere; mend it, or name another with --out")
    probe = folder / f".probe-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "figures").mkdir(exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        where = "" if error.filename in (None, str(folder), str(probe)) else f" ({error.filename})"
        raise UserError(
            f"report folder {folder}: {error.strerror or error}{where}; name a writable one with --out"
        ) from error
    for name in (*OVERWRITTEN, *REPLACED):
        path = folder / name
        if path.is_dir() or (path.exists() and name in OVERWRITTEN and not os.access(path, os.W_OK)):
            raise UserError(f"report folder {folder}: {name} is there and can't be written; name another with --out")
    runs_path(folder, runs_dir)
    return folder


def name_of(runs: Sequence[RunSpec]) -> str:
    names = list(dict.fromkeys(run.arch for run in runs))
    slug = re.sub(r"[^a-z0-9]+", "-", "-".join(names))[:60].strip("-")
    identity = sorted({dataclasses.replace(run, seed=0).run_id for run in runs})
    digest = hashlib.sha256(" ".join(identity).encode()).hexdigest()[:6]
    return f"{runs[0].dataset}-{slug}-{digest}"


def runs_path(folder: Path, runs_dir: str) -> str:
    """The path from a report folder to its runs; both are there.

    It is relative, so that both can move together. The system follows a link before it takes the `..` after it, so
    links are followed here too; but not one that is itself the store, since it moves with what lies beside it.

    Raises:
        UserError: there is no such path.
    """
    parent, name = os.path.split(runs_dir.rstrip(os.sep))
    is_named = name not in ("", os.curdir, os.pardir)
    store = os.path.join(os.path.realpath(parent), name) if is_named else os.path.realpath(runs_dir)
    for path in (os.path.relpath(store, os.path.realpath(folder)), os.path.realpath(runs_dir)):
        with contextlib.suppress(OSError, UnicodeEncodeError):
            path.encode("utf-8")  # a manifest is text
            if os.path.samefile(folder / path, runs_dir):
                return path
    raise UserError(
        f"report folder {folder}: no path leads from there to the runs folder {runs_dir}; name another with --out"
    )
