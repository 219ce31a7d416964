"""Finds the files of a data set in the folder that a user names, in any layout that is about.

torchvision keeps `MNIST/raw/train-images-idx3-ubyte`; others have the files themselves in a folder, or
`train-images.idx3-ubyte`, or archives (`.gz`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archs.errors import UserError
from bench.data.published import FOLDERS, SHAPES


@dataclass(frozen=True)
class FoundFiles:
    """What there is of a data set in one folder."""

    folder: Path

    raw: Mapping[str, Path]
    """Published name → raw file."""

    archives: Mapping[str, Path]
    """Published name of the raw file → its archive (`.gz`)."""

    @property
    def is_complete(self) -> bool:
        """Whether every raw file is there; whether they are undamaged, `datasets.load` finds out."""
        return len(self.raw) == len(SHAPES)

    @property
    def missing(self) -> tuple[str, ...]:
        """The published names of the raw files that are not there."""
        return tuple(file for file in SHAPES if file not in self.raw)


def find_files(name: str, data_dir: str | Path) -> FoundFiles:
    """Return the files of a data set in the first folder that has each, raw or as an archive, else in that with most.

    If no folder holds any, the result names the one that a download goes into.

    Raises:
        UserError: `data_dir` is no folder, or can't be read.
    """
    base = Path(data_dir)
    if os.path.exists(base) and not os.path.isdir(base):
        raise UserError(f"data folder {base} is a file; expected a folder that holds {FOLDERS[name]}/raw")
    folders = dict.fromkeys([home(name, base), *other_folders(name, base)])
    return max(map(scan, folders), key=lambda found: len({**found.raw, **found.archives}))  # of equals the first


def home(name: str, data_dir: str | Path) -> Path:
    """Return the folder that a download of the data set goes into.

    It is torchvision's, `MNIST/raw` in `data_dir`, but for a `data_dir` that is that folder, or the one above it.
    """
    base, folder = Path(data_dir), FOLDERS[name]
    whole = Path(os.path.abspath(base))
    if whole.name == "raw" and whole.parent.name == folder:
        return base
    return base / "raw" if whole.name == folder else base / folder / "raw"


def other_folders(name: str, base: Path) -> list[Path]:
    """Return the folders in which the files lie in other layouts than torchvision's."""
    named = [path for path in entries(base) if plain(path.name) == plain(FOLDERS[name])]  # fashion-mnist, mnist, …
    return [*(path / "raw" for path in named), *named, base / "raw", base]


def scan(folder: Path) -> FoundFiles:
    """Return the files of a data set, of whichever, that lie in a folder."""
    raw: dict[str, Path] = {}
    archives: dict[str, Path] = {}
    known = {plain(file): file for file in SHAPES}
    for path in entries(folder):
        published = known.get(plain(path.name.lower().removesuffix(".gz")))
        if published is not None and os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
            raise UserError(f"data file {path} is a pipe or a device, which has no end; move it away")
        if published is not None and os.path.isfile(path):
            found = archives if path.name.lower().endswith(".gz") else raw
            if published not in found or path.name in (published, f"{published}.gz"):
                found[published] = path
    return FoundFiles(folder, raw, archives)


def entries(folder: Path) -> list[Path]:
    """Return what a folder holds, in alphabetical order; nothing if there is no such folder."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(
            f"data folder {folder} can't be read ({error.strerror}); name another one with --data-dir"
        ) from error


def plain(name: str) -> str:
    """Return a name without what spellings differ in: capitals, dots, hyphens, underscores and spaces."""
    return re.sub(r"[-._ ]", "", name.lower())
