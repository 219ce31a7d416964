"""Two jobs that record with one tracker in one folder, at the same moment: everything is there once."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from bench.store.record import Record
from bench.store.store import Store
from bench.trackers import Kind, kinds
from tests.job.test_job import wait_for
from tests.store.one_run import ARRAYS, RECORD, SPEC, WEIGHTS

SECONDS = 0.4
"""Whoever has looked waits for so long before it writes, so that the other has looked as well."""


def tracker_of(name: str) -> Kind:
    pytest.importorskip(name, reason=f"{name} is not installed (the extra [{name}])")
    return next(kind for kind in kinds() if kind.name == name)


def slowly(function: Callable[..., Any], seconds: float, mark: Path) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        mark.touch()
        time.sleep(seconds)
        return function(*arguments, **options)

    return call


def job(kind: Kind, slow: type, names: tuple[str, ...], seconds: float, record: Record, folder: Path, go: Any) -> None:
    """What a job tells a tracker of one run and of its report: the main function of a process."""
    for name in names:
        setattr(slow, name, slowly(getattr(slow, name), seconds, folder / "looked"))
    go.wait()
    tracker = kind.open(str(folder / "tracked"))
    tracker.ended(SPEC, record)
    tracker.reported(folder / "report")
    tracker.close()


def started(kind: Kind, seconds: float, record: Record, folder: Path, go: Any) -> BaseProcess:
    """A job in a process of its own, a fork of this one, which has imported what a tracker needs."""
    slow: type
    if kind.name == "mlflow":
        from mlflow.tracking import MlflowClient

        slow, names = MlflowClient, ("create_experiment", "create_run")
    else:
        from torch.utils.tensorboard import SummaryWriter  # noqa: F401

        slow, names = Path, ("glob",)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=job, args=(kind, slow, names, seconds, record, folder, go), daemon=True)
    process.start()
    return process


def two_jobs(kind: Kind, folder: Path, *records: Record) -> None:
    """Two jobs that begin to look at the same moment."""
    go = multiprocessing.get_context("fork").Barrier(2)
    jobs = [started(kind, SECONDS, record, folder, go) for record in records]
    for one in jobs:
        one.join(60)
        assert one.exitcode == 0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.md").write_text("# a report\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def record(tmp_path: Path) -> Record:
    store = Store(tmp_path / "runs")
    store.write(RECORD, ARRAYS, WEIGHTS)
    return store.load(RECORD.run_id)


def experiments_and_runs(folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The names of the experiments, and (tag, status) of the runs, as MLflow's own client lists them."""
    from mlflow.tracking import MlflowClient

    client: Any = MlflowClient(tracking_uri=(folder / "tracked").as_uri())
    experiments = client.search_experiments()
    runs = client.search_runs([one.experiment_id for one in experiments])
    return [one.name for one in experiments], sorted((run.data.tags["run_id"], run.info.status) for run in runs)


ONE_RUN = (["conv-ablation"], [(RECORD.run_id, "FINISHED")])
EACH_ONCE = (["conv-ablation"], sorted([(RECORD.run_id, "FINISHED"), ("report report", "FINISHED")]))


def test_mlflow_has_one_experiment_and_each_run_once(folder: Path, record: Record) -> None:
    two_jobs(tracker_of("mlflow"), folder, record, record)
    assert experiments_and_runs(folder) == EACH_ONCE


def test_a_job_that_was_killed_while_it_recorded_holds_nobody_up(folder: Path, record: Record) -> None:
    kind = tracker_of("mlflow")
    killed = started(kind, 600, record, folder, multiprocessing.get_context("fork").Barrier(1))
    wait_for(lambda: (folder / "looked").exists())
    assert list((folder / "tracked").glob(".*lock")), "it holds no lock, so that its death shows nothing"
    killed.kill()
    killed.join(60)
    tracker: Any = kind.open(str(folder / "tracked"))
    for tags in ({"run_id": SPEC.run_id}, {"run_id": "0" * 16}, {"theirs": "by hand"}):  # what a kill leaves, and one
        assert tracker.client.create_run(tracker.experiment, tags=tags).info.status == "RUNNING"
    tracker = kind.open(str(folder / "tracked"))
    (theirs,) = tracker.client.search_runs([tracker.experiment])
    assert theirs.data.tags["theirs"] == "by hand"
    tracker.client.delete_run(theirs.info.run_id)
    tracker.ended(SPEC, record)
    tracker.reported(folder / "report")
    assert experiments_and_runs(folder) == EACH_ONCE


def test_mlflow_shows_no_run_that_was_interrupted_while_it_was_written(
    folder: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker: Any = tracker_of("mlflow").open(str(folder / "tracked"))

    def interrupted(*unused: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tracker.client, "log_batch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tracker.ended(SPEC, record)
    assert experiments_and_runs(folder) == (["conv-ablation"], [])
    tracker.ended(SPEC, record)
    assert experiments_and_runs(folder) == ONE_RUN


def test_runs_that_were_doubled_once_become_one_again(folder: Path, record: Record) -> None:
    tracker: Any = tracker_of("mlflow").open(str(folder / "tracked"))
    for status in ("FINISHED", "FAILED", "FINISHED"):
        run = tracker.client.create_run(tracker.experiment, tags={"run_id": SPEC.run_id}).info.run_id
        tracker.client.set_terminated(run, status)
    tracker.ended(SPEC, record)
    assert experiments_and_runs(folder) == ONE_RUN


def test_a_folder_has_one_lock_whether_it_is_named_or_given_as_a_uri(folder: Path, record: Record) -> None:
    kind = tracker_of("mlflow")
    by_name: Any = kind.open(str(folder / "tracked"))
    by_uri: Any = kind.open((folder / "tracked").as_uri())
    assert by_uri.lock == by_name.lock
    by_name.ended(SPEC, record)
    by_uri.ended(SPEC, record)
    assert experiments_and_runs(folder) == ONE_RUN


def test_a_report_s_name_may_hold_a_quote(folder: Path) -> None:
    tracker: Any = tracker_of("mlflow").open(str(folder / "tracked"))
    report = (folder / "report").rename(folder / "it's mine")
    for _ in range(2):
        tracker.reported(report)
    assert experiments_and_runs(folder) == (["conv-ablation"], [("report it's mine", "FINISHED")])


def test_tensorboard_has_each_curve_once(folder: Path, record: Record) -> None:
    """The two have trained the run each for itself, so that their records, and the names of the files, differ."""
    again = replace(record, environment={**record.environment, "ended": 1_700_000_000.0})
    two_jobs(tracker_of("tensorboard"), folder, record, again)
    (place,) = (folder / "tracked" / SPEC.task / SPEC.arch).iterdir()
    assert len(os.listdir(place)) == 1
