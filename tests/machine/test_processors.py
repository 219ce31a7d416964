"""What a job may use of its machine: affinity, the quota of a container, the quota of whatever the container is in."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bench.launchers.local import ThisMachine
from bench.machine import processors as module
from bench.machine.child import start_context
from bench.machine.processors import Processors, cpu_quota, memory_limit
from bench.spec.device import CPU, Device
from tests.conftest import ROOT
from tests.job.test_job import TINY, job, wait_for


def proc(folder: Path, groups: str, mounts: Mapping[str, str], files: Mapping[str, str]) -> Path:
    """What the system would say of a process.

    Args:
        folder: where all of it is put.
        groups: the lines of /proc/self/cgroup.
        mounts: folder → "the group mounted there, kind, options".
        files: path of a file of a control group → its content.
    """
    (folder / "cgroup").write_text(groups, encoding="utf-8")
    lines = ["22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"]
    for name, what in mounts.items():
        root, kind, options = what.split()
        lines.append(f"30 22 0:26 {root} {str(folder / name).replace(' ', chr(92) + '040')} rw - {kind} none {options}")
    (folder / "mountinfo").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n", encoding="utf-8")
    return folder


V2 = {"fs": "/ cgroup2 rw,nsdelegate"}
V1 = {"cpu": "/ cgroup rw,cpu,cpuacct", "mem": "/ cgroup rw,memory", "set": "/ cgroup rw,cpuset"}
QUOTAS: dict[str, tuple[str, dict[str, str], dict[str, str], float | None]] = {
    "no control groups": ("", {}, {}, None),
    "version 2, no limit": ("0::/", V2, {"fs/cpu.max": "max 100000"}, None),
    "version 2, a container that sees its own group as the root": ("0::/", V2, {"fs/cpu.max": "150000 100000"}, 1.5),
    "version 2, another period": ("0::/", V2, {"fs/cpu.max": "20000 10000"}, 2.0),
    "version 2, the smallest of a pod and its container": (
        "0::/kubepods/pod1/c1", V2,
        {"fs/kubepods/cpu.max": "max 100000", "fs/kubepods/pod1/cpu.max": "300000 100000",
         "fs/kubepods/pod1/c1/cpu.max": "400000 100000"},
        3.0,
    ),
    "version 2, a container that sees all groups": (
        "0::/system.slice/docker-1", V2, {"fs/system.slice/docker-1/cpu.max": "250000 100000"}, 2.5,
    ),
    "version 2, a group outside of what is mounted": ("0::/../../user.slice", V2, {"fs/cpu.max": "200000 100000"}, 2.0),
    "version 2, mounted at a blank": ("0::/", {"a b": "/ cgroup2 rw"}, {"a b/cpu.max": "200000 100000"}, 2.0),
    "version 2, what is no number": ("0::/", V2, {"fs/cpu.max": "many"}, None),
    "version 2, a period of nothing": ("0::/", V2, {"fs/cpu.max": "100000 0"}, None),
    "version 1, no limit": (
        "4:cpu,cpuacct:/\n3:cpuset:/", V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None,
    ),
    "version 1, Docker: only the container's own group is mounted": (
        "4:cpu,cpuacct:/docker/f00\n3:memory:/docker/f00\n0::/docker/f00", {"cpu": "/docker/f00 cgroup rw,cpu,cpuacct"},
        {"cpu/cpu.cfs_quota_us": "350000", "cpu/cpu.cfs_period_us": "100000"}, 3.5,
    ),
    "version 1, a group within one that may less": (
        "4:cpu,cpuacct:/job/step", V1,
        {"cpu/job/cpu.cfs_quota_us": "200000", "cpu/job/cpu.cfs_period_us": "100000",
         "cpu/job/step/cpu.cfs_quota_us": "800000", "cpu/job/step/cpu.cfs_period_us": "100000",
         "set/cpu.cfs_quota_us": "1000", "set/cpu.cfs_period_us": "100000"},
        2.0,
    ),
    "both versions, the quota in the older": (
        "4:cpu,cpuacct:/\n0::/", V1 | V2,
        {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000", "fs/cgroup.procs": "1"}, 2.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUOTAS)
def test_the_smallest_quota_of_all_that_count_is_found(name: str, tmp_path: Path) -> None:
    groups, mounts, files, expected = QUOTAS[name]
    assert cpu_quota(proc(tmp_path, groups, mounts, files)) == expected


def test_no_proc_is_no_limit(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none") is None
    assert memory_limit(tmp_path / "none") is None


def test_a_limit_of_memory_is_the_smallest_too(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    two = proc(tmp_path / "a", "0::/x", V2, {"fs/memory.max": "max", "fs/x/memory.max": "1048576"})
    assert memory_limit(two) == 1 << 20
    one = proc(tmp_path / "b", "3:memory:/", V1, {"mem/memory.limit_in_bytes": "9223372036854771712"})
    assert memory_limit(one) is None  # as version 1 says that there is none


@pytest.mark.parametrize(
    "there, allowed, quota, usable, words",
    [
        (8, 8, None, 8, "8"),
        (64, 4, None, 4, "4 of 64 (affinity)"),
        (64, 64, 2.5, 2, "2 of 64 (CPU quota 2.5)"),  # a third would be stopped half of the time
        (64, 4, 16.0, 4, "4 of 64 (affinity)"),
        (64, 64, 0.5, 1, "1 of 64 (CPU quota 0.5)"),
        (4, 4, 4.0, 4, "4"),
    ],
)
def test_what_can_be_kept_busy(there: int, allowed: int, quota: float | None, usable: int, words: str) -> None:
    found = Processors(there, allowed, quota)
    assert (found.usable, str(found)) == (usable, words)


@pytest.mark.parametrize("threads, workers", [(1, 3), (2, 1), (8, 1)])
def test_a_quota_decides_how_many_workers_there_are(
    threads: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.launchers.local.processors", lambda: Processors(64, 64, 3.5))
    assert ThisMachine(threads, None).slots([CPU]) == workers
    assert ThisMachine(threads, 5).slots([CPU]) == 5  # who asks for so many gets them
    assert ThisMachine(threads, None).slots([Device("cuda:0"), Device("cuda:1")]) == 2


def test_python_may_be_told_to_see_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 3, raising=False)  # Python 3.13; PYTHON_CPU_COUNT
    monkeypatch.setattr(module, "cpu_quota", lambda proc: None)
    assert module.processors().usable == 3


def new_group() -> Path | None:
    """A new control group of this system with a quota of one processor; None where none may be made."""
    name = f"conv-ablation-test-{uuid.uuid4().hex[:8]}"
    for around, version in module.control_groups("cpu"):
        group = around / name
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                quota = ("cpu.max", "100000 100000") if version == 2 else ("cpu.cfs_quota_us", "100000")
                (group / quota[0]).write_text(quota[1], encoding="ascii")
                return group
            except OSError:
                group.rmdir()
    return None


@contextlib.contextmanager
def group_of_one_processor() -> Iterator[Path]:
    """The same, and it is gone afterwards; skips where none may be made."""
    group = new_group()
    if group is None:
        pytest.skip("no control group with a quota can be made here")
    try:
        yield group
    finally:
        wait_for(lambda: is_removed(group))  # until its last process has ended


def is_removed(group: Path) -> bool:
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


JOB = ["--archs", "mlp", "--tasks", "classifier", "--seeds", "2", "--epochs", "1"]


def written_by_a_job(folder: Path, before: str) -> tuple[dict[str, object], str]:
    """The manifest and the page of a job in a process that first does something to itself."""
    command = f"{before}; import runpy, sys; runpy.run_path('run_ablation.py', run_name='__main__')"
    where = ["--runs-dir", str(folder / "runs"), "--out", str(folder / "report")]
    arguments = [sys.executable, "-c", command, *TINY, *JOB, *where]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return described(folder)


def described(folder: Path) -> tuple[dict[str, object], str]:
    """The manifest and the page of a job."""
    manifest = json.loads((folder / "report" / "manifest.json").read_text(encoding="utf-8"))
    return manifest, (folder / "report" / "report.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is only one processor")
def test_a_job_in_a_container_of_one_processor_has_one_worker_and_its_page_says_why(tmp_path: Path) -> None:
    with group_of_one_processor() as group:
        enter = f"import os, pathlib; pathlib.Path({str(group / 'cgroup.procs')!r}).write_text(str(os.getpid()))"
        manifest, page = written_by_a_job(tmp_path, enter)
    assert manifest["workers"] == 1
    assert f"1 of {os.cpu_count()} (CPU quota 1)" in page


@pytest.mark.skipif((os.cpu_count() or 1) < 2 or not hasattr(os, "sched_setaffinity"), reason="nothing to choose from")
def test_a_job_that_is_held_to_one_processor_has_one_worker(tmp_path: Path, unmade: None) -> None:
    start_context()  # the server of the workers is not held there
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert job(tmp_path, *JOB, report=True) == 0
    finally:
        os.sched_setaffinity(0, before)
    manifest, page = described(tmp_path)
    assert manifest["workers"] == 1
    assert f"1 of {os.cpu_count()} (affinity)" in page
