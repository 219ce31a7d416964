"""The main job end to end, through its command line, on tiny runs of the embedded digits."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import torch

import bench
from bench.machine.child import how_it_ended
from bench.store.differences import differences
from bench.store.store import Record, Store
from bench.training.losses import Diverged
from bench.worker.failures import check_finite
from run_ablation import main
from tests.conftest import ROOT

TINY = ["--dataset", "digits", "--train-images", "256", "--epochs", "2", "--latent-dim", "4", "--device", "cpu",
        "--throughput", "off"]  # fmt: skip

BROKEN = """
import torch
from torch import nn
from archs.base import Arch

class Explodes(nn.Module):
    def forward(self, x):
        if self.training:
            raise ValueError("this layer can't train\\nsecond line")
        return x.flatten(1)[:, :8]

class Dies(Explodes):
    def forward(self, x):
        if self.training:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)

class Hungry(Explodes):
    def forward(self, x):
        return torch.empty(10**15) if self.training else super().forward(x)

class Nan(Explodes):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float("nan")))

    def forward(self, x):
        return x.flatten(1)[:, :8] * self.weight

C = Arch(name="hungry", summary="wants a petabyte", source="test", encoder=lambda channels: Hungry())
D = Arch(name="nan", summary="diverges at once", source="test", encoder=lambda channels: Nan())
A = Arch(name="explodes", summary="raises", source="test", encoder=lambda channels: Explodes())
B = Arch(name="dies", summary="is killed", source="test", encoder=lambda channels: Dies())
"""


def job(folder: Path, *arguments: str, report: bool = False) -> int:
    """The main job; without `report`, all of it but the drawing of the page, which takes longer than the tiny runs."""
    command = [*TINY, "--runs-dir", str(folder / "runs"), "--out", str(folder / "report"), *arguments]
    if report:
        return main(command)
    with patch("reports.build"), patch("reports.load"), patch("reports.terminal_summary", return_value=""):
        return main(command)


def records(folder: Path) -> list[Record]:
    return Store(folder / "runs").records()


def stamps(folder: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in (folder / "runs").glob("[0-9a-f]*/record.json")}


def begun_with(runs: Sequence[Record], folder: Path) -> None:
    """Lets the store of a folder begin with runs of another one."""
    for record in runs:
        assert record.folder is not None
        shutil.copytree(record.folder, folder / "runs" / record.run_id)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, undrawn: None) -> Path:
    """cnn2 and cnn3, three tasks, two seeds, two workers."""
    folder = tmp_path_factory.mktemp("job")
    assert job(folder, "--archs", "cnn2", "cnn3", "pool4", "--seeds", "2", "--workers", "2", report=True) == 0
    return folder


def test_the_page_says_over_how_many_steps_the_rate_rose(finished: Path) -> None:
    """Two epochs of 256 images in batches of 128 are four steps."""
    manifest = json.loads((finished / "report" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["schedule"] == {"steps": 4, "warm_up_steps": 2}
    page = (finished / "report" / "report.md").read_text(encoding="utf-8")
    assert "linear warm-up over 2 of 4 steps (50 %), then half a cosine down to zero" in page
    assert page.startswith("# cnn2 vs cnn3 vs pool4 on scikit-learn's digits, 256 images × 2 epochs\n")


def test_every_architecture_task_and_seed_has_a_record(finished: Path) -> None:
    found = {(r.spec["arch"], r.spec["task"], r.spec["seed"]) for r in records(finished)}
    expected = {
        (arch, task, seed) for arch in ("cnn2", "cnn3") for task in ("vae", "cvae", "classifier") for seed in (0, 1)
    }
    assert found == expected | {("pool4", "classifier", 0), ("pool4", "classifier", 1)}
    assert all(record.status == "finished" for record in records(finished))


def test_the_report_and_its_tables_are_there(finished: Path) -> None:
    report = finished / "report"
    text = (report / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# cnn2 vs cnn3 vs pool4 on scikit-learn's digits")
    frame = pd.read_csv(report / "records.csv")
    asked = {"arch", "task", "dataset", "seed", "status", "error", "params_total", "params_conv", "params_fc", "elbo",
             "reconstruction", "kl", "accuracy", "train_seconds", "train_images_per_s", "device", "run_id"}  # fmt: skip
    assert asked <= set(frame.columns)
    assert len(frame) == 14
    pictures = list((report / "figures").glob("*.png"))
    assert pictures
    for picture in pictures:
        assert f"figures/{picture.name}" in text
    assert json.loads((report / "manifest.json").read_text())["skipped"][0]["reason"].startswith("pool4 has no decoder")


def test_the_same_command_again_trains_nothing(finished: Path) -> None:
    before = stamps(finished)
    assert job(finished, "--archs", "cnn2", "cnn3", "pool4", "--seeds", "2") == 0
    assert stamps(finished) == before


def test_more_seeds_train_only_those_and_workers_change_no_number(finished: Path, tmp_path: Path) -> None:
    assert job(tmp_path, "--archs", "cnn3", "--tasks", "vae", "classifier", "--seeds", "1", "--workers", "1") == 0
    before = stamps(tmp_path)
    assert job(tmp_path, "--archs", "cnn3", "--tasks", "vae", "classifier", "--seeds", "2", "--workers", "1") == 0
    after = stamps(tmp_path)
    assert (len(before), len(after)) == (2, 4)
    assert {key: after[key] for key in before} == before
    theirs = {record.run_id: record for record in records(finished)}
    for record in records(tmp_path):  # alone and one at a time here, in company and side by side there
        assert differences(record, theirs[record.run_id]) == []


def test_a_trained_model_comes_back_and_scores_what_its_record_says(finished: Path) -> None:
    from bench.data.digits import digits

    record = next(r for r in records(finished) if (r.spec["arch"], r.spec["task"]) == ("cnn2", "classifier"))
    model = bench.load_model(finished / "runs", record.run_id)
    x = torch.from_numpy(np.array(digits().test_images)).unsqueeze(1).float() / 255
    with torch.no_grad():
        correct = model(x).argmax(1).numpy() == digits().test_labels
    assert correct.mean() == pytest.approx(record.metrics["accuracy"])
    assert (correct == record.arrays()["test_correct"]).all()


def test_load_gives_a_row_per_run(finished: Path) -> None:
    frame = bench.load(finished / "runs")
    assert len(frame) == 14
    assert set(frame["status"]) == {"finished"}


def test_per_image_results_average_to_the_metric(finished: Path) -> None:
    for record in records(finished):
        name, metric = ("test_correct", "accuracy") if record.spec["task"] == "classifier" else ("test_elbo", "elbo")
        assert record.arrays()[name].mean(dtype="float64") == pytest.approx(record.metrics[metric])


def test_a_failed_run_is_a_record_and_the_rest_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN, encoding="utf-8")
    arguments = [
        "--archs",
        "cnn3",
        "explodes",
        "dies",
        "hungry",
        "nan",
        "--tasks",
        "classifier",
        "--seeds",
        "1",
        "--plugin",
        str(plugin),
    ]
    assert job(tmp_path, *arguments, report=True) == 1
    found = {record.spec["arch"]: record for record in records(tmp_path)}
    assert found["cnn3"].status == "finished"
    assert found["explodes"].error == "ValueError: this layer can't train"
    assert found["dies"].error == f"worker process {how_it_ended(-signal.SIGKILL)}"
    for name, said in {
        "hungry": "out of memory (RuntimeError: .* "
        "use a smaller --batch-size or fewer --workers: neither is changed unasked",
        "nan": r"Diverged: loss is nan by step \d+ of \d+ \(epoch 1\)",
    }.items():
        assert re.match(said.replace("memory (", r"memory \("), str(found[name].error))
    report = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "this layer can" in report
    before = stamps(tmp_path)
    capsys.readouterr()
    assert job(tmp_path, *arguments) == 1  # failed runs are not tried again unasked
    assert stamps(tmp_path) == before
    said = capsys.readouterr().err.splitlines()
    assert f"{len(found) - 1} runs failed before; --retry-failed tries them again:" in said
    assert f"  1 × {found['nan'].error}" in said
    assert said[-1] == f"{len(found) - 1} failed: the same command with --retry-failed tries them again"
    assert job(tmp_path, *arguments, "--retry-failed") == 1
    assert {key for key, stamp in stamps(tmp_path).items() if stamp != before[key]} == {
        record.run_id for name, record in found.items() if name != "cnn3"
    }


def test_a_result_that_is_no_number_is_a_failure() -> None:
    with pytest.raises(Diverged, match="elbo is -inf after the last step"):
        check_finite(Record("0" * 16, {}, "finished", metrics={"kl": 1.0, "elbo": -math.inf}))


@pytest.mark.slow
def test_a_kill_loses_at_most_the_runs_in_flight(finished: Path, tmp_path: Path) -> None:
    """Only the main process is killed, and the others end with it; tests.job.faults kills all of a job at once."""
    arguments = ["--archs", "cnn2", "cnn3", "--seeds", "2", "--workers", "2", "--runs-dir", str(tmp_path / "runs"),
                 "--out", str(tmp_path / "report")]  # fmt: skip
    process = subprocess.Popen([sys.executable, "run_ablation.py", *TINY, *arguments], cwd=ROOT,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)  # fmt: skip
    wait_for(lambda: len(stamps(tmp_path)) >= 3)
    process.kill()
    wait_for(lambda: no_process_of(process.pid))
    process.wait()
    kept = stamps(tmp_path)
    assert kept
    assert all(record.status == "finished" for record in records(tmp_path))
    assert job(tmp_path, "--archs", "cnn2", "cnn3", "--seeds", "2") == 0
    assert {key: stamps(tmp_path)[key] for key in kept} == kept
    theirs = {record.run_id: record for record in records(finished)}
    assert len(records(tmp_path)) == 12
    for record in records(tmp_path):
        assert differences(record, theirs[record.run_id]) == []


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def no_process_of(session: int) -> bool:
    """Whether the workers of a killed parent are gone: its process group is empty but for the parent itself."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == session and fields[0] != "Z":
                return False
    return True


def test_an_edited_architecture_is_a_new_run(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    source = (ROOT / "archs" / "cnn3.py").read_text(encoding="utf-8").replace('name="cnn3"', 'name="mine"')
    for count, text in enumerate(
        [source, source.replace("64, 3)", "64, 2)").replace("nn.Flatten()", "nn.Flatten(1)")], 1
    ):
        plugin.write_text(text, encoding="utf-8")
        assert job(tmp_path, "--archs", "mine", "--plugin", str(plugin), "--tasks", "classifier", "--seeds", "1") == 0
        assert len(stamps(tmp_path)) == count


def test_what_a_kill_left_unfinished_is_cleared_away_in_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name, age in ((".partial-0123456789abcdef-old", 7_200), (".partial-0123456789abcdef-new", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    store.prepare()
    assert [path.name for path in tmp_path.iterdir()] == [".partial-0123456789abcdef-new"]  # another job's, perhaps
