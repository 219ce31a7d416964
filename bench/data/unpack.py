"""Unpacks archives (`.gz`) of raw files that lie in a data folder, so that nobody downloads what is there."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from archs.errors import UserError
from bench.data.checks import check_published, md5_of
from bench.data.locate import FoundFiles
from bench.data.published import SHAPES

LEFTOVER_SECONDS = 3_600
"""The age from which a scratch folder is taken to belong to a job that was killed."""

LARGEST_BYTES = 100_000_000
"""More than any raw file has; an archive that goes on is not read further."""


def unpack(name: str, found: FoundFiles, accept: bool) -> None:
    """Unpack the archives of the raw files that are missing, each beside its archive, and verify them before.

    Args:
        accept: whether files that are not the published ones may be used.

    Raises:
        UserError: an archive is damaged or holds something else, or its folder can't be written to.
    """
    archives = {file: found.archives[file] for file in SHAPES if file in found.missing and file in found.archives}
    if not archives:
        return
    print(f"unpacking {', '.join(path.name for path in archives.values())} in {found.folder}", file=sys.stderr)
    remedy = "; move it away to download the data set, or name another folder with --data-dir"
    for file, archive in archives.items():
        try:
            with gzip.open(archive) as stream:
                content = stream.read(LARGEST_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"data file {archive} can't be unpacked ({error}){remedy}") from error
        check_published(name, file, md5_of(content), accept, f"data file {archive}, unpacked,", remedy)
        try:
            with scratch_folder(found.folder) as scratch:
                (scratch / file).write_bytes(content)
                (scratch / file).replace(found.folder / file)
        except OSError as error:
            raise UserError(
                f"data file {archive} can't be unpacked there ({error.strerror}); copy it into a folder that can be "
                "written to, and name that with --data-dir"
            ) from error


@contextlib.contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Make a folder in a data folder, to be removed afterwards, for files that are not whole yet.

    What killed jobs have left is cleared.
    """
    for path in folder.glob(".download-*"):
        with contextlib.suppress(FileNotFoundError):  # another job was faster
            if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=".download-", dir=folder))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
