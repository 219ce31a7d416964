"""Trackers: what TensorBoard and MLflow find afterwards, nothing twice, and no harm from a broken one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from archs.errors import UserError
from bench import trackers
from bench.spec.progress import Progress
from bench.spec.run import RunSpec
from bench.store.store import Record, Store
from run_ablation import main
from tests.conftest import ROOT, save_nothing
from tests.job.test_job import TINY

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


def test_a_tracker_that_raises_is_named_once_and_costs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise OSError("no\nspace")

    kind = trackers.Kind("broken", "X", "", (), "x", lambda value: Broken())  # type: ignore[arg-type,return-value]
    monkeypatch.setattr(trackers, "open_trackers", lambda options: real({"broken": "x"}, [kind]))
    with patch("reports.figures.canvas.save", save_nothing):
        assert job(tmp_path, "--archs", "mlp", "--tasks", "classifier") == 0
    shown = capsys.readouterr().err
    assert shown.count("WARNING: --broken: OSError: no space; runs and report go on without it") == 1
    assert shown.count("WARNING: --broken") == 1
    assert (tmp_path / "report" / "report.md").is_file()


real = trackers.open_trackers


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
