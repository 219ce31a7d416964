"""`python -m reports answer`: what it prints, of which part of a report, and with which exit status."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

import reports
from reports.__main__ import main, parser
from reports.reading.answer_file import FILE
from tests.conftest import ROOT
from tests.reports.few_labels.synthetic import write_few_labels
from tests.reports.synthetic import write_experiment

LEVELS = {"cnn2": 0.0, "cnn3": -22.0, "mlp": 9.0, "pool9": 0.3}
"""Against cnn2: worse, better, and not resolvable with three seeds."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    built = write_experiment(folder, list(LEVELS), tasks=("vae", "cvae"), levels=LEVELS, seeds=3, n_test=60)
    reports.build(built)
    return built


def asked(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, list[str]]:
    """The exit status, what is on stdout, and the lines on stderr."""
    capsys.readouterr()
    status = main(["answer", *map(str, arguments)])
    shown = capsys.readouterr()
    return status, shown.out, shown.err.splitlines()


def as_json(capsys: pytest.CaptureFixture, *arguments: object) -> dict[str, Any]:
    status, out, err = asked(capsys, *arguments, "--json")
    assert (status, err) == (0, [])
    return json.loads(out)


def test_the_paragraph_and_a_line_for_each_verdict(report: Path, capsys: pytest.CaptureFixture) -> None:
    status, out, err = asked(capsys, report)
    assert (status, err) == (0, [])
    *paragraphs, verdicts = out.rstrip("\n").split("\n\n")
    content = reports.answer_data(report)
    assert " ".join(paragraphs[-1].split()) == content["answer"]
    assert "**" not in out and "\\" not in out
    lines = verdicts.splitlines()
    assert lines == [one["text"] for one in content["comparisons"]] and len(lines) == 6
    assert lines[0].startswith("mlp is better than cnn2 (VAE): +9")
    assert any(line.startswith("pool9 is not resolvable against cnn2 (VAE): ") for line in lines)


def test_json_is_the_file(report: Path, capsys: pytest.CaptureFixture) -> None:
    assert as_json(capsys, report) == json.loads((report / FILE).read_text(encoding="utf-8"))


def test_a_part_of_it(report: Path, capsys: pytest.CaptureFixture) -> None:
    found = as_json(capsys, report, "--arch", "cnn3,mlp", "--task", "cvae")
    assert {(one["arch"], one["task"]) for one in found["comparisons"]} == {("cnn3", "cvae"), ("mlp", "cvae")}
    assert [one["arch"] for one in found["results"]] == ["mlp", "cnn2", "cnn3"], "with the baseline, best first"
    assert found["archs"] == ["cnn2", "cnn3", "mlp"] and [one["task"] for one in found["tasks"]] == ["cvae"]
    assert found["runs"] == {"planned": 9, "finished": 9, "without_record": 0, "failed": []}
    _, out, _ = asked(capsys, report, "--arch", "cnn3", "--task", "vae")
    assert out.splitlines()[-1].startswith("cnn3 is worse than cnn2 (VAE): −2")


@pytest.mark.parametrize(
    ("arguments", "status", "reasons"),
    [
        (["--fail-on", "worse"], 1, ["worse: cnn3 is worse", "worse: cnn3 is worse"]),
        (["--fail-on", "worse", "--arch", "mlp"], 0, []),
        (["--fail-on", "worse", "--arch", "pool9"], 0, []),
        (["--fail-on", "unsettled", "--arch", "pool9", "--task", "vae"], 1, ["unsettled: pool9 is not resolvable"]),
        (["--fail-on", "unsettled", "--arch", "mlp", "cnn3"], 0, []),
        (["--fail-on", "worse,unsettled", "--arch", "pool9", "cnn3", "--task", "vae"], 1,
         ["worse: cnn3 is worse", "unsettled: pool9 is not resolvable"]),
        (["--arch", "cnn3"], 0, []),
    ],
)  # fmt: skip
def test_the_exit_status(
    report: Path, arguments: list[str], status: int, reasons: list[str], capsys: pytest.CaptureFixture
) -> None:
    for form in ([], ["--json"]):
        found, out, err = asked(capsys, report, *arguments, *form)
        assert found == status and len(err) == len(reasons)
        assert all(line.startswith(reason) for line, reason in zip(err, reasons, strict=True))
        assert not form or json.loads(out)


def test_a_run_that_failed_or_is_not_there_is_unsettled(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    failures = {("cnn3", "vae", 3): "out of memory"}
    report = write_experiment(tmp_path / "failed", tasks=("vae", "cvae"), seeds=4, n_test=60, failures=failures)
    status, _, err = asked(capsys, report, "--fail-on", "unsettled")
    assert (status, err) == (1, ["unsettled: runs failed: 1"])
    assert asked(capsys, report, "--fail-on", "unsettled", "--task", "cvae")[0] == 0, "not of what is shown"
    short = write_experiment(tmp_path / "short", tasks=("vae", "cvae"), seeds=4, n_test=60, manifest={"planned": 18})
    status, _, err = asked(capsys, short, "--fail-on", "unsettled")
    assert (status, err) == (1, ["unsettled: runs without a record: 2"])
    stopped = write_experiment(
        tmp_path / "stopped", tasks=("vae",), seeds=4, n_test=60, manifest={"planned": 16, "tasks": ["vae", "cvae"]}
    )
    status, _, err = asked(capsys, stopped, "--fail-on", "unsettled", "--task", "cvae")
    assert status == 1 and err[0].startswith("unsettled: cnn3 is not compared with cnn2 (CVAE)")
    assert err[1] == "unsettled: runs without a record: 8"


def test_one_seed_is_unsettled_and_not_worse(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    report = write_experiment(tmp_path, tasks=("vae",), seeds=1, n_test=60)
    assert asked(capsys, report, "--fail-on", "worse")[0] == 0
    assert asked(capsys, report, "--fail-on", "unsettled")[0] == 1


def test_who_is_another_ones_network_is_judged_by_that(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """As a classifier cnn3+cnn2 is cnn3, and that is worse."""
    archs = ("cnn2", "cnn3", "cnn3+cnn2")
    factors = {arch: {"encoder": arch.split("+")[0], "decoder": arch.split("+")[-1]} for arch in archs}
    report = write_experiment(
        tmp_path, archs, tasks=("classifier",), seeds=6, factors=factors, n_test=60,
        levels={"cnn2": 0, "cnn3": -200, "cnn3+cnn2": -200},
    )  # fmt: skip
    status, out, err = asked(capsys, report, "--arch", "cnn3+cnn2", "--fail-on", "worse")
    assert status == 1 and err[0].startswith("worse: cnn3 is worse than cnn2")
    assert "cnn3+cnn2 is the same network as cnn3 (classifier)" in out


def test_numbers_of_labels_are_tasks_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    report = write_few_labels(tmp_path, tasks=("m2", "reader"))
    one = as_json(capsys, report, "--task", "m2-600")
    assert [(task["task"], task["labels"]) for task in one["tasks"]] == [("m2", 600)]
    assert [(row["task"], row["labels"]) for row in one["comparisons"]] == [("m2", 600)]
    both = as_json(capsys, report, "--task", "m2")
    assert [task["labels"] for task in both["tasks"]] == [100, 600] and {row["task"] for row in both["speeds"]} == {
        "m2"
    }


BAD: dict[str, tuple[list[str], str]] = {
    "an unknown architecture": (["--arch", "cnn33"], "the report has no architecture 'cnn33'; did you mean 'cnn3'?"),
    "an unknown task": (["--task", "vea"], "the report has no task 'vea'; did you mean 'vae'?"),
    "an unknown reason": (["--fail-on", "wrose"], "--fail-on: 'wrose' is no reason to fail; did you mean 'worse'?"),
    "nothing to compare": (["--fail-on", "worse", "--arch", "cnn2"], "nothing is compared with the baseline cnn2"),
    "an unknown option": (["--jsn"], "unknown option '--jsn'; did you mean '--json'?"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(report: Path, name: str, capsys: pytest.CaptureFixture) -> None:
    arguments, expected = BAD[name]
    try:
        status, out, err = asked(capsys, report, *arguments)
    except SystemExit as stop:
        shown = capsys.readouterr()
        status, out, err = int(str(stop.code)), shown.out, shown.err.splitlines()
    assert status == 2 and out == ""
    (line,) = err
    assert line.startswith("error: ") and expected in line


def test_the_documented_commands_parse() -> None:
    text = (ROOT / "docs" / "answer.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python -m reports (answer .*?)(?: +#.*| > .*)?$", text, re.MULTILINE)
    assert len(commands) == 5
    parsed = [parser().parse_args(shlex.split(command)) for command in commands]
    assert [one.fail_on for one in parsed if one.fail_on] == [["worse", "unsettled"]] * 2


def test_no_report_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status, _, err = asked(capsys, tmp_path)
    assert (status, err) == (2, [f"error: {tmp_path} is not a report folder: expected {tmp_path}/manifest.json"])


@pytest.fixture
def older(report: Path, tmp_path: Path) -> Path:
    """A copy of the report from before there was such a file."""
    shutil.copytree(report.parent, tmp_path / "older")
    (tmp_path / "older" / "report" / FILE).unlink()
    return tmp_path / "older" / "report"


def test_an_older_report_is_read_from_its_records(older: Path, report: Path, capsys: pytest.CaptureFixture) -> None:
    assert as_json(capsys, older) == as_json(capsys, report)
    assert not (older / FILE).exists(), "only a page writes it"
    elsewhere = older.parent / "elsewhere"
    (older.parent / "runs").rename(elsewhere)
    assert as_json(capsys, older, "--runs-dir", elsewhere) == as_json(capsys, report)


def test_without_file_and_records_it_says_so(older: Path, capsys: pytest.CaptureFixture) -> None:
    shutil.rmtree(older.parent / "runs")
    status, out, (line,) = asked(capsys, older)
    assert status == 2 and out == ""
    assert line.startswith(
        f"error: {older} has no answer.json of its manifest, and none can be made from its records: "
    )
    assert line.endswith("point --runs-dir at them")


def test_a_rendered_report_needs_no_records(report: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    alone = Path(shutil.copytree(report, tmp_path / "alone"))
    assert as_json(capsys, alone) == as_json(capsys, report)


@pytest.mark.parametrize("how", ["of an older manifest", "half", "of another version"])
def test_a_file_that_is_not_the_manifests_is_not_believed(
    older: Path, report: Path, how: str, capsys: pytest.CaptureFixture
) -> None:
    """As a job leaves it that was killed between its manifest and its page."""
    content = json.loads((report / FILE).read_text(encoding="utf-8"))
    content |= {"answer": "All is well.", **({"created": "2020-01-01"} if how.endswith("manifest") else {})}
    content |= {"version": 0} if how.endswith("version") else {}
    text = json.dumps(content)
    (older / FILE).write_text(text[:100] if how == "half" else text, encoding="utf-8")
    assert as_json(capsys, older) == as_json(capsys, report)


def test_nothing_in_a_file_is_obeyed_by_a_terminal(report: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sent = Path(shutil.copytree(report, tmp_path / "sent"))
    content = json.loads((sent / FILE).read_text(encoding="utf-8"))
    content |= {"answer": "\x1b[2JAll is well.", "warnings": ["a\nb"], "a_field_of_tomorrow": 1}
    content["comparisons"][0] |= {"text": "\x1b]0;x\x07", "verdict": "worse"}
    (sent / FILE).write_text(json.dumps(content), encoding="utf-8")
    status, out, err = asked(capsys, sent, "--fail-on", "worse")
    assert status == 1 and "[2JAll is well." in out and "warning: a b" in out
    assert not any(character in "".join([out, *err]) for character in "\x1b\x07")
