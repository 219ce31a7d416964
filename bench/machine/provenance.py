"""Which code of this project ran: the commit, what differs from it, and a hash of the code that can change a number.

None of it is part of a run's identity; it is recorded with each run, and a page says where its runs differ in it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archs.identity.canonical import normal_form
from bench.machine.environment import ROOT

FILES = ("archs/*.py", "bench/*.py", "reports/*.py", "run_ablation.py")
"""The project's code, as git's path patterns, in which * also stands for folders."""

ROOMS = ("data", "models", "tasks", "training", "evaluation", "worker")
"""The rooms of `bench` whose code decides what a run's numbers are. An architecture's own code is in its identity."""


@dataclass(frozen=True)
class Provenance:
    """The code that makes a record."""

    commit: str | None = None
    """Of the checkout that the code is in; None if it is in no checkout of its own."""

    changed: tuple[str, ...] | None = None
    """The Python files that aren't of that commit, edited or added since; None if that is not known."""

    code: Mapping[str, str] | None = None
    """Room of `ROOMS` → hash of its code, without comments and prose; None if that is not known."""

    def entries(self) -> dict[str, Any]:
        """Return what a record's environment, or a file of speeds, keeps of it."""
        return {
            "commit": self.commit,
            "dirty": None if self.changed is None else bool(self.changed),
            "changed_files": None if self.changed is None else list(self.changed),
            "code": None if self.code is None else dict(self.code),
        }


def provenance() -> Provenance:
    """Return which code this is."""
    return Provenance(*commit(), code_hashes())


def commit() -> tuple[str | None, tuple[str, ...] | None]:
    """Return the commit of the code and the Python files that aren't of it; a repository around ours doesn't count."""
    top = git("rev-parse", "--show-toplevel")
    found = git("rev-parse", "HEAD") if top and Path(top).resolve() == ROOT else None
    if found is None:
        return None, None
    edited = git("diff", "--name-only", "-z", "HEAD", "--", *FILES)
    added = git("ls-files", "--others", "-z", "--", *FILES)  # also those that .gitignore names: they run as well
    if edited is None or added is None:
        return found, None
    return found, tuple(sorted({*edited.split("\0"), *added.split("\0")} - {""}))


def git(*arguments: str) -> str | None:
    """Return what a git command prints in this project's folder; None if it fails or there is no git."""
    # variables such as GIT_DIR, which a hook has, may mean another repository
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    variables["GIT_OPTIONAL_LOCKS"] = "0"  # a look at the files must not stop a git command of the user's
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, env=variables)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip("\n") if done.returncode == 0 else None


def code_hashes(root: Path = ROOT) -> dict[str, str]:
    """Return room of `ROOMS` → eight hex digits that change with its code, but not with comments, layout and prose."""
    return {room: code_hash(root / "bench" / room) for room in ROOMS}


def code_hash(folder: Path) -> str:
    """Return the hash of all Python files of a folder, with their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\n{code_of(path.read_bytes())}\n".encode())
    return digest.hexdigest()[:8]


@functools.cache
def code_of(source: bytes) -> str:
    """Return the normal form of a file's content; a process that does many jobs, as a notebook, finds it once."""
    return normal_form(ast.parse(source))
