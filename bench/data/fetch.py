"""Which data set is used, and downloads, with a bounded wait and a clear way out."""

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

SECONDS = 120
"""The longest that a download may take."""

LEFTOVER_SECONDS = 3_600
"""A folder of a download that is older is nobody's."""

DOWNLOADER = """
import os, sys, threading

def end_with_the_job():
    os.read(0, 1)  # returns when the job's end of the pipe is closed, however the job ended
    os._exit(1)

threading.Thread(target=end_with_the_job, daemon=True).start()
import torchvision.datasets
getattr(torchvision.datasets, sys.argv[1])(sys.argv[2], download=True)
"""


def provide(name: str, data_dir: str | Path, seconds: float = SECONDS) -> tuple[Dataset, list[str]]:
    """Return the data set that is asked for, downloaded if it has to be, and warnings.

    "auto" is MNIST if it is on disk or can be fetched, else `digits`. A data set that is named is never replaced by
    another.

    Raises:
        UserError: it can't be had; the message says what to do.
    """
    wanted = first_choice(name)
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


def first_choice(name: str) -> str:
    """Of what `provide` may give for `name`, which is "auto" or a data set's; raises `UserError` if it is neither."""
    if name != "auto" and name not in NAMES:
        raise UserError(f"unknown data set {name!r}{nearest(name, ('auto', *NAMES))}")
    return "mnist" if name == "auto" else name


def download(name: str, data_dir: str | Path, seconds: float = SECONDS) -> None:
    """Fetches the raw files through torchvision in a process of its own, which can be stopped when time is up.

    To be called where signals arrive as exceptions (bench.machine.signals): one that stops the job stops the download, and
    nothing of it is left. Of a job that is killed the download ends as well, and the next one clears its folder.
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
        status, said = downloaded(name, scratch, seconds)
        if status != 0:
            reason = (said.strip().splitlines() or ["no message"])[-1][:200]
            raise UserError(f"download of {name} failed: {reason}; {way_out}")
        keep(Path(scratch) / FOLDERS[name] / "raw", raw_folder(name, data_dir))
    except subprocess.TimeoutExpired:
        raise UserError(f"download of {name} took longer than {seconds:.0f} s; {way_out}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def downloaded(name: str, scratch: str, seconds: float) -> tuple[int, str]:
    """Exit status and stderr of the downloader, which is gone afterwards, whatever this raises."""
    with tempfile.TemporaryFile(mode="w+", errors="replace") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", DOWNLOADER, FOLDERS[name], scratch],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        said.seek(0)
        return status, said.read()


def clear_leftovers(data_dir: str | Path) -> None:
    """Removes the folders of downloads whose job was killed."""
    for path in Path(data_dir).glob(".download-*"):
        with contextlib.suppress(FileNotFoundError):  # another job clears as well
            if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def keep(source: Path, target: Path) -> None:
    """Moves downloaded files into place, each with its MD5 noted beside it. torchvision has verified the archives."""
    target.mkdir(parents=True, exist_ok=True)
    for file, _ in FILES.values():
        checksum = hashlib.md5((source / file).read_bytes(), usedforsecurity=False).hexdigest()
        (target / f"{file}.md5").write_text(checksum, encoding="ascii")
        (source / file).replace(target / file)
