"""Provides the data set that a job asks for: what is on disk is unpacked if need be, what is not is downloaded."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from archs.errors import UserError, nearest
from bench.data.dataset import Dataset
from bench.data.datasets import NAMES, load
from bench.data.locate import find_files
from bench.data.published import FOLDERS
from bench.data.unpack import scratch_folder, unpack
from bench.spec.signals import signals_noted

TIMEOUT_SECONDS = 120
"""How long a download may take."""

POLL_SECONDS = 0.1
"""Between two looks at whether a signal has arrived meanwhile."""

DOWNLOADER = """
import os, sys, threading

def end_with_the_job():
    os.read(0, 1)  # returns when the job's end of the pipe is closed, however the job ended
    os._exit(1)

threading.Thread(target=end_with_the_job, daemon=True).start()
import torchvision.datasets
getattr(torchvision.datasets, sys.argv[1])(sys.argv[2], download=True)
"""


def load_or_download(
    name: str, data_dir: str | Path, seconds: float = TIMEOUT_SECONDS, accept: bool = False
) -> tuple[Dataset, list[str]]:
    """Return the data set that is asked for, unpacked or downloaded if need be, and warnings for the report.

    Args:
        name: a data set's name, which is never replaced by another; or "auto", which is MNIST if that is on disk or can
            be downloaded, else `digits`.
        seconds: how long the download may take.
        accept: whether files that are not the published ones may be used.

    Raises:
        UserError: it can't be had; the message says what to do.
    """
    wanted = dataset_name(name)
    if wanted == "digits":
        return load(wanted, data_dir), []
    unpack(wanted, find_files(wanted, data_dir), accept)
    found = find_files(wanted, data_dir)
    if accept and found.raw and not found.is_complete:
        raise UserError(
            f"--accept-data: {found.folder} lacks {', '.join(found.missing)}, and what is downloaded may not belong to "
            "the rest; put all four raw files there"
        )
    if not found.is_complete:
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
    dataset = load(wanted, data_dir, accept=accept)
    return dataset, [f"data set {wanted}: {remark}" for remark in dataset.remarks]


def dataset_name(name: str) -> str:
    """Return the data set that `name` stands for, MNIST for "auto"; raises `UserError` for an unknown name."""
    if name != "auto" and name not in NAMES:
        raise UserError(f"unknown data set {name!r}{nearest(name, ('auto', *NAMES))}")
    return "mnist" if name == "auto" else name


def download(name: str, data_dir: str | Path, seconds: float = TIMEOUT_SECONDS) -> None:
    """Download the raw files through torchvision, in a process of its own that is stopped when time is up.

    Files that are there are kept. A signal that stops the job, or several, stop the download too, and nothing is left
    behind. If the job is killed, the download ends by itself, and a later download clears its folder.
    """
    found = find_files(name, data_dir)
    way_out = (
        f"put the four raw files, or their archives (.gz), into {found.folder}, or use --dataset digits, which needs "
        "no download"
    )
    lacking = f" ({found.folder} lacks {', '.join(found.missing)})" if found.raw else ""
    print(f"downloading {name} into {found.folder} (at most {seconds:.0f} s){lacking} …", file=sys.stderr, flush=True)
    try:
        Path(data_dir).mkdir(parents=True, exist_ok=True)
        with signals_noted() as signals, scratch_folder(Path(data_dir)) as scratch:
            status, stderr = run_downloader(name, str(scratch), seconds, signals)
            if status != 0:
                reason = (stderr.strip().splitlines() or ["no message"])[-1][:200]
                raise UserError(f"download of {name} failed: {reason}; {way_out}")
            move_into_place(scratch / FOLDERS[name] / "raw", found.folder, found.missing)
    except subprocess.TimeoutExpired:
        raise UserError(f"download of {name} took longer than {seconds:.0f} s; {way_out}") from None
    except OSError as error:
        where = error.filename2 or error.filename or data_dir
        raise UserError(f"data folder {where}: {error.strerror}; name a writable one with --data-dir") from error


def run_downloader(name: str, scratch: str, seconds: float, signals: Sequence[int]) -> tuple[int, str]:
    """Run the downloader and return its exit status and stderr; when this returns or raises, it has ended.

    Args:
        signals: grows when one arrives that stops the command; then the downloader is stopped at once.
    """
    with tempfile.TemporaryFile(encoding="utf-8", mode="w+", errors="replace", dir=scratch) as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", DOWNLOADER, FOLDERS[name], scratch],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            status = wait_for(process, seconds, signals)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with whatever it has started
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        stderr.seek(0)
        return status, stderr.read()


def wait_for(process: subprocess.Popen[bytes], seconds: float, signals: Sequence[int]) -> int:
    """Return the exit status of a process.

    Raises:
        subprocess.TimeoutExpired: it takes longer, or a signal has arrived.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            return process.wait(min(POLL_SECONDS, max(0.0, until - time.monotonic())))
        except subprocess.TimeoutExpired:
            if signals or time.monotonic() >= until:
                raise


def move_into_place(source: Path, target: Path, files: Sequence[str]) -> None:
    """Move downloaded files to where they were missing."""
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        (source / file).replace(target / file)
