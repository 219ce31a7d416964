"""What can go wrong around a job: kills, a full disk, damage, signals, the first failure."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.store.claims import Claims
from bench.store.differences import differences
from bench.store.store import Store
from tests.conftest import ROOT
from tests.job.test_job import BROKEN, TINY, job, records, stamps, wait_for


def command(folder: Path, *arguments: str) -> list[str]:
    where = ["--runs-dir", str(folder / "runs"), "--out", str(folder / "report")]
    return [sys.executable, "run_ablation.py", *TINY, *where, *arguments]


CAMPAIGNS = {
    "fixed": "--kills 4 --seed 5 --seeds 3",
    "until sure": "--kills 4 --seed 1 --seeds 3 --until-sure 5",
    "race": "--kills 4 --seed 1 --seeds 3 --race 6",
}
ONE_AFTER_THE_OTHER = """
import sys, traceback
from tests.job.faults import main
for options in sys.argv[1:]:
    try:
        status = main(options.split())
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        status = 1
    print(f"status {status}\\f", flush=True)
"""
"""In one process, which loads what jobs need once, and has one fork server for all of them."""


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """Campaign → what it prints, and with which status it ends."""
    command = [sys.executable, "-c", ONE_AFTER_THE_OTHER, *CAMPAIGNS.values()]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=1200)
    return dict(zip(CAMPAIGNS, done.stdout.split("\f"), strict=False))


@pytest.mark.slow
def test_kills_lose_nothing_and_two_jobs_share_a_store(said: dict[str, str]) -> None:
    """The long mode is `python -m tests.job.faults --kills 200`."""
    assert said["fixed"].endswith("\nstatus 0"), said["fixed"]
    assert "two jobs, 24 runs: each trained once" in said["fixed"]
    assert re.search(r"^4 kills .* no finished run lost or trained again, no record wrong", said["fixed"], re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["until sure", "race"])
def test_a_plan_that_grows_ends_with_the_same_runs_and_the_same_page_however_often_it_is_killed(
    rule: str, said: dict[str, str]
) -> None:
    """The long mode is `python -m tests.job.faults --kills 200 --seeds 3 --until-sure 6`, or `--race 6`."""
    assert said[rule].endswith("\nstatus 0"), said[rule]
    assert re.search(r"^4 kills .* every final report the same", said[rule], re.MULTILINE)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job of two finished runs."""
    folder = tmp_path_factory.mktemp("done")
    assert job(folder, "--archs", "mlp", "--tasks", "vae", "classifier", "--seeds", "1") == 0
    return folder


@pytest.mark.parametrize("name", ["record.json", "arrays.npz", "model.safetensors"])
def test_a_damaged_run_is_named_set_aside_and_trained_again(
    done: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture
) -> None:
    shutil.copytree(done / "runs", tmp_path / "runs")
    before = records(done)
    path = tmp_path / "runs" / before[0].run_id / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    kept = stamps(tmp_path)
    assert job(tmp_path, "--archs", "mlp", "--tasks", "vae", "classifier", "--seeds", "1") == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "WARNING" in line]
    assert f"run {before[0].run_id}: " in line
    assert f".damaged/{before[0].run_id}.1" in line
    assert (tmp_path / "runs" / ".damaged" / f"{before[0].run_id}.1" / name).read_bytes() == content
    assert stamps(tmp_path)[before[1].run_id] == kept[before[1].run_id]
    for ours, theirs in zip(records(tmp_path), before, strict=True):
        assert differences(ours, theirs) == []


def limit_files() -> None:
    """No file may grow beyond 8 KiB: from then on each write fails, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, 8_192))


def test_a_disk_that_fills_up_before_the_job_stops_it(tmp_path: Path) -> None:
    found = subprocess.run(command(tmp_path), cwd=ROOT, capture_output=True, text=True, preexec_fn=limit_files)
    assert found.returncode == 2
    assert found.stderr.splitlines()[-1].startswith(
        f"error: runs folder {tmp_path / 'runs'}: File too large; free some"
    )
    assert not list((tmp_path / "runs").iterdir())


def can_mount() -> bool:
    """Whether a small file system can be mounted here, in a namespace of its own."""
    try:
        command = ["unshare", "-rm", "mount", "-t", "tmpfs", "x", "/mnt"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="no small file system can be mounted here")
def test_a_disk_that_fills_up_during_the_job_stops_it_and_leaves_no_half_record(tmp_path: Path) -> None:
    """Real ENOSPC: a store of 1.3 MB, room for a few runs of 135 kB."""
    (tmp_path / "runs").mkdir()
    arguments = command(tmp_path, "--archs", "cnn2", "--tasks", "vae", "--seeds", "20", "--workers", "2")
    script = f"""
        mount -t tmpfs -o size=1300k x {tmp_path / "runs"}
        {" ".join(arguments)} >/dev/null 2>{tmp_path / "said"}; echo $? >{tmp_path / "status"}
        cp -a {tmp_path / "runs"} {tmp_path / "copy"}
    """
    subprocess.run(["unshare", "-rm", "bash", "-c", script], cwd=ROOT, check=True)
    said = (tmp_path / "said").read_text(encoding="utf-8").splitlines()
    assert (tmp_path / "status").read_text(encoding="utf-8").strip() == "2"
    assert said[-1].startswith(f"error: runs folder {tmp_path / 'runs'}: No space left on device; free some space, and")
    assert not any("Traceback" in line for line in said)
    left = Store(tmp_path / "copy")
    assert 1 <= len(left.run_ids()) < 20
    for run_id in left.run_ids():
        assert left.load(run_id).status == "finished"
        left.load(run_id).verify()


def test_the_first_failure_stops_a_job_that_asks_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture, unmade: None
) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN, encoding="utf-8")
    arguments = ["--archs", "explodes", "mlp", "--tasks", "classifier", "--seeds", "4", "--workers", "1"]
    assert job(tmp_path, *arguments, "--plugin", str(plugin), "--fail-fast", report=True) == 1
    assert "stopped at the first failure: 7 not done" in capsys.readouterr().err.splitlines()[-1]
    assert [record.status for record in records(tmp_path)] == ["failed"]
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "1 run of 8 failed." in page and "7 runs of 8 have no record: not run yet, or removed." in page


@pytest.mark.slow
@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_stop_a_job_cleanly_and_a_second_one_at_once(tmp_path: Path, number: int, status: int) -> None:
    arguments = command(tmp_path, "--archs", "mlp", "--seeds", "50", "--workers", "1")
    process = subprocess.Popen(arguments, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)  # fmt: skip
    wait_for(lambda: bool(stamps(tmp_path)))
    os.killpg(process.pid, number)
    if number == signal.SIGINT:
        wait_for(lambda: (tmp_path / "report" / "manifest.json").is_file())
        os.killpg(process.pid, number)  # while the report is drawn
    _, shown = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in shown
    said = {signal.SIGTERM: "stopped by SIGTERM: ", signal.SIGINT: "stopped: "}[signal.Signals(number)]
    assert shown.splitlines()[-1].startswith(said)
    assert all(record.status == "finished" for record in records(tmp_path))  # a stopped run is no failed run


def test_a_claim_is_exclusive_and_goes_with_its_process(tmp_path: Path) -> None:
    """Another process takes a run and is killed: only then is the run free."""
    run_id = "0123456789abcdef"
    code = (
        "import sys, time; from pathlib import Path; from bench.store.claims import Claims; claims = Claims();"
        "print(claims.take(Path(sys.argv[1]), sys.argv[2]), flush=True); time.sleep(60)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path), run_id]
    other = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline().strip() == "True"
    claims = Claims()
    assert not claims.take(tmp_path, run_id)
    other.kill()
    other.wait()
    assert claims.take(tmp_path, run_id)
    claims.close()
    assert not list((tmp_path / ".claims").iterdir())
