"""Where a job's report goes."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import uuid
from collections.abc import Sequence
from pathlib import Path

from archs.errors import UserError
from bench.spec.run import RunSpec, Work


def report_folder(out: str | None, work: Sequence[Work]) -> Path:
    """The folder that was asked for, or one named by what is compared; made, and checked to be writable.

    Its name ends with a hash of every setting but the number of seeds, so that more seeds go to the same report.

    Raises:
        UserError: it can't be written to.
    """
    folder = Path(out) if out else Path("reports/generated") / name_of([w for w in work if isinstance(w, RunSpec)])
    probe = folder / f".probe-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"report folder {folder}: {error.strerror or error}; name a writable one with --out") from error
    return folder


def name_of(runs: Sequence[RunSpec]) -> str:
    names = list(dict.fromkeys(run.arch for run in runs))
    slug = re.sub(r"[^a-z0-9]+", "-", "-".join(names))[:60].strip("-")
    identity = sorted({dataclasses.replace(run, seed=0).run_id for run in runs})
    digest = hashlib.sha256(" ".join(identity).encode()).hexdigest()[:6]
    return f"{runs[0].dataset}-{slug}-{digest}"
