"""answer.json holds what the page and its tables say, in full numbers and under names that stay."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import reports
from reports.reading.answer_file import FILE
from tests.conftest import ROOT
from tests.reports.answers.designs import planned
from tests.reports.answers.reader import Answer
from tests.reports.few_labels.synthetic import write_few_labels
from tests.reports.synthetic import write_experiment
from tests.reports.test_reports_speed import write_speeds

CROSSING = ("cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2")
FACTORS = {arch: {"encoder": arch.split("+")[0], "decoder": arch.split("+")[-1]} for arch in CROSSING}
FAILURES = {("cnn3", "vae", 1): "out of memory", ("cnn2", "cvae", 0): "lost", ("cnn2", "cvae", 1): "lost"}


def crossing(folder: Path) -> Path:
    """Four networks that are two to a classifier, a clear loser, and a design that planned fewer seeds."""
    report = write_experiment(
        folder, CROSSING, seeds=4, factors=FACTORS, n_test=60, manifest={"warnings": ["Careful."]}
    )
    return planned(report, lambda design: design.update(stopping={"kind": "fixed", "seeds": 3}))


def measured(folder: Path) -> Path:
    report = write_experiment(folder, tasks=("vae", "classifier"), n_test=60)
    write_speeds(report, ["cnn2", "cnn3"])
    return report


CASES: dict[str, Callable[[Path], Path]] = {
    "a crossing": crossing,
    "speeds apart": measured,
    "failures": lambda folder: write_experiment(folder, seeds=3, n_test=60, failures=FAILURES),
    "one seed": lambda folder: planned(write_experiment(folder, seeds=1, n_test=60)),
    "one architecture": lambda folder: write_experiment(folder, ["cnn2"], n_test=60),
    "equal": lambda folder: write_experiment(folder, seeds=6, gap=0.05, spread=0.02, tasks=("vae",), n_test=60),
    "labels": lambda folder: write_few_labels(folder, tasks=("m2", "reader")),
}
Made = Callable[[str], tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The report of that name, built when it is first asked for, and what its answer.json holds."""
    known: dict[str, Path] = {}

    def make(name: str) -> tuple[Path, dict[str, Any]]:
        if name not in known:
            known[name] = CASES[name](tmp_path_factory.mktemp("case"))
            reports.build(known[name])
        return known[name], json.loads((known[name] / FILE).read_text(encoding="utf-8"), parse_constant=refuse)

    return make


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def same(value: Any, cell: str) -> bool:
    """Whether a value of JSON is the one in a cell of a CSV table, to the last digit."""
    if value is None:
        return cell == ""
    if isinstance(value, bool | str):
        return str(value) == cell
    if isinstance(value, list):
        return str(tuple(value)) == cell
    return float(cell) == value


@pytest.mark.parametrize("name", CASES)
def test_a_typed_reader_finds_every_field_and_no_other(name: str, made: Made) -> None:
    _, content = made(name)
    msgspec.convert(content, Answer)


def fields(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from fields(each)


def test_every_field_is_documented(made: Made) -> None:
    text = (ROOT / "docs" / "answer.md").read_text(encoding="utf-8")
    known = {name for case in ("a crossing", "failures") for name in fields(made(case)[1])}
    assert len(known) > 60
    assert [name for name in sorted(known) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_those_of_the_csv_tables(name: str, made: Made) -> None:
    report, content = made(name)
    numbered = {one["labels"] for one in content["tasks"]} != {None}

    def key(row: dict[str, Any]) -> tuple[str, ...]:
        return (row["task"], str(row["labels"]) if numbered else "", row["metric"], row["arch"])

    compared = {key(row): row for row in rows(report / "comparisons.csv")}
    assert {key(one) for one in content["comparisons"]} == set(compared)
    for one in content["comparisons"]:
        row = compared[key(one)]
        shared = (set(one) & set(row)) - {"task", "labels", "metric", "arch"}
        assert len(shared) >= 19
        if one["n"]:
            assert [field for field in shared if not same(one[field], row[field])] == [], one
        else:
            assert one["verdict"] == row["verdict"] == "unresolved" and float(row["n"]) == 0
    summary = {key(row): row for row in rows(report / "summary.csv")}
    for one in content["results"]:
        if one["n"]:
            row = summary[key(one)]
            assert all(same(one[field], row[field]) for field in ("n", "n_failed", "mean", "std", "low", "high"))
        else:
            assert key(one) not in summary and one["mean"] is None


def test_speeds_are_those_of_throughput_csv(made: Made) -> None:
    report, content = made("speeds apart")
    found = {(row["arch"], row["task"]): row for row in rows(report / "throughput.csv") if row["work"] == "train"}
    assert len(content["speeds"]) == len(found) == 4
    for one in content["speeds"]:
        row = found[one["arch"], one["task"]]
        assert one["measured_apart"] and one["sessions"] == (1 if one["ratio"] else 0)
        assert same(one["images_per_s"], row["images_per_s"])
        if one["arch"] != "cnn2":
            assert all(same(one[field], row[field]) for field in ("ratio", "ratio_low", "ratio_high", "resolved"))
    assert [one["ratio"] is None for one in content["speeds"] if one["arch"] == "cnn2"] == [True, True]


def test_verdicts_and_sets_are_the_pages(made: Made) -> None:
    report, content = made("a crossing")
    page = (report / "report.md").read_text(encoding="utf-8")
    experiment = reports.load(report)
    assert content["answer"] in page.replace("**", "").replace("\\", "")
    assert page.startswith(f"# {content['question']}\n") and content["baseline"] == "cnn2"
    warned = [line for line in page.splitlines() if line.startswith("> ⚠")]
    assert len(warned) == len(content["warnings"]) > 0 and "Careful." in content["warnings"]
    for task in content["tasks"]:
        ranking = experiment.rankings[task["task"]]
        assert task["best"] == ranking.best and task["margin"] == ranking.metric.margin
        assert task["may_be_best"] == [ranking.leader, *ranking.rivals]
        assert set(task["may_be_best"]) | set(task["ruled_out"]) == set(ranking.distinct)
        own = [one for one in content["comparisons"] if one["task"] == task["task"]]
        assert {one["arch"]: one["verdict"] for one in own} == {
            arch: row.verdict for arch, row in ranking.versus_baseline.items()
        }
    same_networks = {one["arch"]: one["same_as"] for one in content["comparisons"] if one["verdict"] == "same network"}
    assert same_networks == {"cnn2+cnn3": "cnn2", "cnn3+cnn2": "cnn3"}
    (deviation,) = content["design"]["deviations"]
    assert (deviation["kind"], deviation["planned"], deviation["found"]) == ("seeds", 3, 4)


def test_both_intervals_are_there_and_the_level_of_the_wider(made: Made) -> None:
    _, content = made("a crossing")
    tested = [one for one in content["comparisons"] if one["task"] == "vae"]
    assert {one["family"] for one in tested} == {3}
    for one in tested:
        assert one["low"] <= one["low_95"] < one["difference"] < one["high_95"] <= one["high"]
        assert one["level"] >= 0.95 and 0 <= one["p_t"] <= one["p_holm"] <= 1
    assert any(one["level"] > 0.95 for one in tested)


def test_sizes_are_those_of_the_records(made: Made) -> None:
    report, content = made("speeds apart")
    runs = list(rows(report / "records.csv"))
    for one in content["sizes"]:
        run = next(run for run in runs if (run["arch"], run["task"]) == (one["arch"], one["task"]))
        assert all(same(one[name], run[name]) for name in ("params_total", "params_conv", "params_fc"))


def test_what_failed_and_what_was_never_run_is_counted(made: Made, tmp_path: Path) -> None:
    _, content = made("failures")
    assert {(one["arch"], one["task"], one["seed"]): one["error"] for one in content["runs"]["failed"]} == FAILURES
    assert content["runs"]["planned"] == 18 and content["runs"]["finished"] == 15
    cells = {(one["arch"], one["task"]): (one["n"], one["n_failed"], one["n_missing"]) for one in content["results"]}
    assert cells["cnn3", "vae"] == (2, 1, 0) and cells["cnn2", "cvae"] == (1, 2, 0)
    asked = {"planned": 18, "tasks": ["vae", "cvae", "classifier"]}
    stopped = reports.answer_data(write_experiment(tmp_path, tasks=("vae",), seeds=3, n_test=60, manifest=asked))
    assert stopped["runs"]["without_record"] == 12
    lacking = {(one["arch"], one["task"]): one["n_missing"] for one in stopped["results"]}
    assert lacking == {(arch, task): 0 if task == "vae" else 3 for arch in ("cnn2", "cnn3") for task in asked["tasks"]}
    untold = [one for one in stopped["comparisons"] if one["task"] != "vae"]
    assert [(one["n"], one["verdict"], one["difference"]) for one in untold] == [(0, "unresolved", None)] * 2
    assert untold[0]["text"] == "cnn3 is not compared with cnn2 (CVAE): no seed that both have finished"


def test_what_an_architecture_can_t_do_is_not_missing(tmp_path: Path) -> None:
    skipped = [{"arch": "pool4", "task": "vae", "reason": "pool4 has no decoder, so it can't do vae"}]
    report = write_experiment(
        tmp_path, ["cnn2", "pool4"], tasks=("vae", "classifier"), seeds=2, n_test=60,
        manifest={"skipped": skipped, "planned": 7},
    )  # fmt: skip
    found = reports.answer_data(report)
    assert {(one["arch"], one["task"]) for one in found["results"]} == {
        ("cnn2", "vae"), ("cnn2", "classifier"), ("pool4", "classifier")
    }  # fmt: skip


def test_one_seed_has_no_interval_and_no_verdict(made: Made) -> None:
    _, content = made("one seed")
    for one in content["comparisons"]:
        assert (one["n"], one["verdict"], one["low"], one["p_holm"]) == (1, "unresolved", None, None)
        assert one["text"].endswith("; one seed: no interval, no verdict")
        assert math.isfinite(one["difference"])


def test_numbers_of_labels_are_apart(made: Made) -> None:
    _, content = made("labels")
    assert [(one["task"], one["labels"]) for one in content["tasks"]] == [
        ("m2", 100), ("m2", 600), ("reader", 100), ("reader", 600)
    ]  # fmt: skip
    assert len(content["comparisons"]) == 4


def test_it_is_made_again_with_the_page_and_alike(made: Made) -> None:
    report, _ = made("a crossing")
    before = (report / FILE).read_bytes()
    reports.build(report)
    assert (report / FILE).read_bytes() == before
