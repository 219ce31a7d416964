"""Which data set is used, and downloads, with a bounded wait and a clear way out."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from archs.errors import UserError, nearest
from bench.data.dataset import Dataset
from bench.data.datasets import FILES, FOLDERS, NAMES, is_complete, load, raw_folder

SECONDS = 120
"""The longest that a download may take."""


def choose(name: str, data_dir: str | Path, seconds: float = SECONDS) -> tuple[Dataset, list[str]]:
    """The data set asked for, and warnings. "auto" is MNIST if it is on disk or can be fetched, else `digits`.

    A data set that is named is never replaced by another: if it can't be had, `UserError` says what to do.
    """
    wanted = first_choice(name)
    if not is_complete(wanted, data_dir):
        try:
            download(wanted, data_dir, seconds)
        except UserError as error:
            if name != "auto":
                raise
            warning = (
                f"MNIST could not be had ({error}). These numbers are from scikit-learn's 1,797 digits scaled to "
                f"28×28: use them to try the tool, not to compare with published results."
            )
            return load("digits", data_dir), [warning]
    return load(wanted, data_dir), []


def first_choice(name: str) -> str:
    """Of what `choose` may give for `name`, which is "auto" or a data set's; raises `UserError` if it is neither."""
    if name != "auto" and name not in NAMES:
        raise UserError(f"unknown data set {name!r}{nearest(name, ('auto', *NAMES))}")
    return "mnist" if name == "auto" else name


def download(name: str, data_dir: str | Path, seconds: float = SECONDS) -> None:
    """Fetches the raw files through torchvision in a process of its own, which can be stopped when time is up."""
    way_out = (
        f"put the four raw files into {raw_folder(name, data_dir)}, or use --dataset digits, which needs no download"
    )
    print(f"downloading {name} into {data_dir} (at most {seconds:.0f} s) …", file=sys.stderr, flush=True)
    try:
        Path(data_dir).mkdir(parents=True, exist_ok=True)
        scratch = tempfile.mkdtemp(prefix=".download-", dir=data_dir)
    except OSError as error:
        raise UserError(f"data folder {data_dir}: {error.strerror}; name a writable one with --data-dir") from error
    code = f"import torchvision.datasets as d; d.{FOLDERS[name]}({scratch!r}, download=True)"
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=seconds)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1][:200]
            raise UserError(f"download of {name} failed: {reason}; {way_out}")
        keep(Path(scratch) / FOLDERS[name] / "raw", raw_folder(name, data_dir))
    except subprocess.TimeoutExpired:
        raise UserError(f"download of {name} took longer than {seconds:.0f} s; {way_out}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def keep(source: Path, target: Path) -> None:
    """Moves downloaded files into place, each with its MD5 noted beside it. torchvision has verified the archives."""
    target.mkdir(parents=True, exist_ok=True)
    for file, _ in FILES.values():
        checksum = hashlib.md5((source / file).read_bytes(), usedforsecurity=False).hexdigest()
        (target / f"{file}.md5").write_text(checksum, encoding="ascii")
        (source / file).replace(target / file)
