"""How an encoder is told the label is part of a run: its identity, its layer table, its page, and its loading."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import bench
from archs.errors import UserError
from archs.registry import discover
from bench.statistics.settings import refuse_mixed
from bench.store.store import Record, Store
from bench.tasks import get
from bench.worker.label_inputs import label_inputs
from bench.worker.restore import restore
from reports.comparing.compare import compare
from tests.job.test_job import job

PLUGIN = """
from torch import nn
from archs.base import Arch
from archs.registry import discover

mlp = discover().archs["mlp"]


def fails(channels):
    raise ValueError("no")


def ends(channels):
    print("ending")
    raise SystemExit(3)


def own(channels):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(channels * 784, 8)

        def forward(self, x):
            return self.layer(x.flatten(1))

    return Own()


def lazy(channels):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.Tanh())


LAZY = Arch("lazy", "lazy", "test", lazy, mlp.decoder)
OWN = Arch("own", "a forward of its own", "test", own, mlp.decoder)
ENDS = Arch("ends", "ends the process", "test", ends, mlp.decoder)
FAILS = Arch("fails", "can't be built", "test", fails, mlp.decoder)
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, unmade: None) -> Path:
    folder = tmp_path_factory.mktemp("label_inputs")
    wanted = ["--archs", "mlp", "cnn3", "--tasks", "vae", "cvae", "--seeds", "1", "--epochs", "1"]
    assert job(folder, *wanted, "--train-images", "128", report=True) == 0
    return folder


def records(folder: Path) -> dict[tuple[str, str], Record]:
    store = Store(folder / "runs")
    return {(one.spec["arch"], one.spec["task"]): one for one in map(store.load, store.run_ids())}


def test_the_identity_of_a_run_says_so_where_it_is_told_beside_the_pixels(done: Path) -> None:
    found = records(done)
    assert {key: one.spec.get("label_input", "absent") for key, one in found.items()} == {
        ("mlp", "vae"): "absent",
        ("mlp", "cvae"): "one-hot",
        ("cnn3", "vae"): "absent",
        ("cnn3", "cvae"): "absent",
    }


def test_the_layer_table_shows_the_ten_inputs(done: Path) -> None:
    rows = records(done)["mlp", "cvae"].layers
    first = rows[0]
    assert (first["layer"], first["weights"], first["macs"]) == ("fc 794→500", 397_000, 397_000)
    assert first["note"] == "10 of its inputs are the label, one-hot"
    vae, cvae = (
        sum(row["weights"] + row["biases"] for row in records(done)["mlp", task].layers) for task in ("vae", "cvae")
    )
    assert cvae - vae == 2 * 10 * 500
    assert not any(row["note"] for row in rows[1:])
    assert not any(row["note"] for row in records(done)["cnn3", "cvae"].layers)


def test_one_table_holds_architectures_that_are_told_in_either_way(done: Path) -> None:
    """A page pairs and ranks them; only two ways of one architecture are not averaged."""
    assert "label_input" not in pd.read_csv(done / "report" / "summary.csv")
    frame = bench.load(done / "runs")
    other = frame[(frame["arch"] == "mlp") & (frame["task"] == "cvae")].assign(label_input=None, seed=1)
    refuse_mixed(frame, "this")
    with pytest.raises(UserError, match="mixes cvae runs with label_input of mlp None and one-hot"):
        refuse_mixed(pd.concat([frame, other]), "this")


def test_a_run_that_was_told_in_planes_is_not_loaded_as_one_that_is_not(done: Path) -> None:
    record = records(done)["mlp", "cvae"]
    bench.load_model(done / "runs", record.run_id)
    record.spec.pop("label_input")
    with pytest.raises(UserError, match="was told the label as image planes, and is now told it one-hot"):
        restore(record)


def test_it_is_found_out_from_what_is_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    found = discover([tmp_path / "mine.py"]).resolve(["mlp", "cnn2", "lazy", "own", "fails", "ends", "pool4"])
    tasks = [get(name) for name in ("vae", "cvae", "classifier", "m2")]
    assert label_inputs(found.archs, tasks, 5) == {
        (name, task): "one-hot" for name in ("mlp", "lazy") for task in ("cvae", "m2")
    }
    assert "ending" not in "".join(capsys.readouterr()), "its runs will say what is wrong, not the plan"


def test_two_reports_that_tell_it_otherwise_say_so(done: Path, tmp_path: Path) -> None:
    records_csv = (done / "report" / "records.csv").read_text(encoding="utf-8")
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    (earlier / "records.csv").write_text(records_csv.replace("one-hot", ""), encoding="utf-8")
    manifest = json.loads((done / "report" / "manifest.json").read_text())
    (earlier / "manifest.json").write_text(json.dumps(manifest))
    found = compare(earlier, done / "report")
    assert ("label input of mlp as cvae", "planes", "one-hot") in found.settings
    assert not any("cnn3" in name for name, _, _ in found.settings)
