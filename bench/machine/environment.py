"""The versions, the processor and the commit that a run is recorded with. They are not part of its identity."""

from __future__ import annotations

import functools
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("torch", "numpy", "pandas", "scipy")


def git(*arguments: str) -> str | None:
    """Return what a git command prints in this project's folder; None if it fails or there is no git."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def commit() -> dict[str, Any]:
    """Return the commit of the code and whether it has been changed since; None for both outside a checkout."""
    found = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": found, "dirty": bool(changed) if changed is not None else None}


@functools.cache
def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages that can change numbers; None for one that is absent."""

    def known(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    return {"python": platform.python_version(), **{package: known(package) for package in PACKAGES}}


def processor() -> str:
    """Return the name of the CPU as far as the system knows it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
