"""Trackers: what TensorBoard and MLflow find afterwards, nothing twice, and no harm from a broken one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from archs.errors import UserError
from bench import trackers
from bench.spec.progress import Progress
from bench.spec.run import RunSpec
from bench.spec.signals import Terminated, signals_stop
from bench.store.store import Record, Store
from bench.trackers import _thread
from run_ablation import main
from tests.conftest import ROOT, save_nothing
from tests.job.test_job import TINY
from tests.store.one_run import SPEC

real = trackers.open_trackers


def kind_of(tracker: object) -> trackers.Kind:
    """A tracker as the command line would know it."""
    return trackers.Kind("broken", "X", "", (), "x", lambda value: tracker)  # type: ignore[arg-type,return-value]


class Speechless(Exception):
    """An error without a text."""

    def __str__(self) -> str:
        raise RuntimeError


JOB = [*TINY, "--archs", "cnn2", "pool4", "--seeds", "1", "--tasks", "vae", "classifier", "--throughput", "off"]


def job(folder: Path, *arguments: str) -> int:
    return main([*JOB, "--runs-dir", str(folder / "runs"), "--out", str(folder / "report"), *arguments])


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that was run, and run again, with every tracker that is installed."""
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed (the extra [tensorboard])")
    folder = tmp_path_factory.mktemp("tracked")
    assert job(folder, "--tensorboard", str(folder / "tb")) == 0
    assert job(folder, "--tensorboard", str(folder / "tb")) == 0
    return folder


def events(folder: Path) -> dict[str, dict]:
    """Run → what TensorBoard's own reader finds in it."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    reader = EventMultiplexer(size_guidance={"scalars": 0, "images": 0, "tensors": 0}).AddRunsFromDirectory(str(folder))
    reader.Reload()
    return {run: {**reader.Runs()[run], "of": reader.GetAccumulator(run)} for run in reader.Runs()}


def run_of(found: dict[str, dict], start: str) -> dict:
    (name,) = [name for name in found if name.startswith(start)]
    return found[name]


def test_tensorboard_has_every_epoch_once_and_the_scores(tracked: Path) -> None:
    found = events(tracked / "tb")
    records = Store(tracked / "runs").records()
    assert len([name for name in found if "seed-0" in name]) == len(records) == 3
    curves = set()
    for record in records:
        here = run_of(found, f"{record.spec['task']}/{record.spec['arch']}/seed-0-{record.run_id[:8]}")
        for name in ("train_loss", "val_elbo", "val_accuracy"):
            expected = [(row["epoch"], pytest.approx(row[name])) for row in record.history if name in row]
            if expected:
                curves.add(name)
                assert [(point.step, point.value) for point in here["of"].Scalars(f"curve/{name}")] == expected
        for name in record.metrics.keys() & {"elbo", "accuracy", "kl"}:
            assert [point.value for point in here["of"].Scalars(f"test/{name}")] == [
                pytest.approx(record.metrics[name])
            ]
        assert not any(tag.startswith("live/") for tag in here["scalars"])
    assert curves == {"train_loss", "val_elbo", "val_accuracy"}
    assert not list((tracked / "tb").rglob("*.live"))
    assert not list((tracked / "tb").rglob(".partial-*"))


def test_tensorboard_has_pictures_the_report_s_figures_and_settings(tracked: Path) -> None:
    from tensorboard.plugins.hparams import plugin_data_pb2

    found = events(tracked / "tb")
    vae = run_of(found, "vae/cnn2/")
    assert {"pictures/reconstructions", "pictures/prior", "pictures/interpolations"} <= set(vae["images"])
    image = vae["of"].Images("pictures/reconstructions")[0]
    assert (image.width, image.height) == (10 * 30, 2 * 30)  # originals over reconstructions, ten of each
    figures = {f"report/{path.stem}" for path in (tracked / "report" / "figures").glob("*.png")}
    assert set(found["reports/report"]["images"]) == figures
    assert figures
    content = vae["of"].SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert start.hparams["arch"].string_value == "cnn2"
    assert start.hparams["epochs"].number_value == 2
    assert "_hparams_/experiment" in found["."]["tensors"]


def test_a_run_in_flight_shows_its_loss_and_a_retry_replaces_the_failure(tmp_path: Path, tracked: Path) -> None:
    from bench.trackers.tensorboard import TensorBoard

    record = next(record for record in Store(tracked / "runs").records() if record.spec["task"] == "vae")
    spec = RunSpec(**record.spec)
    tracker = TensorBoard(str(tmp_path))
    tracker.started(spec)
    tracker.progress(spec, Progress(0.5, 1, 123.0))
    tracker.live[spec.run_id].flush()
    (run,) = (name for name in events(tmp_path) if name != ".")
    assert [(point.step, point.value) for point in events(tmp_path)[run]["of"].Scalars("live/loss")] == [(500, 123.0)]
    tracker.ended(spec, Record(spec.run_id, record.spec, "failed", "ValueError: no"))
    assert [path.name.rpartition(".")[2] for path in (tmp_path / run).iterdir()] == ["failed"]
    tracker.started(spec)
    tracker.ended(spec, record)
    assert [path.name.rpartition(".")[2] for path in (tmp_path / run).iterdir()] == ["finished"]


def test_mlflow_has_each_run_once_with_settings_curves_scores_and_pictures(tracked: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed (the extra [mlflow])")
    from bench.trackers.mlflow import EXPERIMENT, MLflow

    records = Store(tracked / "runs").records()
    for _ in range(2):
        tracker = MLflow(str(tmp_path / "ml"))
        for record in records:
            tracker.ended(RunSpec(**record.spec), record)
        tracker.reported(tracked / "report")
    experiment = tracker.client.get_experiment_by_name(EXPERIMENT).experiment_id
    found = {run.data.tags["run_id"]: run for run in tracker.client.search_runs([experiment])}
    assert found.keys() == {record.run_id for record in records} | {"report report"}
    assert len(tracker.client.search_runs([experiment])) == len(records) + 1
    for record in records:
        run = found[record.run_id]
        assert run.info.status == "FINISHED"
        assert run.data.params["arch"] == record.spec["arch"]
        curve = tracker.client.get_metric_history(run.info.run_id, "curve/train_loss")
        assert [(point.step, point.value) for point in curve] == [
            (row["epoch"], row["train_loss"]) for row in record.history
        ]
        shown = {item.path for item in tracker.client.list_artifacts(run.info.run_id, "pictures")}
        assert ("pictures/reconstructions.png" in shown) == (record.spec["task"] == "vae")
    assert "report.md" in {item.path for item in tracker.client.list_artifacts(found["report report"].info.run_id)}


@pytest.mark.parametrize(
    "raised, said",
    [
        (OSError("no\nspace"), "OSError: no space"),
        (SystemExit(3), "SystemExit: 3"),
        (Speechless(), "Speechless: its message can't be made: __str__ raises RuntimeError"),
    ],
    ids=["error", "exit", "speechless"],
)
def test_a_tracker_that_raises_is_named_once_and_costs_nothing(
    raised: BaseException, said: str, capsys: pytest.CaptureFixture
) -> None:
    called: list[str] = []

    class Broken:
        def __getattr__(self, name: str) -> object:
            called.append(name)
            raise raised

    with trackers.open_trackers({"broken": "x"}, [kind_of(Broken())]) as told:
        for _ in range(3):
            told.started(SPEC)
            told.wait()
    assert capsys.readouterr().err == f"WARNING: --broken: {said}; runs and report go on without it\n"
    assert called == ["started", "close"]


class Stuck:
    """A tracker whose server does not answer."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        self.told.append(name)
        return (lambda *arguments: None) if name == "started" else lambda *arguments: threading.Event().wait()


def test_a_job_does_not_wait_for_a_tracker_that_is_stuck(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_thread, "PATIENCE_SECONDS", 0.2)
    stuck = Stuck()
    monkeypatch.setattr(trackers, "open_trackers", lambda options: real({"broken": "x"}, [kind_of(stuck)]))
    with patch("reports.figures.canvas.save", save_nothing):
        assert job(tmp_path, "--archs", "mlp", "--tasks", "classifier") == 0
    shown = capsys.readouterr().err
    assert shown.count("WARNING: --broken: no answer for 0.2 s; runs and report go on without it") == 1
    assert shown.count("WARNING: --broken") == 1
    assert (tmp_path / "report" / "report.md").is_file()
    assert stuck.told[:1] == ["started"] and len(stuck.told) <= 3


def test_a_signal_stops_a_command_that_waits_for_a_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "INTERRUPTED_SECONDS", 0.1)
    with pytest.raises(Terminated), signals_stop(), real({"broken": "x"}, [kind_of(Stuck())]) as told:
        told.reported(Path())
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        told.wait()
        pytest.fail("it went on")


def test_an_mlflow_server_that_does_not_answer_is_asked_twice_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed (the extra [mlflow])")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        where = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(UserError, match=f"^--mlflow {where}: .*; name a writable folder, or a tracking URI$"):
            trackers.open_trackers({"mlflow": where})
        mute.settimeout(0.1)
        asked: list[socket.socket] = []
        with pytest.raises(TimeoutError):
            while True:
                asked.append(mute.accept()[0])
        assert len(asked) == 2
        for one in asked:
            one.close()


def test_a_tracker_that_can_t_be_had_is_one_line_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = trackers.Kind("absent", "X", "", ("no_such_package_for_test",), "absent", lambda value: None)
    with pytest.raises(UserError, match=r"--absent needs the package no_such_package_for_test, .* extra \[absent\]"):
        trackers.open_trackers({"absent": "x"}, [kind])
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed (the extra [tensorboard])")
    (tmp_path / "file").touch()
    assert job(tmp_path, "--tensorboard", str(tmp_path / "file")) == 2
    assert "--tensorboard" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_help_knows_the_trackers_and_loads_none() -> None:
    code = (
        "import sys; from bench.job.options import parser; text = parser().format_help(); "
        "print('--tensorboard DIR' in text, '--mlflow DIR' in text, "
        "sorted({'torch', 'pandas', 'scipy', 'tensorboard', 'mlflow', 'ray', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True True []"
