"""What a page says of counts that are missing: in new records, in those of before rows had notes, and of old speeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import reports
from tests.reports import synthetic
from tests.reports.synthetic import write_experiment
from tests.reports.synthetic_layers import layer_rows
from tests.reports.test_reports_speed import write_speeds

pytestmark = pytest.mark.usefixtures("undrawn")

NORM = {"part": "encoder", "layer": "2: BatchNorm2d", "kind": "other", "output_shape": "16x8x8",
        "weights": 16, "biases": 16}  # fmt: skip


def page_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: dict[str, Any], flops: float | None) -> str:
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
    page = page_of(tmp_path, monkeypatch, flops=3e6)
    for words in ("are not known", "left out", "not given", "in the total alone", "FlopCounterMode"):
        assert words not in page


def test_a_normalisation_costs_no_count_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of(tmp_path, monkeypatch, {**NORM, "macs": 0, "note": ""}, flops=3e6)
    assert "by torch's FlopCounterMode; the multiplications of BatchNorm2d are not." in page
    assert "Other layers are in the total alone." in page
    assert "are not known" not in page


def test_a_record_of_before_rows_had_notes_is_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of(tmp_path, monkeypatch, {**NORM, "macs": None}, flops=None)
    assert "MACs are not known (–): of cnn3, not counted by the code that trained it (2: BatchNorm2d)." in page
    assert "MACs are left out for cnn3" in page
    assert "FLOPs and MFU are not given for cnn3, some of whose operations are not known" in page


def test_a_network_that_could_not_be_followed_says_why_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**NORM, "layer": f"{i}: Gate", "macs": None, "note": "not followed: ValueError: no"} for i in range(6)]
    page = page_of(tmp_path, monkeypatch, *rows, flops=None)
    assert "MACs are not known (–): of cnn3, not followed: ValueError: no (0: Gate, 1: Gate, " in page


def test_speeds_of_before_such_layers_were_counted_can_be_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(tmp_path, monkeypatch, flops=None)
    assert (
        "FLOPs and MFU are not given for cnn3, which were not counted when it was measured (remove throughput.json "
        "to do so)." in page
    )
