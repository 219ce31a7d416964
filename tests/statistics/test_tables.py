"""Names are text from records to files and back: an architecture may be called null, 007 or true."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reports
from archs.errors import UserError
from archs.grammar import NAME
from bench.spec.run import RunSpec
from bench.statistics.factors import main_effects, sentences
from bench.statistics.frames import layers_frame, records_frame, summary_frame
from bench.statistics.settings import none_for_missing, refuse_mixed, setting_text
from bench.statistics.tables import TEXT_COLUMNS, read_table
from bench.store.record import Record
from reports.rendering.write import as_parquet
from tests.reports.synthetic import write_experiment
from tests.reports.synthetic_layers import layer_rows

MISREAD = ("null", "nan", "na", "none", "n-a", "true", "false", "inf", "infinity", "007", "1e3", "1.0", "1", "0x10")
METRICS = st.sampled_from(["null", "nan", "true", "inf", "part", "metric"])
NAMES = st.sampled_from(MISREAD) | st.from_regex(NAME, fullmatch=True).filter(lambda name: len(name) < 60)


def record(arch: str, task: str, seed: int, **metrics: float) -> Record:
    spec = RunSpec(
        arch=arch, arch_fingerprint="1e10", task=task, dataset="mnist", data_fingerprint="00000007", likelihood=None,
        seed=seed, epochs=1, batch_size=8, lr=0.1, latent_dim=None, train_images=None, device="cpu", threads=1,
        task_fingerprint="0123456789012345",
    )  # fmt: skip
    return Record(
        run_id=spec.run_id,
        spec=spec.content(),
        status="finished",  # type: ignore[arg-type]
        metrics={"accuracy": 0.1 + seed / 3, **metrics},
        layers=layer_rows("cnn2", "classifier", 0),
        environment={"torch": "2.10", "commit": "1e5", "device_name": "nan", "workers": 2},
    )


def frames(names: list[str], task: str, metric: str) -> dict[str, pd.DataFrame]:
    records = [record(arch, task, seed, **{metric: seed / 7}) for arch in names for seed in range(2)]
    runs = records_frame(records)
    summary = summary_frame(runs, {metric})
    assert metric in set(summary["metric"])
    return {"records": runs, "summary": summary, "layers": layers_frame(records)}


def values(frame: pd.DataFrame) -> dict[str, list[object]]:
    """Column → its values, None for a missing one."""
    return {str(name): none_for_missing(frame[name]).tolist() for name in frame}


@settings(max_examples=25, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True), task=NAMES, metric=METRICS)
def test_what_a_csv_table_holds_is_read_as_it_was_written(
    names: list[str], task: str, metric: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tables") / "table.csv"
    for table, frame in frames(names, task, metric).items():
        frame.to_csv(path, index=False)
        found = values(read_table(path, table))
        assert found == values(frame)
        texts = [value for column in set(TEXT_COLUMNS[table]) & set(found) for value in found[column]]
        assert {type(value) for value in texts} <= {str, type(None)}


@settings(max_examples=10, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True), task=NAMES, metric=METRICS)
def test_what_a_parquet_table_holds_is_read_as_it_was_written(
    names: list[str], task: str, metric: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra [parquet])")
    path = tmp_path_factory.mktemp("tables") / "table.parquet"
    for frame in frames(names, task, metric).values():
        as_parquet(frame, path)
        assert values(pd.read_parquet(path)) == values(frame)


def test_infinity_and_the_last_digit_are_kept(tmp_path: Path) -> None:
    numbers = [math.inf, -math.inf, 0.1 + 0.2, 5e-324, 1 / 3, 8.41e21]
    pd.DataFrame({"accuracy": numbers}).to_csv(tmp_path / "records.csv", index=False)
    assert read_table(tmp_path / "records.csv")["accuracy"].tolist() == numbers


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(UserError, match="unknown table 'sumary'; did you mean 'summary'"):
        read_table("any.csv", "sumary")


def test_settings_that_differ_have_different_texts() -> None:
    assert (setting_text(20.0), setting_text(20), setting_text(None), setting_text(True)) == (
        "20",
        "20",
        "None",
        "True",
    )
    assert setting_text(np.float64(0.001)) == "0.001"
    assert setting_text(0.1234567) != setting_text(0.1234568) and setting_text(1234567.0) == "1234567"
    runs = pd.DataFrame({"arch": "cnn2", "task": "vae", "lr": [0.12345678, 0.12345679]})
    with pytest.raises(UserError, match=r"lr 0\.12345678 and 0\.12345679"):
        refuse_mixed(runs, "the frame")


def test_levels_are_text_whatever_they_are_called() -> None:
    """A level `nan` has no place among numbers, so that the order is the given one; `1` and `1.0` are two levels."""
    levels = ["3", "1.0", "nan", "1"]
    runs = pd.DataFrame(
        [(level, seed, value + seed) for level, value in zip(levels, (0, 1, 3, 6), strict=True) for seed in range(3)],
        columns=["width", "seed", "elbo"],
    )
    found = main_effects(runs, "elbo", ["width"])
    steps = [["3", "1.0", 1.0], ["1.0", "nan", 2.0], ["nan", "1", 3.0]]
    assert found[["from_level", "to_level", "effect"]].values.tolist() == steps
    assert sentences(runs, "elbo", ["width"])[0].startswith("width 3→1.0 ")


def test_an_option_may_be_called_as_a_column_is(tmp_path: Path) -> None:
    """A plug-in's family may have an option "seed", which is no seed of a run."""
    factors = {f"net:seed={a},arch={b}": {"seed": a, "arch": b} for a in ("1", "2") for b in ("null", "x")}
    levels = {name: -10.0 * (of["seed"] == "2") for name, of in factors.items()}
    folder = write_experiment(tmp_path, list(factors), tasks=("vae",), factors=factors, levels=levels, n_test=10)
    (found,) = reports.load(folder).factor_analyses
    assert found.factors == ("option seed", "option arch") and list(found.frame["seed"]) == [0, 1, 2] * 4
    assert found.sentences[0].startswith("option seed 1→2 is worth ")
    steps = found.effects.set_index("factor")
    assert steps.loc["option seed", "effect"] == pytest.approx(-10, abs=1.5)
    assert list(steps.loc["option arch", ["from_level", "to_level"]]) == ["null", "x"]
