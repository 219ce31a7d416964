"""Two jobs that record with one tracker in one folder, at the same moment: everything is there once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.store.store import Store
from tests.conftest import ROOT
from tests.job.test_job import wait_for
from tests.store.one_run import ARRAYS, RECORD, SPEC, WEIGHTS

JOB = """
import sys, time
from pathlib import Path
from bench.spec.run import RunSpec
from bench.store.store import Store

folder, own = Path(sys.argv[1]), sys.argv[2]

def slowly(function):
    # whoever has looked waits for the other to look as well, before it writes
    def call(*arguments, **options):
        (folder / "looked").touch()
        time.sleep(float(sys.argv[3]))
        return function(*arguments, **options)
    return call

{patch}
(folder / f"ready-{{own}}").touch()
while sum(path.name.startswith("ready-") for path in folder.iterdir()) < int(sys.argv[4]):
    time.sleep(0.01)
tracker = {tracker}
for record in Store(folder / "runs" / own).records():
    tracker.ended(RunSpec(**record.spec), record)
tracker.reported(folder / "report")
tracker.close()
"""
MLFLOW = JOB.format(
    patch="from mlflow.tracking import MlflowClient\n"
    "for name in ('create_experiment', 'create_run'):\n"
    "    setattr(MlflowClient, name, slowly(getattr(MlflowClient, name)))\n"
    "from bench.trackers.mlflow import MLflow",
    tracker="MLflow(str(folder / 'tracked'))",
)
TENSORBOARD = JOB.format(
    patch="from torch.utils.tensorboard import SummaryWriter\n"
    "from bench.trackers.tensorboard import TensorBoard\n"
    "Path.glob = slowly(Path.glob)",
    tracker="TensorBoard(str(folder / 'tracked'))",
)


def started(code: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-c", code, str(folder), *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def two_jobs(code: str, folder: Path) -> None:
    """Two jobs with the same runs, which begin to look at the same moment."""
    jobs = [started(code, folder, str(own), "1.0", "2") for own in range(2)]
    for job in jobs:
        _, shown = job.communicate(timeout=120)
        assert job.returncode == 0, shown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for own in ("0", "1"):
        Store(tmp_path / "runs" / own).write(RECORD, ARRAYS, WEIGHTS)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.md").write_text("# a report\n", encoding="utf-8")
    return tmp_path


def experiments_and_runs(folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The names of the experiments, and (tag, status) of the runs, as MLflow's own client lists them."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow.tracking import MlflowClient

    client: Any = MlflowClient(tracking_uri=(folder / "tracked").as_uri())
    experiments = client.search_experiments()
    runs = client.search_runs([one.experiment_id for one in experiments])
    return [one.name for one in experiments], sorted((run.data.tags["run_id"], run.info.status) for run in runs)


EACH_ONCE = (["conv-ablation"], sorted([(RECORD.run_id, "FINISHED"), ("report report", "FINISHED")]))


@pytest.mark.slow
def test_mlflow_has_one_experiment_and_each_run_once_when_two_jobs_record_at_the_same_moment(folder: Path) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed (the extra [mlflow])")
    two_jobs(MLFLOW, folder)
    assert experiments_and_runs(folder) == EACH_ONCE


@pytest.mark.slow
def test_a_job_that_was_killed_while_it_recorded_holds_nobody_up(folder: Path) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed (the extra [mlflow])")
    killed = started(MLFLOW, folder, "0", "600", "1")
    wait_for(lambda: (folder / "looked").exists())
    assert list((folder / "tracked").glob(".*lock")), "it holds no lock, so that its death shows nothing"
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    from bench.trackers.mlflow import MLflow

    tracker = MLflow(str(folder / "tracked"))
    half = tracker.client.create_run(tracker.experiment, tags={"run_id": SPEC.run_id})  # what a kill leaves
    assert half.info.status == "RUNNING"
    tracker.ended(SPEC, RECORD)
    tracker.reported(folder / "report")
    assert experiments_and_runs(folder) == EACH_ONCE


def test_mlflow_shows_no_run_that_was_interrupted_while_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed (the extra [mlflow])")
    from bench.trackers.mlflow import MLflow

    tracker = MLflow(str(tmp_path / "tracked"))

    def interrupted(*unused: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tracker.client, "log_batch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tracker.ended(SPEC, RECORD)
    assert experiments_and_runs(tmp_path) == (["conv-ablation"], [])
    tracker.ended(SPEC, RECORD)
    assert experiments_and_runs(tmp_path) == (["conv-ablation"], [(RECORD.run_id, "FINISHED")])


def test_runs_that_were_doubled_once_become_one_again(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed (the extra [mlflow])")
    from bench.trackers.mlflow import MLflow

    tracker = MLflow(str(tmp_path / "tracked"))
    for status in ("FINISHED", "FAILED", "FINISHED"):
        run = tracker.client.create_run(tracker.experiment, tags={"run_id": SPEC.run_id}).info.run_id
        tracker.client.set_terminated(run, status)
    tracker.ended(SPEC, RECORD)
    assert experiments_and_runs(tmp_path) == (["conv-ablation"], [(RECORD.run_id, "FINISHED")])


@pytest.mark.slow
def test_tensorboard_has_each_curve_once_when_two_jobs_record_at_the_same_moment(folder: Path) -> None:
    """The two have trained the run each for itself, so that their records, and the names of the files, differ."""
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed (the extra [tensorboard])")
    shutil.rmtree(folder / "runs" / "1")
    again = replace(RECORD, environment={**RECORD.environment, "ended": 1_700_000_000.0})
    Store(folder / "runs" / "1").write(again, ARRAYS, WEIGHTS)
    two_jobs(TENSORBOARD, folder)
    (place,) = (folder / "tracked" / SPEC.task / SPEC.arch).iterdir()
    assert len(list(place.iterdir())) == 1
