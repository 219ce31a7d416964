"""Jobs of `--until-sure` through the command line: what they train, say and leave, and how they are taken up again."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from bench.job.options import parse
from bench.store.design import read
from tests.job.test_job import begun_with, job, records, stamps
from tests.job.test_options import refused
from tests.job.test_signals import at_the_first_record

FIRST, SMALL = "cnn:depth=1,channels=2", "cnn:depth=1,channels=3"
THREE = ("--archs", FIRST, SMALL, "mlp", "--tasks", "classifier", "vae", "--workers", "2")
RULE = ("--until-sure", "--max-seeds", "5")
NOTED = """
import os
import torch
from torch import nn
from archs.base import Arch

class Noted(nn.Module):
    seen = False

    def forward(self, x):
        if self.training and torch.is_grad_enabled() and not self.seen:  # a network is tried out without gradients
            self.seen = True
            with open({log!r}, "a") as log:
                log.write(f"{{os.getpid()}}\\n")
        return x.flatten(1)

ARCH = Arch(name="noted", summary="notes each training", source="test", encoder=lambda channels: Noted())
"""


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report" / "manifest.json").read_text(encoding="utf-8"))


def said(capsys: pytest.CaptureFixture) -> list[str]:
    return capsys.readouterr().err.splitlines()


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A job of three architectures and two tasks, and what it said on stderr."""
    folder = tmp_path_factory.mktemp("settled")
    with contextlib.redirect_stderr(io.StringIO()) as lines:
        assert job(folder, *THREE, *RULE) == 0
    return folder, lines.getvalue().splitlines()


def cells(folder: Path) -> dict[tuple[str, str], list[int]]:
    """Architecture and task → the seeds that the report shows."""
    shown, found = set(manifest(folder)["run_ids"]), dict[tuple[str, str], list[int]]()
    for record in records(folder):
        if record.run_id in shown:
            found.setdefault((record.spec["arch"], record.spec["task"]), []).append(record.spec["seed"])
    return {cell: sorted(seeds) for cell, seeds in found.items()}


def test_seeds_are_added_where_a_verdict_is_open(settled: tuple[Path, list[str]]) -> None:
    folder, _ = settled
    found = cells(folder)
    assert all(seeds == list(range(len(seeds))) and 3 <= len(seeds) <= 5 for seeds in found.values())
    assert len({len(seeds) for seeds in found.values()}) > 1, "some are settled sooner than others"
    assert len(records(folder)) == sum(map(len, found.values())), "and nothing else was trained"
    for task in ("classifier", "vae"):
        assert len(found[FIRST, task]) == max(len(found[arch, task]) for arch in (SMALL, "mlp"))


def test_manifest_and_design_say_by_which_rule(settled: tuple[Path, list[str]]) -> None:
    folder, _ = settled
    content, stored = manifest(folder), read(folder / "report")
    expected = {"kind": "until sure", "first_seeds": 3, "max_seeds": 5, "max_minutes": None}
    assert content["stopping"] == {**expected, "ended": "most seeds"}
    assert content["seeds"] == 5 and content["planned"] == len(content["run_ids"]) == len(records(folder))
    assert stored is not None
    rule = stored.design.stopping
    assert (rule.kind, rule.first_seeds, rule.seeds, rule.max_minutes, rule.level) == ("until sure", 3, 5, None, 0.05)
    assert stored.design.seeds == [0, 1, 2, 3, 4] and stored.design.runs.planned == 30


def test_each_round_says_where_it_stands(settled: tuple[Path, list[str]]) -> None:
    folder, lines = settled
    rounds = [line for line in lines if "verdicts open" in line]
    assert rounds[0] == "4 of 4 verdicts open, first 3 of at most 5 seeds"
    left = r"about \d+:\d\d left in this round, 0:0\d after the last"
    assert re.fullmatch(rf"[1-4] of 4 verdicts open, 4th of at most 5 seeds, .*, {left}", rounds[1])
    assert re.fullmatch(rf"\[1/18\] .* finished in \d+:\d\d, {left}", lines[1])
    assert "done already" not in "".join(lines)
    assert re.search(r"^settled: .* at [3-5] seeds.*; open after 5 seeds: ", lines[-1])
    assert sum(line.startswith("[") for line in lines) == len(records(folder))


def test_the_same_command_again_trains_nothing_and_a_fixed_job_has_the_same_runs(
    settled: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = Path(shutil.copytree(settled[0], tmp_path / "here"))
    before = stamps(folder)
    assert job(folder, *THREE, *RULE) == 0
    assert said(capsys)[-1] == settled[1][-1] and stamps(folder) == before
    assert job(folder, *THREE, "--seeds", "3", "--out", str(tmp_path / "fixed")) == 0
    assert stamps(folder) == before
    content = json.loads((tmp_path / "fixed" / "manifest.json").read_text(encoding="utf-8"))
    assert "stopping" not in content and len(content["run_ids"]) == 18


@pytest.mark.slow
def test_a_store_that_holds_more_seeds_gives_the_same_plan(settled: tuple[Path, list[str]], tmp_path: Path) -> None:
    begun_with(records(settled[0]), tmp_path)
    assert job(tmp_path, *THREE, "--seeds", "5") == 0
    before = stamps(tmp_path)
    assert job(tmp_path, *THREE, *RULE, "--out", str(tmp_path / "growing")) == 0
    content = json.loads((tmp_path / "growing" / "manifest.json").read_text(encoding="utf-8"))
    assert content["run_ids"] == manifest(settled[0])["run_ids"] and stamps(tmp_path) == before
    assert len(before) == 30 > len(content["run_ids"])


@pytest.mark.slow
def test_a_job_that_was_stopped_goes_on_to_the_same_end(
    settled: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    at_the_first_record(tmp_path, signal.SIGINT)
    assert job(tmp_path, *THREE, *RULE) == 130
    early = manifest(tmp_path)
    assert early["stopping"]["ended"] == "stopped" and len(early["run_ids"]) < early["planned"] == 18
    assert job(tmp_path, *THREE, *RULE) == 0
    assert said(capsys)[-1] == settled[1][-1]
    content = manifest(tmp_path)
    same = ("run_ids", "planned", "seeds", "stopping")
    assert {name: content[name] for name in same} == {name: manifest(settled[0])[name] for name in same}
    assert "plans something else" not in "".join(said(capsys))


@pytest.mark.slow
def test_when_the_minutes_are_over_no_round_begins_and_each_start_has_its_own(
    settled: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    begun_with([one for one in records(settled[0]) if one.spec["seed"] < 2], tmp_path)
    for most in (3, 4):
        assert job(tmp_path, *THREE, *RULE, "--max-minutes", "0.001") == 0
        lines, content = said(capsys), manifest(tmp_path)
        assert lines[-1] == "--max-minutes 0.001 is over, so no more seeds were begun; the same command goes on"
        assert "open after" in lines[-2] and f"open after {most} seeds" in lines[-2]
        assert content["stopping"] | {"max_seeds": 0} == {
            "kind": "until sure", "first_seeds": 3, "max_seeds": 0, "max_minutes": 0.001, "ended": "minutes",
        }  # fmt: skip
        assert content["seeds"] == most and content["planned"] == len(content["run_ids"]) == len(records(tmp_path))
    assert job(tmp_path, *THREE, *RULE) == 0
    lines = said(capsys)
    assert manifest(tmp_path)["run_ids"] == manifest(settled[0])["run_ids"]
    assert not any("plans something else" in line for line in lines), "how long a job may take is no other plan"


def test_workers_stay_from_one_round_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "noted.py").write_text(NOTED.format(log=str(tmp_path / "trainings")), encoding="utf-8")
    arguments = ["--archs", "noted", "mlp", FIRST, "--plugin", str(tmp_path / "noted.py"), "--tasks", "classifier"]
    assert job(tmp_path, *arguments, *RULE, "--workers", "1", "--epochs", "1") == 0
    trained_by = (tmp_path / "trainings").read_text(encoding="ascii").split()
    assert len(trained_by) >= 4 and len(set(trained_by)) == 1, "three pairs never settle one of two comparisons"


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (
            ["--max-seeds", "9"],
            "--max-seeds limits --until-sure or --race, and neither is asked for; add one of them, or",
        ),
        (["--max-minutes", "9"], "--max-minutes limits --until-sure or --race, and neither is asked for; add one of"),
        (["--until-sure", "--seeds", "2"], "--until-sure --seeds 2: expected at least 3 for the first round, or no"),
        (
            ["--until-sure", "--seeds", "31"],
            "--until-sure --seeds 31: the first round has more than the most seeds, 30",
        ),
        (["--until-sure", "--seeds", "6", "--max-seeds", "5"], "than the most seeds, 5; raise --max-seeds"),
        (["--until-sure", "--max-seeds", "2"], "argument --max-seeds: '2' is not a whole number from 3 to 10,000"),
        (
            ["--until-sure", "--max-minutes", "0"],
            "'0' is no number of minutes; expected one above 0, at most 1,000,000",
        ),
        (["--until-sure", "--max-minutes", "inf"], "argument --max-minutes: 'inf' is no number of minutes"),
    ],
)
def test_options_that_don_t_go_together_are_one_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture
) -> None:
    assert expected in refused(arguments, capsys)


def test_what_the_options_leave_open() -> None:
    assert (parse([]).until_sure, parse([]).seeds) == (False, 3)
    found = parse(["--until-sure", "--max-minutes", "1.5"])
    assert (found.seeds, found.max_seeds, found.max_minutes) == (3, 30, 1.5)


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--archs", "cnn2"], "--until-sure: cnn2 is the only architecture, so there is no verdict to reach; name"),
        (
            ["--archs", "pool4", "cnn2", "--tasks", "vae"],
            "--until-sure: no other architecture has a task in common with the baseline pool4, so there is no verdict",
        ),
    ],
)
def test_nothing_to_compare_is_one_line(
    arguments: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert job(tmp_path, *arguments, "--until-sure") == 2
    (line,) = said(capsys)
    assert line.startswith(f"error: {expected}")
    assert not (tmp_path / "runs").exists()
