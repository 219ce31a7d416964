"""A page says that it is as planned, or everything that is not; one without a design says nothing of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reports
from bench.spec.run import EvaluationSpec, RunSpec
from bench.spec.status import Status
from bench.store.design import FILE
from bench.store.record import Record
from bench.store.store import Store
from reports.__main__ import main
from reports.figures.canvas import FigureWriter
from reports.rendering import markdown
from reports.sections import reproduce
from reports.sections.context import Context
from tests.reports.answers.designs import planned, until_sure
from tests.reports.few_labels.synthetic import write_few_labels
from tests.reports.synthetic import write_experiment

Change = Callable[[dict[str, Any]], object]
WHEN = "design.json, 2 January 2026, 03:00 UTC"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    return write_experiment(folder, tasks=("vae", "classifier"), seeds=3, n_test=60, manifest={"evaluate": "basic"})


@pytest.fixture
def report(sound: Path, tmp_path: Path) -> Path:
    """A copy to plan: a report folder beside its runs."""
    shutil.copytree(sound.parent, tmp_path / "copy")
    return tmp_path / "copy" / sound.name


def page(report: Path) -> str:
    return reports.build(report).read_text(encoding="utf-8")


def said(report: Path) -> list[str]:
    """What the page says of the design: in its first paragraph, and below "How to reproduce"."""
    experiment = reports.load(report)
    first = re.findall(r"Not as planned: .*?\.(?= |$)", reports.answer(experiment))
    section = markdown.render(reproduce.blocks(Context(experiment, FigureWriter(report))))
    return [*first, *(line for line in section.splitlines() if "planned (" in line or FILE in line)]


def test_a_report_without_a_design_says_nothing(report: Path) -> None:
    before = page(report)
    assert "plan" not in before
    planned(report)
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    (report / "manifest.json").write_text(json.dumps({**manifest, "design": None}), encoding="utf-8")
    assert page(report) == before, "the design was written by a job whose report is not there yet"
    assert reports.answer_data(report)["design"] is None


def test_what_is_as_planned_is_said_so_and_costs_no_word_above(report: Path) -> None:
    before = page(report)
    assert said(planned(report)) == [f"As planned ({WHEN})."]
    assert page(report).replace(f"As planned ({WHEN}).\n\n", "") == before
    design = reports.answer_data(report)["design"]
    assert design["as_planned"] is True and design["deviations"] == []


def test_runs_that_were_there_before_the_plan_are_said(report: Path) -> None:
    planned(report, lambda design: design["runs"].update(made_before=5))
    assert said(report) == [
        f"As planned ({WHEN}). 5 of the 12 planned runs were in the store when the plan was written: it could be made "
        "by their results."
    ]
    planned(report, lambda design: design["runs"].update(made_before=12))
    assert said(report)[0].split(". ")[1].startswith("All 12 planned runs were in the store")


def without(what: str, name: str) -> Change:
    def change(design: dict[str, Any]) -> None:
        design[what] = [one for one in design[what] if one["name"] != name]
        if what == "tasks":
            for one in design["architectures"]:
                one["tasks"].remove(name)

    return change


def with_more(what: str, name: str) -> Change:
    return lambda design: design[what].append({**design[what][0], "name": name})


def in_each(what: str, name: str, **fields: Any) -> Change:
    return lambda design: [one.update(fields) for one in design[what] if one["name"] == name]


def setting(part: str, **fields: Any) -> Change:
    return lambda design: design[part].update(fields)


def seeds(count: int) -> Change:
    return lambda design: design.update(seeds=list(range(count)), stopping={"kind": "fixed", "seeds": count})


GRAVE: dict[str, tuple[Change, str]] = {
    "more seeds": (seeds(2), "3 seeds instead of 2"),
    "until sure": (until_sure(30), "a number of seeds fixed beforehand instead of seeds added until settled"),
    "fewer seeds": (seeds(10), "3 seeds instead of 10"),
    "an architecture missing": (with_more("architectures", "pool4"), "architecture pool4 planned and not shown"),
    "an architecture changed": (
        in_each("architectures", "cnn3", fingerprint="other"),
        "architecture cnn3 changed since",
    ),
    "a task missing": (with_more("tasks", "cvae"), "task cvae planned and not shown"),
    "a task changed": (in_each("tasks", "vae", fingerprint="abc"), "task vae changed since"),
    "another baseline": (lambda design: design.update(baseline="cnn3"), "baseline cnn2 instead of cnn3"),
    "another metric": (in_each("tasks", "vae", metric="kl"), "vae: metric elbo instead of kl"),
    "another margin": (in_each("tasks", "vae", margin=1.5), "vae: margin 0.5 instead of 1.5"),
    "no margin": (in_each("tasks", "classifier", margin=None), "classifier: margin 0.001 instead of none"),
    "another direction": (
        in_each("tasks", "vae", higher_is_better=False),
        "vae: higher counts as better, not lower",
    ),
    "other epochs": (setting("recipe", epochs=20), "epochs 10 instead of 20"),
    "another rate": (setting("recipe", lr=0.008), "lr 0.001 instead of 0.008"),
    "fewer images": (setting("recipe", train_images=1000), "train images all instead of 1000"),
    "no tuning": (
        lambda design: design.update(tuning={"trials": 5, "space": []}),
        "1 trial of each run instead of 5",
    ),
    "equal epochs": (
        lambda design: design.update(match="flops"),
        "equal epochs instead of equal training FLOPs",
    ),
    "another likelihood": (setting("recipe", likelihood="grey"), "likelihood dynamic instead of grey"),
    "another data set": (
        setting("dataset", name="digits", fingerprint="x"),
        "data set mnist instead of digits",
    ),
    "other data": (setting("dataset", fingerprint="xyz"), "fingerprint of the data dddddddd instead of xyz"),
}  # fmt: skip

OF_SEEDS = {
    "more seeds": " (if they were added in sight of the results, the intervals don't hold)",
    "fewer seeds": " (the verdicts assume a number of seeds that was fixed beforehand)",
    "until sure": " (if they were added in sight of the results, the intervals don't hold)",
}


@pytest.mark.parametrize("name", GRAVE)
def test_a_deviation_that_verdicts_depend_on_is_said_in_the_first_paragraph_too(name: str, report: Path) -> None:
    change, clause = GRAVE[name]
    first, behind = said(planned(report, change))
    assert first == f"Not as planned: {clause}{OF_SEEDS.get(name, '')}."
    assert behind == f"**Not as planned** ({WHEN}): {clause}."
    design = reports.answer_data(report)["design"]
    assert [one["text"] for one in design["deviations"]] == [clause] and design["as_planned"] is False


SLIGHT: dict[str, tuple[Change, str]] = {
    "an architecture added": (without("architectures", "cnn3"), "architecture cnn3 added"),
    "a task added": (without("tasks", "classifier"), "task classifier added"),
    "another device": (setting("recipe", device="cuda"), "device cpu instead of cuda"),
    "a further evaluation": (setting("evaluation", level="full"), "evaluation basic instead of full"),
}


@pytest.mark.parametrize("name", SLIGHT)
def test_a_deviation_that_no_verdict_depends_on_is_said_once(name: str, report: Path) -> None:
    change, clause = SLIGHT[name]
    assert said(planned(report, change)) == [f"**Not as planned** ({WHEN}): {clause}."]


def test_several_deviations_are_all_said_and_those_of_a_kind_share_a_clause(report: Path) -> None:
    def change(design: dict[str, Any]) -> None:
        for name in ("pool4", "mlp", "a", "b", "c", "d"):
            with_more("architectures", name)(design)
        seeds(2)(design)
        design["recipe"]["epochs"] = 5

    _, behind = said(planned(report, change))
    assert behind == (
        f"**Not as planned** ({WHEN}): 3 seeds instead of 2; architectures pool4, mlp, a, b, c and d planned and not "
        "shown; epochs 10 instead of 5."
    )


def test_runs_without_a_result_are_counted_once_above_and_once_here(tmp_path: Path) -> None:
    failures = {("cnn3", "vae", 1): "out of memory"}
    report = planned(write_experiment(tmp_path, tasks=("vae",), seeds=3, n_test=60, failures=failures))
    assert said(report) == [f"**Not as planned** ({WHEN}): 1 of 6 planned runs without a result."]
    assert "1 of 6 runs failed (cnn3 vae seed 1)" in page(report)


def test_other_numbers_of_labels_are_a_deviation(tmp_path: Path) -> None:
    report = planned(write_few_labels(tmp_path, tasks=("m2",), labels=(100, 600)), in_each("tasks", "m2", labels=[100]))
    assert said(report)[1] == f"**Not as planned** ({WHEN}): m2: labels 100 and 600 instead of 100."
    assert said(planned(report))[0].startswith("As planned")


def test_other_settings_of_an_evaluation_are_a_deviation(report: Path) -> None:
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    run = next(one for one in Store(report.parent / "runs").records() if one.spec["task"] == "vae")
    spec = EvaluationSpec(RunSpec(**run.spec), "iwae", {"samples": 64, "images": None}, protocol=2)
    record = Record(spec.run_id, spec.content(), Status.FINISHED, metrics={"iwae_k64_n60": -100.0})
    Store(spec.store_folder(report.parent / "runs")).write(record)
    manifest |= {"evaluations": [spec.run_id], "evaluate": "full"}
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    part = {"part": "iwae", "settings": {"images": None, "samples": 64}, "protocol": 2}
    assert said(planned(report, setting("evaluation", parts=[part]))) == [f"As planned ({WHEN})."]
    other = {**part, "settings": {"images": None, "samples": 8}}
    clause = "evaluation iwae with other settings"
    assert said(planned(report, setting("evaluation", parts=[other]))) == [f"**Not as planned** ({WHEN}): {clause}."]


@pytest.mark.parametrize("state", ["missing", "changed"])
def test_a_design_that_is_gone_or_was_edited_tells_nothing(report: Path, state: str) -> None:
    planned(report)
    if state == "missing":
        (report / FILE).unlink()
        expected = "design.json, the plan of what this page shows, is not there any more, so that what was planned "
    else:
        text = (report / FILE).read_text(encoding="utf-8")
        (report / FILE).write_text(text.replace('"lr": 0.001', '"lr": 0.002'), encoding="utf-8")
        expected = "design.json, the plan of what this page shows, was changed since, so that what was planned "
    assert said(report) == [f"{expected}can't be told."]
    assert reports.answer_data(report)["design"]["state"] == state


def test_another_layout_of_the_same_design_is_no_change(report: Path) -> None:
    planned(report)
    content = json.loads((report / FILE).read_text(encoding="utf-8"))
    (report / FILE).write_text(json.dumps(dict(reversed(content.items())), indent=4), encoding="utf-8")
    assert said(report) == [f"As planned ({WHEN})."]


BAD: dict[str, tuple[bytes, str]] = {
    "half": (b'{"version": 1', "design.json can't be read: "),
    "a list": (b"[]", "design.json is no design of a job: expected `object`, got `array`"),
    "no text": (b"\xff\xfe", "design.json can't be read: "),
    "a number that is none": (b'{"version": NaN}', "design.json can't be read: NaN is no number"),
    "newer": (b'{"version": 2}', "has version 2, from a newer version than this (which reads 1 to 1)"),
    "without a baseline": (b'{"version": 1, "created": "2026-01-02T03:00:00Z"}', "object missing required field"),
    "without a time zone": (b'{"version": 1, "created": "2026-01-02T03:00:00"}', "created is "),
}


@pytest.mark.parametrize("name", BAD)
def test_a_design_that_is_none_is_one_line(report: Path, name: str, capsys: pytest.CaptureFixture) -> None:
    planned(report)
    content, expected = BAD[name]
    (report / FILE).write_bytes(content)
    assert main(["render", str(report)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and expected in line


def test_a_manifest_whose_design_is_no_hash_is_one_line(report: Path, capsys: pytest.CaptureFixture) -> None:
    planned(report)
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    (report / "manifest.json").write_text(json.dumps({**manifest, "design": ["x"]}), encoding="utf-8")
    assert main(["render", str(report)]) == 2
    assert "manifest.json: design is \"['x']\", expected the hash of design.json" in capsys.readouterr().err


def test_what_stands_in_a_design_opens_nothing_on_the_page(report: Path) -> None:
    planned(report, lambda design: design.update(baseline="<img src=x>|**[x](javascript:1)**"))
    text = page(report)
    assert "<img" not in text and "x](javascript" not in text and "x\\](javascript" in text
