"""Speeds of several machines are not compared, on one page or between two; a line says what else they mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import reports
from reports.comparing.compare import compare
from reports.comparing.page import render
from reports.findings.speed_ratios import training_ratios
from reports.markup.escape import plain
from tests.reports.comparing.test_compare import report
from tests.reports.synthetic import write_experiment
from tests.reports.test_reports_speed import write_speeds

pytestmark = pytest.mark.usefixtures("unmade")

ELSEWHERE: dict[str, Mapping[str, Any]] = {
    "device_name": {"device_name": "Slow CPU"},
    "torch": {"torch": "2.1.0"},
}
OPTIONS: dict[str, Any] = {"tasks": ("vae", "classifier"), "n_test": 10}


def page_of(folder: Path) -> str:
    reports.build(folder)
    return (folder / "report.md").read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    return page[page.index(f"## {heading}") :].split("\n## ")[0]


@pytest.mark.parametrize("field", ELSEWHERE)
def test_speeds_of_two_machines_make_no_ratio(field: str, tmp_path: Path) -> None:
    """One architecture's records were copied from another machine, as a store can be."""
    folder = write_experiment(
        tmp_path, 2, environment_of=lambda arch, seed: ELSEWHERE[field] if arch == "cnn3" else {}, **OPTIONS
    )
    page, name = page_of(folder), next(iter(ELSEWHERE[field].values()))
    assert training_ratios(reports.load(folder), "vae") == {}
    assert "cnn3 has 0.94× the parameters of cnn2; their training speeds are of different machines" in page
    assert "faster" not in page and "slower" not in page
    speed = section(page, "Training speed")
    assert "×" not in speed.split("| architecture")[1] and "![" not in speed
    assert "‡ of several machines or versions of torch: not compared" in speed and "`--throughput quick`" in speed
    assert f"{name}" in speed and "(cnn2)" in speed and "(cnn3)" in speed
    cost = section(page, "Quality against cost")
    assert (
        "throughput: " not in cost and "Throughput is left out (VAE and classifier)" in cost and "parameters:" in cost
    )
    head = page.split("\n## ")[0]
    assert "The runs are of 2 machines or versions of torch:" in head and "where training is chaotic" in head
    rows = [line for line in head.splitlines() if line.startswith(("| cnn2", "| cnn3", "| **cnn"))]
    assert len(rows) == 2 and all(row.rstrip(" |").endswith("‡") for row in rows)
    assert " ‡" in reports.terminal_summary(folder)


def test_speeds_measured_apart_are_of_one_machine_wherever_the_runs_are_from(tmp_path: Path) -> None:
    folder = write_experiment(
        tmp_path, 2, environment_of=lambda arch, seed: ELSEWHERE["torch"] if arch == "cnn3" else {}, **OPTIONS
    )
    write_speeds(folder, ["cnn2", "cnn3"])
    page = page_of(folder)
    assert "‡" not in page and "trains 0.50× as fast" in plain(page) and "throughput: cnn2" in page
    assert "The runs are of 2 machines or versions of torch:" in page


def test_a_seed_that_two_were_trained_with_on_one_machine_makes_a_ratio(tmp_path: Path) -> None:
    def where(arch: str, seed: int) -> Mapping[str, Any]:
        return {"device_name": "Slow CPU"} if seed == 1 or (arch, seed) == ("cnn3", 2) else {}

    folder = write_experiment(tmp_path, 2, seeds=4, environment_of=where, **OPTIONS)
    assert {arch: found.n for arch, found in training_ratios(reports.load(folder), "vae").items()} == {"cnn3": 3}
    assert "A ratio is of the same seeds on the same machine, with" in page_of(folder)


def test_a_page_of_one_machine_says_nothing_of_it(tmp_path: Path) -> None:
    page = page_of(write_experiment(tmp_path, 2, **OPTIONS))
    assert "machines" not in page and "‡" not in page and "†" not in page
    assert "Measured while training, evaluation excluded: Invented CPU, 1 thread, torch 2.0.1, up to 2 runs" in page


def test_speeds_noted_beside_other_runs_are_marked(tmp_path: Path) -> None:
    folder = write_experiment(
        tmp_path, 2, environment_of=lambda arch, seed: {"workers": 2 if arch == "cnn3" else 1}, **OPTIONS
    )
    page = page_of(folder)
    rows = {line.split("|")[1].strip(" *"): line for line in page.split("\n## ")[0].splitlines() if "| cnn" in line}
    assert rows["cnn3"].rstrip(" |").endswith(" †") and "†" not in rows["cnn2"]
    assert (
        "† noted in training, when other runs of the job could be in flight; what else the machine did is not" in page
    )
    beside = "noted in training, when other runs of the job could be in flight"
    assert f" (3 seeds, {beside})." in page.split("\n## ")[0]
    assert f"The throughput (VAE and classifier) was {beside}." in page
    assert "other work" not in page  # which nobody saw


def test_throughput_of_two_reports_is_compared_on_one_machine_only(tmp_path: Path) -> None:
    a = report(tmp_path / "a")
    b = report(tmp_path / "b", environment={"device_name": "Slow CPU"}, salt=1)
    found = compare(a, b)
    assert {one.metric.name for one in found.changes} == {"elbo", "accuracy"}
    page = render(found)
    assert "A was trained on Invented CPU, 1 thread, torch 2.0.1, B on Slow CPU, 1 thread, torch 2.0.1." in page
    assert "where training is chaotic" in page and "python -m bench.gate" in page
    assert "| device name | Invented CPU | Slow CPU |" in " ".join(page.split())


def test_one_architecture_of_another_machine_is_named(tmp_path: Path) -> None:
    a = report(tmp_path / "a")
    b = report(tmp_path / "b", environment_of=lambda arch, seed: {"torch": "2.9"} if arch == "cnn3" else {}, salt=1)
    found = compare(a, b)
    assert {one.arch for one in found.changes if one.metric.name == "train_images_per_s"} == {"cnn2"}
    assert "B on Invented CPU, 1 thread, torch 2.9 (cnn3 VAE and cnn3 classifier)." in render(found)


def test_a_report_that_does_not_say_of_which_machine_it_is_has_no_throughput_to_compare(tmp_path: Path) -> None:
    a, b = report(tmp_path / "a"), report(tmp_path / "b", environment={"device_name": None})
    page = render(compare(a, b))
    assert "Throughput is not compared: B does not say on which machine the runs were trained" in page
    gpu = {"settings": {"device": "cuda"}, "environment": {"device_name": None}}
    page = render(compare(a, report(tmp_path / "gpu", **gpu)))
    assert "B on a cuda without a name, 1 thread, torch 2.0.1. Each rounds in its own way" in page
