"""Where a job's report goes, and what becomes of another that is there."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from archs.errors import UserError
from bench.spec.output.counts import plural
from bench.spec.run import RunSpec, Work
from bench.store import design as designs
from bench.store import speed_file
from bench.store.design import FILE as DESIGN
from bench.store.files import read_file

OVERWRITTEN = ("report.md", "report.html", "records.csv", "summary.csv", "comparisons.csv", "layers.csv")
REPLACED = ("manifest.json", "throughput.json", "answer.json")
"""Files of a report; only the folder need be writable for these."""

ALL_FILES = (*REPLACED, *OVERWRITTEN, "throughput.csv")
DRAWN = ("figures/*.png", "figures/*.svg", "latex/*.tex")
"""All files of a report, and patterns of those in its folders. Each table may be there as .parquet too."""

EARLIER = "earlier"
"""The folder, within a report's, of reports that were there before it and show what it does not."""


def report_folder(
    out: str | None, work: Sequence[Work], runs_dir: str, baseline: str | None = None, raced_for: str = ""
) -> Path:
    """The folder that was asked for, or one named by what is compared; made, and checked to be fit for a report.

    Its name ends with a hash of every setting but the number of seeds, so that more seeds go to the same report.

    Raises:
        UserError: it can't be written to, holds files of somebody else's, or its page could not find the runs.
    """
    runs = [each for each in work if isinstance(each, RunSpec)]
    folder = Path(out) if out else Path("reports/generated") / name_of(runs, baseline, raced_for)
    if os.path.islink(folder) and not os.path.exists(folder):
        raise UserError(f"report folder {folder}: it is a link that leads nowhere; mend it, or name another with --out")
    check_ours(folder)
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
        is_file = os.path.isfile(path)  # a pipe would be waited for
        if os.path.exists(path) and (not is_file or (name in OVERWRITTEN and not os.access(path, os.W_OK))):
            raise UserError(f"report folder {folder}: {name} is there and can't be written; name another with --out")
    runs_path(folder, runs_dir)
    return folder


def check_ours(folder: Path) -> None:
    """Raise `UserError` if a folder holds files by the names of a report's that no job has written.

    A job writes its design there before its first run, so a report without a manifest that a killed job was about to
    keep in `earlier/` is known by that.
    """
    try:
        found = [path.name for path in _files(folder) if path.parent == folder]
        if found and not _manifest(folder) and designs.read(folder) is None:
            raise UserError(
                f"report folder {folder}: {found[0]} is there, and is not of a report that a job made; name another "
                "folder with --out, or move it away"
            )
        speed_file.read(folder)
    except OSError as error:
        raise UserError(f"report folder {folder}: {error.strerror or error}; name another with --out") from error


def name_of(runs: Sequence[RunSpec], baseline: str | None = None, raced_for: str = "") -> str:
    """The name of a report, by what it compares; by its baseline too if that is not the first architecture.

    Args:
        raced_for: what tells a race from another comparison of these runs; empty if it is none.
    """
    names = list(dict.fromkeys(run.arch for run in runs))
    slug = re.sub(r"[^a-z0-9]+", "-", "-".join([*(["race"] if raced_for else []), *names]))[:60].strip("-")
    identity = sorted({dataclasses.replace(run, seed=0).run_id for run in runs})
    identity += [f"baseline {baseline}"] if baseline not in (None, names[0]) else []
    identity += [raced_for] if raced_for else []
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
    if not os.path.isdir(runs_dir):
        raise UserError(f"runs folder {runs_dir}: it is gone, with all that was in it; the same command begins anew")
    raise UserError(
        f"report folder {folder}: no path leads from there to the runs folder {runs_dir}; name another with --out"
    )


def keep_earlier(folder: Path, shown: Collection[str], baseline: str) -> str:
    """Move the report that is in a folder into one of its own, unless the new one continues it.

    The new one does if it shows all runs and evaluations that the other does, against the same baseline: the same
    command again, more seeds, more architectures. Speeds that were measured stay too, for the new report to use; and
    the design, since the first one of a folder counts: a copy of it goes with a report that was made under it.
    Of several reports that continue each other only the last is kept.

    Args:
        folder: the report folder; nothing else may write to it meanwhile.
        shown: ids of all runs and evaluations that the new report will show.
        baseline: that of the new report.

    Returns:
        What was done, and why, in a line; empty if nothing was.

    Raises:
        UserError: the report can't be kept. It is still there.
    """
    manifest = _manifest(folder)
    files = _files(folder)
    if not {path.name for path in files} - {"throughput.json"}:
        return ""
    if manifest is not None and _continues(manifest, shown, baseline):
        return ""
    kept = folder / EARLIER
    partial = kept / f".partial-{uuid.uuid4().hex}"
    try:
        kept.mkdir(exist_ok=True)
        for left in kept.glob(".partial-*"):  # by a job that was killed
            shutil.rmtree(left)
        target = _place_in(kept, manifest)
        for path in files:
            copy = partial / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        if manifest is not None and "design" in manifest and (folder / DESIGN).is_file():
            shutil.copy2(folder / DESIGN, partial / DESIGN)
        if manifest is not None:
            text = json.dumps(_moved(manifest, folder, partial), indent=1)
            (partial / "manifest.json").write_text(text, encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
        for path in files:  # the manifest comes first: what is left without one is taken for no report
            is_ours = manifest is not None or path.parent == folder
            if is_ours and not path.is_symlink() and path.name != "throughput.json":
                path.unlink()
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise UserError(
            f"report folder {folder}: the report that is there can't be kept in {kept} ({error.strerror or error}); "
            "name another with --out: no run is trained again"
        ) from error
    return f"the report that was in {folder} is kept in {target}: {_why_kept(manifest, shown, baseline)}"


def _files(folder: Path) -> list[Path]:
    """The files of the report in a folder, its manifest first; files of others aren't."""
    tables = [name.replace(".csv", ".parquet") for name in ALL_FILES if name.endswith(".csv")]
    found = [folder / name for name in (*ALL_FILES, *tables)]
    found += [path for pattern in DRAWN for path in sorted(folder.glob(pattern))]
    return [path for path in found if path.is_file()]


def manifest_in(folder: Path) -> dict[str, Any]:
    """Return the manifest of the report in a folder; an empty one if there is none that can be read."""
    return _manifest(folder) or {}


def _manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest in a folder, as far as it is read here; None if there is none that can be read."""
    try:
        manifest = json.loads(read_file(folder / "manifest.json").decode("utf-8"))
        is_sound = all(isinstance(each, str) for each in (*_shown(manifest), manifest["baseline"]))
        return manifest if is_sound else None
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None


def _shown(manifest: dict[str, Any]) -> list[str]:
    return [*manifest["run_ids"], *(manifest.get("evaluations") or ())]


def _continues(manifest: dict[str, Any], shown: Collection[str], baseline: str) -> bool:
    """Whether what shows these runs against that baseline shows all that the report of a manifest does."""
    ids = _shown(manifest)
    return not ids or (set(ids) <= set(shown) and manifest["baseline"] == baseline)


def _place_in(kept: Path, manifest: dict[str, Any] | None) -> Path:
    """Where among those that are kept a report goes: in place of one that it continues, else under a new number."""
    numbers = sorted(int(path.name) for path in kept.iterdir() if path.name.isdecimal())
    if manifest is not None:
        for number in numbers:
            other = _manifest(kept / str(number))
            if other is not None and _continues(other, _shown(manifest), manifest["baseline"]):
                return kept / str(number)
    return kept / str(numbers[-1] + 1 if numbers else 1)


def _moved(manifest: dict[str, Any], folder: Path, to: Path) -> dict[str, Any]:
    """The manifest of a report that is moved, with the way from there to its runs."""
    runs = folder / str(manifest.get("runs_dir"))
    if not runs.is_dir():
        return manifest
    with contextlib.suppress(UserError):
        return manifest | {"runs_dir": runs_path(to, str(runs))}
    return manifest


def _why_kept(manifest: dict[str, Any] | None, shown: Collection[str], baseline: str) -> str:
    if manifest is None:
        return "no job has made it, or it is damaged"
    if manifest["baseline"] != baseline:
        return f"its baseline is {manifest['baseline']}, that of the new one {baseline}"
    missing = len(set(_shown(manifest)) - set(shown))
    work = plural(len(_shown(manifest)), "run or evaluation", "runs and evaluations")
    return f"the new one lacks {missing} of its {work}"
