"""What of this machine a process may use: processors and memory, as a container or a batch system has settled it.

A container may see 64 processors, be scheduled on all of them, and yet get the time of two: the kernel stops whoever
has used up its quota. The quota stands in the process's control group, or in one around it (Linux, cgroups 1 and 2).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc/self")

NO_LIMIT_BYTES = 1 << 60
"""What cgroups 1 say of a group without a limit of memory is more than this."""


@dataclass(frozen=True)
class Processors:
    """The processors of a machine, and what a process may use of them."""

    there: int
    """That the machine has, as far as can be seen."""

    allowed: int
    """That the process may be scheduled on (taskset, cpusets, PYTHON_CPU_COUNT)."""

    quota: float | None
    """Processor time per time that its control groups grant to all their processes together; None: no limit."""

    @property
    def usable(self) -> int:
        """How many can be kept busy without being stopped; 1 at least."""
        return max(1, self.allowed if self.quota is None else min(self.allowed, int(self.quota)))

    def __str__(self) -> str:
        """Say what is usable and why: "2 of 64 processors (CPU quota 2.5)"."""
        if self.usable == self.there:
            return f"{self.there}"
        by_quota = self.quota is not None and self.quota < self.allowed
        return f"{self.usable} of {self.there} ({f'CPU quota {self.quota:g}' if by_quota else 'affinity'})"


def processors(proc: Path = PROC) -> Processors:
    """Return what this process may use.

    Args:
        proc: what the system says of the process.
    """
    there = os.cpu_count() or 1
    if hasattr(os, "process_cpu_count"):  # Python 3.13; it heeds PYTHON_CPU_COUNT too
        allowed = os.process_cpu_count() or there
    else:
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    return Processors(there, allowed, cpu_quota(proc))


def cpu_quota(proc: Path = PROC) -> float | None:
    """Return how many processors' time the control groups of a process grant, the smallest of all that count for it."""
    found = []
    for folder, version in control_groups("cpu", proc):
        with suppress(OSError, ValueError, ZeroDivisionError):
            if version == 2:
                quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()  # "max" is no number
            else:
                quota, period = (_word(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
            if int(quota) > 0:  # -1 in version 1: none
                found.append(int(quota) / int(period))
    return min(found, default=None)


def memory_limit(proc: Path = PROC) -> int | None:
    """Return how many bytes of memory the control groups of a process grant to all in them; None: no limit."""
    found = []
    for folder, version in control_groups("memory", proc):
        with suppress(OSError, ValueError):
            limit = int(_word(folder / ("memory.max" if version == 2 else "memory.limit_in_bytes")))
            if limit < NO_LIMIT_BYTES:
                found.append(limit)
    return min(found, default=None)


def processor_seconds_limit() -> int | None:
    """Return after how much processor time each process is killed (`ulimit -t`); None if there is no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    return None if hard == resource.RLIM_INFINITY else hard


def control_groups(controller: str, proc: Path = PROC) -> Iterator[tuple[Path, int]]:
    """Yield (folder, version of cgroups) of a process's own control group and of each around it that can be seen.

    Args:
        controller: "cpu" or "memory".
        proc: the folder that says of the process which groups it is in, and where they are mounted.
    """
    try:
        memberships = (proc / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
        mounts = (proc / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return
    own = {}  # version → path of the process's group
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            own[2] = path
        elif controller in controllers.split(","):
            own[1] = path
    for line in mounts:
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        version = {"cgroup2": 2, "cgroup": 1}.get(kind, 0)
        if version not in own or (version == 1 and controller not in options.split(",")):
            continue
        root, mounted = (_unescaped(word) for word in before.split()[3:5])
        for folder in _upwards(Path(mounted), root, own[version]):
            yield folder, version


def _upwards(mounted: Path, root: str, path: str) -> Iterator[Path]:
    """Yield the folders from a group up to where its hierarchy is mounted.

    Args:
        mounted: where.
        root: the group that is mounted there; a container may see no more than its own.
        path: the group.
    """
    within = os.path.relpath(path, root)
    folder = mounted / within
    if within == os.curdir or os.pardir in within.split(os.sep) or not folder.is_dir():  # not under what is mounted
        folder = mounted
    while folder != mounted:
        yield folder
        folder = folder.parent
    yield mounted


def _word(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


def _unescaped(word: str) -> str:
    """Return a word of mountinfo, where a blank is written as its code in octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)
