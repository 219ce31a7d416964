"""Runs of different settings are kept apart: in every frame of a store, in a comparison and on a page."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
import reports
from archs.errors import UserError
from bench.spec.run import RunSpec
from bench.statistics.comparisons import comparisons_frame
from bench.statistics.settings import SETTINGS, differing_settings
from bench.store.store import Record, Store
from tests.reports.synthetic_layers import layer_rows

BASE = RunSpec(
    arch="cnn2", arch_fingerprint="aa", task="vae", dataset="mnist", data_fingerprint="dd", likelihood="dynamic",
    seed=0, epochs=2, batch_size=128, lr=0.004, latent_dim=20, train_images=None, device="cpu", threads=1,
)  # fmt: skip
OTHER = {
    "arch_fingerprint": "bb", "dataset": "digits", "data_fingerprint": "ee", "likelihood": "static", "epochs": 10,
    "batch_size": 64, "lr": 0.001, "latent_dim": 2, "train_images": 500, "device": "cuda", "threads": 2, "protocol": 1,
    "labels": 100, "deterministic": True, "task_fingerprint": "cc", "classification_weight": 0.1,
    "label_input": "one-hot", "steps": 77,
}  # fmt: skip


def write(folder: Path, *specs: RunSpec, failed: tuple[RunSpec, ...] = ()) -> Path:
    """A store with a finished run of each spec: its ELBO is −100 − epochs − seed, its history two epochs."""
    for spec in (*specs, *failed):
        elbo = -100.0 - spec.epochs - spec.seed
        finished = {
            "metrics": {"elbo": elbo} if spec.task == "vae" else {"accuracy": 0.9},
            "history": [{"epoch": epoch, "train_loss": 1.0, "val_elbo": elbo, "seconds": 1.0} for epoch in (1, 2)],
            "layers": layer_rows(spec.arch, spec.task, spec.latent_dim or 0),
        }
        shared = {"spec": spec.content(), "environment": {}, "run_id": spec.run_id}
        Store(folder).write(
            Record(**shared, status="failed", error="boom") if spec in failed
            else Record(**shared, status="finished", **finished)
        )  # fmt: skip
    return folder


def seeds(spec: RunSpec, count: int = 2) -> list[RunSpec]:
    return [dataclasses.replace(spec, seed=seed) for seed in range(count)]


def test_every_setting_has_another_value_here() -> None:
    assert (
        set(OTHER) == set(SETTINGS) == {field.name for field in dataclasses.fields(RunSpec)} - {"arch", "task", "seed"}
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_mean_is_over_two_settings(setting: str, tmp_path: Path) -> None:
    other = dataclasses.replace(BASE, **{setting: OTHER[setting]})
    write(tmp_path, *seeds(BASE), *seeds(other))
    summary = bench.load(tmp_path, "summary")
    elbo = summary[summary["metric"] == "elbo"]
    assert list(summary.columns[:3]) == ["arch", "task", setting] and summary.columns[3] == "metric"
    assert list(elbo["n"]) == [2, 2]
    of_base = elbo[elbo[setting].isna() if getattr(BASE, setting) is None else elbo[setting] == getattr(BASE, setting)]
    assert list(of_base["mean"]) == [-102.5]
    history = bench.load(tmp_path, "history")
    assert not history.duplicated(["arch", "task", "seed", "epoch", setting]).any() and len(history) == 8
    runs = bench.load(tmp_path)
    with pytest.raises(UserError, match=rf"the frame mixes vae runs with {setting}.* and .*: expected one"):
        comparisons_frame(runs, "cnn2")


def test_frames_of_one_setting_have_no_further_column(tmp_path: Path) -> None:
    """What a setting means for one task only, and each architecture's own fingerprint, are no differences."""
    classifier = dataclasses.replace(BASE, task="classifier", likelihood=None, latent_dim=None)
    cnn3 = dataclasses.replace(BASE, arch="cnn3", arch_fingerprint="cc")
    m2 = dataclasses.replace(BASE, task="m2", labels=100)
    write(tmp_path, *seeds(BASE), *seeds(classifier), *seeds(cnn3), *seeds(m2))
    expected = ["arch", "task", "metric", "n", "n_failed", "mean", "std", "low", "high"]
    assert list(bench.load(tmp_path, "summary").columns) == expected
    assert list(bench.load(tmp_path, "layers").columns[:4]) == ["arch", "task", "part", "layer"]
    assert list(bench.load(tmp_path, "history").columns[:5]) == ["arch", "task", "seed", "run_id", "epoch"]
    (tmp_path / "none").mkdir()
    assert bench.load(tmp_path / "none", "summary").empty and bench.load(tmp_path / "none", "layers").empty


def test_steps_and_epochs_of_matched_runs_are_each_architecture_s_own(tmp_path: Path) -> None:
    """The baseline has whole epochs, like any run of it; what others have beside it is no difference of settings."""
    cnn3, mlp = (
        dataclasses.replace(BASE, arch=arch, arch_fingerprint=arch, epochs=epochs, steps=steps)
        for arch, epochs, steps in (("cnn3", 5, 2_000), ("mlp", 1, 300))
    )
    other = dataclasses.replace(cnn3, task="classifier", likelihood=None, latent_dim=None, epochs=6, steps=2_400)
    runs = [spec for each in (BASE, cnn3, mlp, other) for spec in seeds(each)]
    write(tmp_path, *runs)
    frame = bench.load(tmp_path)
    assert differing_settings(frame) == []
    assert {*comparisons_frame(frame[frame["task"] == "vae"], "cnn2")["arch"]} == {"cnn3", "mlp"}
    assert list(bench.load(tmp_path, "summary").columns[:3]) == ["arch", "task", "metric"]
    assert list(bench.load(tmp_path, "history").columns[:4]) == ["arch", "task", "seed", "run_id"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"arch": "cnn3"}, "steps of cnn3 2000 and None"),
        ({"arch": "cnn3", "epochs": 6, "steps": 2_000}, "epochs of cnn3 5 and 6"),
        ({"arch": "cnn3", "epochs": 5, "steps": 1_900}, "steps of cnn3 1900 and 2000"),
        ({"arch": "mlp", "epochs": 7}, "epochs 2 and 7"),
    ],
)
def test_matched_runs_excuse_no_other_difference(change: dict[str, Any], named: str, tmp_path: Path) -> None:
    cnn3 = dataclasses.replace(BASE, arch="cnn3", arch_fingerprint="cc", epochs=5, steps=2_000)
    other = dataclasses.replace(BASE, arch_fingerprint="cc", **change)
    frame = bench.load(write(tmp_path, *seeds(BASE), *seeds(cnn3), *seeds(other)))
    with pytest.raises(UserError, match=f"mixes vae runs with {named}: expected one"):
        comparisons_frame(frame, "cnn2")


def test_tasks_of_different_settings_show_them(tmp_path: Path) -> None:
    other = dataclasses.replace(BASE, task="classifier", likelihood=None, latent_dim=None, epochs=10)
    summary = bench.load(write(tmp_path, BASE, other), "summary")
    assert set(zip(summary["task"], summary["epochs"], strict=True)) == {("vae", 2), ("classifier", 10)}


def test_a_failed_run_counts_where_it_belongs(tmp_path: Path) -> None:
    summary = bench.load(write(tmp_path, BASE, failed=(dataclasses.replace(BASE, lr=1.0),)), "summary")
    counts = summary[summary["metric"] == "params_total"].set_index("lr")[["n", "n_failed"]]
    assert counts.loc[0.004].tolist() == [1, 0] and counts.loc[1.0].tolist() == [0, 1]


def test_a_table_of_layers_for_each_definition_and_none_for_what_shapes_no_network(tmp_path: Path) -> None:
    edited, small, longer = (
        dataclasses.replace(BASE, **change)
        for change in ({"arch_fingerprint": "bb"}, {"latent_dim": 2}, {"epochs": 10})
    )
    layers = bench.load(write(tmp_path, BASE, edited, small, longer), "layers")
    tables = layers.groupby(["arch", "task", "arch_fingerprint", "latent_dim"])
    assert set(tables.groups) == {("cnn2", "vae", "aa", 20), ("cnn2", "vae", "aa", 2), ("cnn2", "vae", "bb", 20)}
    assert not layers.duplicated(["arch_fingerprint", "latent_dim", "part", "layer"]).any()
    assert "epochs" not in layers


def test_none_and_nan_are_one_value() -> None:
    runs = pd.DataFrame({"arch": "a", "task": "vae", "labels": pd.Series([None, float("nan")], dtype=object)})
    assert differing_settings(runs) == []


@pytest.mark.parametrize(
    ("setting", "named"), [("epochs", "epochs 10 and 2"), ("arch_fingerprint", "of cnn2 aa and bb")]
)
def test_a_page_of_two_settings_is_refused_by_name(setting: str, named: str, tmp_path: Path) -> None:
    """Disjoint seeds, so that no seed has two runs."""
    specs = [BASE, dataclasses.replace(BASE, seed=1, **{setting: OTHER[setting]})]
    write(tmp_path / "runs", *specs)
    manifest = {
        "title": "mixed", "command": "", "runs_dir": "../runs", "run_ids": [spec.run_id for spec in specs],
        "archs": ["cnn2"], "tasks": ["vae"], "baseline": "cnn2",
    }  # fmt: skip
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(UserError, match=rf"report mixes vae runs with .*{named}"):
        reports.load(tmp_path / "report")


def test_the_code_of_one_plug_in_s_task_is_no_setting_of_another_s(tmp_path: Path) -> None:
    mine, yours = (
        dataclasses.replace(BASE, task=task, task_fingerprint=code) for task, code in (("mine", "aa"), ("yours", "bb"))
    )
    write(tmp_path, *seeds(mine), *seeds(yours))
    assert "task_fingerprint" not in bench.load(tmp_path, "summary").columns
