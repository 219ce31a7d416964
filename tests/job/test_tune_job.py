"""--tune through the command line: trials are ordinary runs, more add to fewer, a diverged one is no failure."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from bench.spec.defaults import DEFAULT_LR
from bench.spec.search_space import draws
from bench.store.store import Record, Store
from run_ablation import main
from tests.job.test_job import TINY

WANTED = ["--archs", "cnn3", "cnn:depth=1,channels=2", "--tasks", "vae", "--seeds", "2", "--train-images", "128"]
FRAGILE = """
import torch
from torch import nn
from archs.base import Arch

class Fragile(nn.Module):
    '''Its output is no number once its weight has gone farther than small rates can take it.'''

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        broken = torch.where(self.weight.abs() > 4e-3, float("nan"), 0.0)
        return x.flatten(1)[:, :32] + self.weight + broken

ARCH = Arch(name="fragile", summary="breaks at high rates", source="test", encoder=lambda channels: Fragile())
"""


def job(folder: Path, *arguments: str) -> int:
    where = ["--runs-dir", str(folder / "runs"), "--out", str(folder / "report")]
    return main([*TINY, *WANTED, *where, *arguments])


def records(folder: Path) -> dict[str, Record]:
    store = Store(folder / "runs")
    return {run_id: store.load(run_id) for run_id in store.run_ids()}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, undrawn: None) -> tuple[Path, set[str]]:
    """A job with two trials, then the same with three whose new trials are stacked; and what the first one stored."""
    folder = tmp_path_factory.mktemp("tuned")
    assert job(folder, "--tune", "2", "--epochs", "1") == 0
    first = set(records(folder))
    assert job(folder, "--tune", "3", "--epochs", "1", "--stack", "8") == 0
    return folder, first


def test_every_architecture_tries_the_recipes_of_its_seed(tuned: tuple[Path, set[str]]) -> None:
    folder, first = tuned
    known = records(folder)
    rates = Counter((record.spec["seed"], record.spec["lr"]) for record in known.values())
    expected = {(seed, lr) for seed in range(2) for lr in (DEFAULT_LR, *(one["lr"] for one in draws(2, seed)))}
    assert rates == Counter(dict.fromkeys(expected, 2)), "each recipe once for each of two architectures"
    assert len(first) == 8 and first < set(known)
    stacks = {run_id: known[run_id].environment["stack"] for run_id in known}
    assert {stacks[run_id] for run_id in first} == {1}
    assert {stacks[run_id] for run_id in set(known) - first} == {2}, "two seeds, each at its own rate"


def test_manifest_and_page_have_the_trials(tuned: tuple[Path, set[str]]) -> None:
    report = tuned[0] / "report"
    manifest = json.loads((report / "manifest.json").read_text())
    assert (manifest["planned"], len(manifest["run_ids"]), manifest["tuning"]["trials"]) == (4, 4, 3)
    assert [len(run_ids) for run_ids in manifest["tuning"]["run_ids"]] == [4, 4]
    page = (report / "report.md").read_text()
    assert "## When each is tuned" in page and "each is tuned with 3 trials" in page
    rows = pd.read_csv(report / "records.csv")
    assert len(rows) == 12 and rows["chosen"].sum() == 4
    common = rows[rows["trial"] == 0]
    assert set(common["lr"]) == {DEFAULT_LR} and "Of 8 further trials" not in page


def test_a_diverged_trial_costs_neither_the_job_nor_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture, undrawn: None
) -> None:
    plugin = tmp_path / "fragile.py"
    plugin.write_text(FRAGILE)
    chosen = ["--archs", "fragile", "--tasks", "classifier", "--seeds", "1", "--lr", "0.0001", "--epochs", "2"]
    assert job(tmp_path, "--plugin", str(plugin), *chosen, "--tune", "3", "--fail-fast") == 0
    page = (tmp_path / "report" / "report.md").read_text()
    diverged = [record for record in records(tmp_path).values() if record.status != "finished"]
    assert len(diverged) >= 1 and all(record.error.startswith("Diverged") for record in diverged)
    assert (
        f"Of 2 further trials {len(diverged)} diverged (fragile classifier). A trial that failed is never the best."
        in page
    )
    assert "failed and" not in page.partition("##")[0]
    capsys.readouterr()
    assert job(tmp_path, "--plugin", str(plugin), *chosen[:-4], "--lr", "0.02", "--epochs", "2") == 1, "no trial"


@pytest.mark.parametrize("word", ["1", "0", "x"])
def test_fewer_than_two_trials_are_no_tuning(word: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*TINY, "--tune", word])
    assert ended.value.code == 2 and "--tune" in capsys.readouterr().err
