"""Speeds on the page: those measured apart where there are any, in their present code; else those of training.

And what the page says of operations that were not counted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import reports
from archs.errors import UserError
from bench.store.speed_file import FORMAT
from reports.findings.speed_ratios import training_ratios, training_speed
from reports.markup.escape import plain
from tests.reports import synthetic
from tests.reports.synthetic import write_experiment
from tests.reports.synthetic_layers import layer_rows
from tests.speed.test_throughput import timed

pytestmark = pytest.mark.usefixtures("unmade")

JITTER = [1.0, 1.02, 0.99, 1.01, 1.0, 0.98, 1.03, 1.0]


def write_speeds(
    report: Path,
    archs: list[str],
    *,
    tasks: tuple[str, ...] = ("vae", "classifier"),
    foreign: float | None = 0.01,
    stolen: float = 0.0,
    gpu: dict[str, Any] | None = None,
    **extra: Any,
) -> None:
    """throughput.json of invented timings: the second architecture is half as fast as the first."""
    works, matmul, conditions = [], [], []
    for task in tasks:
        for work in ("train", "inference", *(["sampling"] if task != "classifier" else [])):
            for index, arch in enumerate(archs):
                seconds = [0.02 * (1 + index) * s * (1 + 0.01 * (i + index)) for i, s in enumerate(JITTER)]
                one = {**timed(arch, seconds, task, work), "arch_fingerprint": f"{index:08x}", **extra}
                works.append(one | {"flops_per_image": 1e6 * (1 + 2 * index), "peak_bytes": 7e6})
            matmul.append({"task": task, "work": work, "flops": 1e9, "calls": 1, "seconds": [0.02] * len(JITTER)})
            conditions.append(
                {
                    "task": task,
                    "work": work,
                    "seconds": 1.0,
                    "cores": 2,
                    "foreign_cores": foreign if work == "train" else foreign and 0.0,
                    "stolen": stolen if work == "train" else 0.0,
                    "load_average": 1.0,
                    "gpu": gpu,
                }
            )
    environment = {"device_name": "Invented CPU", "nvml": False}
    if gpu:
        environment = {"device_name": "Invented GPU", "nvml": True, "cuda": "13.0", "precision": "IEEE float32"}
    content = {
        "format": FORMAT,
        "mode": "quick",
        "works": works,
        "matmul": matmul,
        "conditions": conditions,
        "failed": [],
        "setting": {
            "batch_size": 128,
            "latent_dim": 20,
            "device": "cuda:0" if gpu else "cpu",
            "threads": 1,
            "dtype": "float32",
        },
        "environment": environment,
    }
    (report / "throughput.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_experiment(tmp_path_factory.mktemp("speed"), 2, tasks=("vae", "classifier"), n_test=50)
    write_speeds(folder, ["cnn2", "cnn3"])
    reports.build(folder, latex=True)
    return folder


@pytest.fixture(scope="module")
def section(measured: Path) -> str:
    page = (measured / "report.md").read_text(encoding="utf-8")
    return page[page.index("## Speed") :].split("\n## ")[0]


def test_the_table_gives_speed_spread_ratio_and_interval(section: str) -> None:
    row = next(line for line in section.splitlines() if line.startswith("| cnn3"))
    assert "0.50× [0.50, 0.50])" in row
    assert row.count("×") == 3, "training step, inference, sampling"
    base = next(line for line in section.splitlines() if line.startswith("| cnn2"))
    assert "9,660 ± " in base and "×" not in base


def test_columns_without_content_or_difference_are_not_there(section: str) -> None:
    header = next(line for line in section.splitlines() if line.startswith("| architecture"))
    assert "energy" not in header and "Energy was not measured" in section
    assert "peak memory" not in header and "the same for all: peak memory (MB) 7.00" in section
    assert "MFLOPs per image" in header and "MFU" in header
    assert "label planes" not in section, "of a CVAE, which is not here"


def test_conditions_are_said_and_a_busy_machine_is_a_warning(tmp_path: Path, section: str) -> None:
    assert "8 rounds: Invented CPU, 1 thread, float32, batches of 128" in section
    assert "Meanwhile other processes kept 0.01 of 2 processors busy at most." in section and "⚠" not in section
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10)
    gpu = {"clock_mhz": [1200, 1980], "most_mhz": 1980, "throttling": ["power cap"], "foreign_processes": 1}
    write_speeds(folder, ["cnn2", "cnn3"], tasks=("vae",), foreign=0.8, gpu=gpu, joules_per_image=0.002)
    reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert (
        "⚠ Meanwhile other processes kept 0.80 of 2 processors busy at most, the GPU ran at 1,200 to 1,980 MHz of "
        "1,980, it was slowed down (power cap), 1 other process used it." in page
    )
    assert "energy (mJ per image) 2.00" in page


@pytest.mark.parametrize(("foreign", "stolen", "marked"), [(0.19, 0, False), (0.21, 0, True), (0.1, 0.06, True)])
def test_speeds_beside_other_work_are_marked(foreign: float, stolen: float, marked: bool, tmp_path: Path) -> None:
    """A tenth of two processors is 0.2; only the training steps were timed beside it."""
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10)
    write_speeds(folder, ["cnn2", "cnn3"], tasks=("vae",), foreign=foreign, stolen=stolen)
    reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    part = page[page.index("## Speed") :].split("\n## ")[0]
    cells = [line.split("|")[2:5] for line in part.splitlines() if line.startswith(("| cnn2", "| cnn3"))]
    assert [[" †" in cell for cell in row] for row in cells] == [[marked, False, False]] * 2
    explained = "† measured while other work took more than 10 % of the processors' time"
    assert (explained in part) == marked == ("⚠" in part)
    head = page.split("\n## ")[0]
    assert (
        (explained in head)
        == marked
        == ("[0.50, 0.50] (rounds of one session), beside other work on the machine." in plain(head))
    )
    assert sum(line.rstrip(" |").endswith("†") for line in head.splitlines()) == 2 * marked
    speeds = pd.read_csv(folder / "throughput.csv")
    assert speeds[speeds["work"] == "train"]["other_work"].tolist() == pytest.approx([foreign / 2 + stolen] * 2)
    assert set(speeds[speeds["disturbed"]]["work"]) == ({"train"} if marked else set())


def test_a_system_that_hides_its_load_is_said_to(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10)
    write_speeds(folder, ["cnn2", "cnn3"], tasks=("vae",), foreign=None)
    reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "What else the processors did meanwhile is not known" in page and "†" not in page


def test_a_gpu_is_described_and_does_not_mind_busy_processors(tmp_path: Path) -> None:
    around = {
        "graph": True,
        "stack": 3,
        "cuda": "13.0",
        "driver": "580.1",
        "precision": "IEEE float32",
        "stack_refused": "draws",
    }
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10, environment=around)
    gpu = {"clock_mhz": [1980, 1980], "most_mhz": 1980, "throttling": [], "foreign_processes": 0}
    write_speeds(folder, ["cnn2", "cnn3"], tasks=("vae",), foreign=0.8, gpu=gpu)
    reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert (
        "Invented GPU, 1 thread, IEEE float32, batches of 128; fresh weights, and noise for images; everything as CUDA"
        in page
    )
    assert "Meanwhile other processes kept 0.80 of 2 processors busy at most, the GPU ran at 1,980 to 1,980" in page
    assert "⚠ Meanwhile" not in page
    assert "Energy was not measured: `--throughput full` does." in page
    rows = dict(row.strip("|").split("|", 1) for row in page.splitlines() if row.startswith("| "))
    found = {name.strip(): value.strip() for name, value in rows.items()}
    assert found["training"] == "6 of 6 runs by CUDA graphs, 3 seeds as one stack"
    assert (found["precision"], found["CUDA"], found["driver"], found["no stack"]) == (
        "IEEE float32",
        "13.0",
        "580.1",
        "draws",
    )


def test_the_comparison_the_answer_and_the_csv_use_them(measured: Path) -> None:
    experiment = reports.load(measured)
    speeds = pd.read_csv(measured / "throughput.csv")
    train = speeds[(speeds["task"] == "vae") & (speeds["work"] == "train")].set_index("arch")
    assert training_speed(experiment, "vae") == pytest.approx(train["images_per_s"].to_dict())
    assert training_ratios(experiment, "vae")["cnn3"].value == pytest.approx(train.loc["cnn3", "ratio"])
    assert "(0.50×)" in reports.terminal_summary(experiment)
    assert "trains 0.50× as fast [0.50, 0.50] (rounds of one session)." in plain(reports.answer(experiment))
    assert (measured / "latex" / "speed_vae.tex").is_file()


def test_speeds_of_other_code_or_of_some_architectures_only_are_not_mixed_in(tmp_path: Path) -> None:
    folder = write_experiment(
        tmp_path, 2, tasks=("vae",), n_test=10, manifest={"throughput": "not measured apart: why"}
    )
    while_training = training_speed(reports.load(folder), "vae")
    for change in ({"arch_fingerprint": "edited"}, {"arch": "another"}):
        write_speeds(folder, ["cnn2", "cnn3"], tasks=("vae",))
        content = json.loads((folder / "throughput.json").read_text(encoding="utf-8"))
        for one in content["works"]:
            if one["arch"] == "cnn3":
                one.update(change)
        (folder / "throughput.json").write_text(json.dumps(content), encoding="utf-8")
        assert training_speed(reports.load(folder), "vae") == while_training
    reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "## Training speed" in page and "Speed was not measured apart: why." in page


def test_a_malformed_file_is_named(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10)
    for text, says in (
        ("{", "can't be read"),
        ("[]", "holds no throughput"),
        ('{"format": 1, "earlier": [1]}', "holds no"),
    ):
        (folder / "throughput.json").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=rf"throughput\.json {says}"):
            reports.build(folder)
    (folder / "throughput.json").write_text(json.dumps({"format": FORMAT + 1}), encoding="utf-8")
    assert reports.load(folder).measured_speeds is None, "another version's: measured again when asked"


def test_one_architecture_alone_has_no_ratio(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, ["cnn2"], tasks=("vae",), n_test=10)
    write_speeds(folder, ["cnn2"], tasks=("vae",))
    reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    part = page[page.index("## Speed") :].split("\n## ")[0]
    assert "9,660 ± " in part and "×" not in part and "bootstrap" not in part


NORM = {"part": "encoder", "layer": "2: BatchNorm2d", "kind": "other", "output_shape": "16x8x8",
        "weights": 16, "biases": 16}  # fmt: skip


def page_with(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: dict[str, Any], flops: float | None) -> str:
    """The page of cnn2 and cnn3, the second with further layers and, in a training step, so many operations."""

    def rows(arch: str, task: str, index: int) -> list[dict[str, Any]]:
        return [*layer_rows(arch, task, index), *(more if arch == "cnn3" else ())]

    monkeypatch.setattr(synthetic, "layer_rows", rows)
    report = write_experiment(folder, 2, tasks=("vae",), n_test=10)
    write_speeds(report, ["cnn2", "cnn3"], tasks=("vae",))
    speeds = json.loads((report / "throughput.json").read_text(encoding="utf-8"))
    for work in speeds["works"]:
        work["flops_per_image"] = flops if work["arch"] == "cnn3" else 1e6
    (report / "throughput.json").write_text(json.dumps(speeds), encoding="utf-8")
    reports.build(report)
    return " ".join((report / "report.md").read_text(encoding="utf-8").split())


def test_a_page_without_gaps_mentions_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_with(tmp_path, monkeypatch, flops=3e6)
    for words in ("are not known", "left out", "not given", "in the total alone", "FlopCounterMode"):
        assert words not in page


def test_a_normalisation_costs_no_count_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_with(tmp_path, monkeypatch, {**NORM, "macs": 0, "note": ""}, flops=3e6)
    assert "by torch's FlopCounterMode; the multiplications of BatchNorm2d are not." in page
    assert "Other layers are in the total alone." in page
    assert "are not known" not in page


def test_a_record_of_before_rows_had_notes_is_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_with(tmp_path, monkeypatch, {**NORM, "macs": None}, flops=None)
    assert "MACs are not known (–): of cnn3, not counted by the code that trained it (2: BatchNorm2d)." in page
    assert "MACs are left out for cnn3" in page
    assert "FLOPs and MFU are not given for cnn3, some of whose operations are not known" in page


def test_a_network_that_could_not_be_followed_says_why_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**NORM, "layer": f"{i}: Gate", "macs": None, "note": "not followed: ValueError: no"} for i in range(6)]
    page = page_with(tmp_path, monkeypatch, *rows, flops=None)
    assert "MACs are not known (–): of cnn3, not followed: ValueError: no (0: Gate, 1: Gate, " in page


def test_speeds_of_before_such_layers_were_counted_can_be_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_with(tmp_path, monkeypatch, flops=None)
    assert (
        "FLOPs and MFU are not given for cnn3, which were not counted when it was measured (remove throughput.json "
        "to do so)." in page
    )
