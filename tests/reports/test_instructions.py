"""Runs that were computed with different instructions of the CPU are told apart on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import reports
from tests.reports.synthetic import write_experiment


def page(folder: Path, *environments: dict[str, Any]) -> str:
    """The page of a report over runs of one architecture in each of these environments."""
    names = ["cnn2", "cnn3", "mlp"][: len(environments)]
    run_ids: list[str] = []
    for name, environment in zip(names, environments, strict=True):
        out = write_experiment(folder, [name], tasks=["classifier"], seeds=2, environment=environment)
        run_ids += json.loads((out / "manifest.json").read_text(encoding="utf-8"))["run_ids"]
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    manifest |= {"run_ids": run_ids, "archs": names, "baseline": names[0], "factors": {}}
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return reports.build(out).read_text(encoding="utf-8")


AVX512 = {"cpu_capability": "AVX512", "numeric_settings": {}}
DEFAULT = {"cpu_capability": "DEFAULT", "numeric_settings": {"ATEN_CPU_CAPABILITY": "default"}}


@pytest.mark.usefixtures("unmade")
def test_a_mixture_is_told_in_one_line(tmp_path: Path) -> None:
    (line,) = [line for line in page(tmp_path, AVX512, DEFAULT, {}).splitlines() if "CPU instructions" in line]
    told = r"AVX512 (2 runs), DEFAULT ATEN\_CPU\_CAPABILITY=default (2 runs), not recorded (2 runs): the rounding of"
    assert told in line


@pytest.mark.usefixtures("unmade")
def test_one_set_is_a_setting_like_others_and_none_is_no_line(tmp_path: Path) -> None:
    (line,) = [line for line in page(tmp_path / "a", AVX512, AVX512).splitlines() if "CPU instructions" in line]
    assert "| AVX512" in line and "runs" not in line
    assert "CPU instructions" not in page(tmp_path / "b", {}, {})
