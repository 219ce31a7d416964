"""The versions and the processor that a run is recorded with. They are not part of its identity."""

from __future__ import annotations

import functools
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "numpy", "pandas", "scipy")


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
