"""A study says what is wrong with its arguments before it measures anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archs.errors import UserError
from bench.studies import (
    calibration,
    compare_peers,
    gate_trial,
    layer_speed,
    overhead,
    recipe,
    scaling,
    speed_table,
    spread,
    store_scaling,
)
from bench.studies.looks import calibration as looks
from bench.studies.racing import simulate as racing
from bench.studies.waiting import remaining_time

MEASURING = {
    calibration: "calibration_frame",
    compare_peers: "one_round",
    gate_trial: "run_trials",
    layer_speed: "convolution",
    looks: "tables",
    overhead: "compare",
    racing: "simulate_all",
    recipe: "try_rates",
    remaining_time: "watch",
    scaling: "measure",
    speed_table: "row",
    spread: "train_all",
    store_scaling: "measure",
}
"""Study → the function by which it begins to measure."""


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> Callable[[Any, list[str]], str]:
    """Calls a study that must not begin; returns the one line that it says."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("{}", encoding="utf-8")

    def begins(*arguments: object) -> None:
        pytest.fail("it began to measure")

    def call(study: Any, arguments: list[str]) -> str:
        monkeypatch.setattr(study, MEASURING[study], begins)
        try:
            study.main(arguments)
        except UserError as error:
            (line,) = str(error).splitlines()
        except SystemExit as stop:
            assert stop.code == 2
            (line,) = capsys.readouterr().err.splitlines()
        else:
            pytest.fail("it accepted its arguments")
        return line

    return call


CASES = [
    (calibration, ["--out", "README.md"], "--out README.md/calibration.csv: README.md is not a folder; name one"),
    (calibration, ["--out", "x", "--trials", "10"], "'10' is not a whole number from 2,000"),
    (calibration, ["--out", "x", "--records", "none.csv"], "--records 'none.csv' is not a file"),
    (calibration, ["--out", "x", "--records", "README.md"], "the records have no column 'arch'"),
    (gate_trial, ["run", "README.md/x"], "FILE README.md/x: README.md is not a folder"),
    (gate_trial, ["table", "none.jsonl"], "none.jsonl can't be read ([Errno 2] No such file"),
    (gate_trial, ["table", "README.md"], "README.md, line 1: object missing required field `work`; expected a file"),
    (layer_speed, ["--rounds", "3"], "unknown option '--rounds'"),
    (looks, ["--out", "README.md"], "--out README.md/errors.csv: README.md is not a folder; name one"),
    (looks, ["--out", "x", "--trials", "10"], "'10' is not a whole number from 2,000"),
    (looks, ["--from", "none"], "--from none/errors.csv: can't be read (FileNotFoundError: [Errno 2] No such file"),
    (overhead, ["--rounds", "1"], "'1' is not a whole number from 2"),
    (overhead, ["--archs", "cnn2", "cnn33"], "unknown architecture 'cnn33'; did you mean 'cnn3'?"),
    (overhead, ["--archs", "cnn2", "pool4"], "architecture 'pool4' has no decoder: expected one that can be a VAE"),
    (racing, ["--out", "README.md"], "--out README.md/racing.csv: README.md is not a folder; name one"),
    (racing, ["--out", "x", "--races", "100"], "'100' is not a whole number from 2,000"),
    (racing, ["--from", "x"], "--from x: has no racing.csv; expected a folder that --out wrote"),
    (racing, ["--from", ".", "--races", "2000"], "--races with --from: --from simulates nothing; leave one of them"),
    (recipe, ["--out", "README.md"], "--out README.md/recipe.csv: README.md is not a folder; name one"),
    (recipe, ["--rates", "1e-3", "20"], "'20' is not a learning rate"),
    (recipe, ["--warm-up", "--warm-ups", "5"], "'5' is no warm-up; expected a share of all steps such as 0.05"),
    (recipe, ["--warm-up", "--out", "x"], "x/recipe.csv holds no runs: train the rates first"),
    (recipe, ["--from", "none.csv"], "--from 'none.csv' is not a file: expected a recipe.csv"),
    (recipe, ["--from", "README.md"], "--from README.md: it has no column 'arch'; expected what this study wrote"),
    (scaling, ["--out", "README.md/x.png"], "--out README.md/x.png: README.md is not a folder"),
    (scaling, ["--out", "x.pgn"], "--out x.pgn: 'pgn' is no form of a figure; did you mean 'png'?"),
    (speed_table, ["--archs", "cnn2", "cnn33"], "unknown architecture 'cnn33'; did you mean 'cnn3'?"),
    (speed_table, ["--device", "cuda:99"], "device 'cuda:99' is not there"),
    (spread, ["--seeds", "1"], "'1' is not a whole number from 2"),
    (spread, ["--out", "README.md"], "--out README.md/spread.csv: README.md is not a folder; name one"),
    (spread, ["--from", "README.md"], "--from README.md: it has no column 'arch'; expected what this study wrote"),
    (store_scaling, ["--out", "README.md/x.png"], "--out README.md/x.png: README.md is not a folder"),
    (store_scaling, ["--out", "x.pgn"], "--out x.pgn: 'pgn' is no form of a figure; did you mean 'png'?"),
    (store_scaling, ["--records", "1000", "9"], "'9' is not a whole number from 10"),
    (speed_table, ["--images", "128", "--batch-size", "129"], "--batch-size 129: an epoch has 128 images"),
]


@pytest.mark.parametrize(
    ("study", "arguments", "says"), CASES, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_it_is_one_line(study: Any, arguments: list[str], says: str, refused: Callable, tmp_path: Path) -> None:
    assert says in refused(study, arguments)
    assert {path.name for path in tmp_path.iterdir()} == {"README.md"}
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "{}"


def test_the_comparison_with_others_needs_their_package(refused: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythae", None)
    assert refused(compare_peers, ["--data-dir", "x"]) == (
        "bench.studies.compare_peers needs the package pythae, which is not installed; it comes with the extra [peers]"
        ": in the folder of this project, pip install -e '.[peers]'"
    )


def test_and_data_and_a_file_that_it_can_add_to(
    refused: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compare_peers, "require", lambda *arguments: None)
    assert "train-images-idx3-ubyte is missing" in refused(compare_peers, ["--data-dir", "x"])
    monkeypatch.setattr(compare_peers, "load", lambda *arguments: None)
    results = tmp_path / "results.json"
    for content, says in (
        ("{", "can't be read (Expecting property name"),
        ("{}", "expected `array`, got `object`; expected what --results wrote"),
        (json.dumps([{"another project": 1.0}]), "a round is not of the projects that are compared now"),
    ):
        results.write_text(content, encoding="utf-8")
        assert says in refused(compare_peers, ["--data-dir", "x", "--results", str(results)])
    assert "there is no round to show" in refused(compare_peers, ["--data-dir", "x", "--rounds", "0"])
