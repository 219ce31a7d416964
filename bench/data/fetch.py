"""Provides the data set that a job asks for, and downloads it within a time limit if it is not on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from archs.errors import UserError, nearest
from bench.data.dataset import Dataset
from bench.data.datasets import FILES, FOLDERS, NAMES, is_complete, load, raw_folder

TIMEOUT_SECONDS = 120
"""How long a download may take."""

LEFTOVER_SECONDS = 3_600
"""The age from which a download's scratch folder is taken to belong to a job that was killed."""

DOWNLOADER = """
import os, sys, threading

def end_with_the_job():
    os.read(0, 1)  # returns when the job's end of the pipe is closed, however the job ended
    os._exit(1)

threading.Thread(target=end_with_the_job, daemon=True).start()
import torchvision.datasets
getattr(torchvision.datasets, sys.argv[1])(sys.argv[2], download=True)
"""


def load_or_download(name: str, data_dir: str | Path, seconds: float = TIMEOUT_SECONDS) -> tuple[Dataset, list[str]]:
    """Return the data set that is asked for, downloaded if need be, and warnings for the report.

    Args:
        name: a data set's name, which is never replaced by another; or "auto", which is MNIST if that is on disk or can
            be downloaded, else `digits`.
        seconds: how long the download may take.

    Raises:
        UserError: it can't be had; the message says what to do.
    """
    wanted = dataset_name(name)
    try:
        if not is_complete(wanted, data_dir):
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


def dataset_name(name: str) -> str:
    """Return the data set that `name` stands for, MNIST for "auto"; raises `UserError` for an unknown name."""
    if name != "auto" and name not in NAMES:
        raise UserError(f"unknown data set {name!r}{nearest(name, ('auto', *NAMES))}")
    return "mnist" if name == "auto" else name


def download(name: str, data_dir: str | Path, seconds: float = TIMEOUT_SECONDS) -> None:
    """Download the raw files through torchvision, in a process of its own that is stopped when time is up.

    Call it where signals arrive as exceptions (bench.machine.signals): then one that stops the job stops the download
    too and leaves nothing behind. If the job is killed, the download ends by itself, and the next job clears its
    folder.
    """
    way_out = (
        f"put the four raw files into {raw_folder(name, data_dir)}, or use --dataset digits, which needs no download"
    )
    print(f"downloading {name} into {data_dir} (at most {seconds:.0f} s) …", file=sys.stderr, flush=True)
    try:
        Path(data_dir).mkdir(parents=True, exist_ok=True)
        clear_leftovers(data_dir)
        scratch = tempfile.mkdtemp(prefix=".download-", dir=data_dir)
    except OSError as error:
        raise UserError(f"data folder {data_dir}: {error.strerror}; name a writable one with --data-dir") from error
    try:
        status, stderr = run_downloader(name, scratch, seconds)
        if status != 0:
            reason = (stderr.strip().splitlines() or ["no message"])[-1][:200]
            raise UserError(f"download of {name} failed: {reason}; {way_out}")
        move_into_place(Path(scratch) / FOLDERS[name] / "raw", raw_folder(name, data_dir))
    except subprocess.TimeoutExpired:
        raise UserError(f"download of {name} took longer than {seconds:.0f} s; {way_out}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def run_downloader(name: str, scratch: str, seconds: float) -> tuple[int, str]:
    """Run the downloader and return its exit status and stderr; when this returns or raises, it has ended."""
    with tempfile.TemporaryFile(mode="w+", errors="replace") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", DOWNLOADER, FOLDERS[name], scratch],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with whatever it has started
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        stderr.seek(0)
        return status, stderr.read()


def clear_leftovers(data_dir: str | Path) -> None:
    """Remove the folders of downloads whose job was killed."""
    for path in Path(data_dir).glob(".download-*"):
        with contextlib.suppress(FileNotFoundError):  # another job was faster
            if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def move_into_place(source: Path, target: Path) -> None:
    """Move downloaded files into place and write each one's MD5 beside it; torchvision has verified the archives."""
    target.mkdir(parents=True, exist_ok=True)
    for file, _ in FILES.values():
        checksum = hashlib.md5((source / file).read_bytes(), usedforsecurity=False).hexdigest()
        (target / f"{file}.md5").write_text(checksum, encoding="ascii")
        (source / file).replace(target / file)
