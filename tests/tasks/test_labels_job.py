"""A job with several numbers of labels: a run for each, none mixed with another, and speeds measured once."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from archs.errors import UserError
from archs.registry import discover
from bench import tasks
from bench.data.digits import digits
from bench.job.options import parse
from bench.job.perform import check_labels
from bench.job.plan import make_plan
from bench.job.policies.fixed import EachOnce
from bench.job.recipe import recipe_of
from bench.job.runs import candidates_of, runs_of
from bench.spec.device import CPU
from bench.spec.run import EvaluationSpec, RunSpec
from bench.store.store import Store
from run_ablation import main
from tests.job.test_job import TINY, job
from tests.speed.briefly import measured_briefly

SEVERAL = ["--archs", "cnn3", "--tasks", "m2,reader,vae", "--labels", "10,20", "20", "--seeds", "1"]


def planned(*arguments: str) -> tuple[RunSpec, ...]:
    """The runs that a command asks for."""
    request, data = parse([*TINY, *arguments]), digits().describe()
    wanted = [tasks.get(name) for name in request.tasks]
    candidates = candidates_of(discover().resolve(request.archs).archs)
    return runs_of(candidates, wanted, request.seeds, recipe_of(request, CPU, data), data)


def test_a_task_that_needs_labels_is_run_with_each_number_and_others_once() -> None:
    runs = planned(*SEVERAL)
    assert [(run.task, run.labels, run.classification_weight) for run in runs] == [
        ("m2", 10, 0.1),
        ("m2", 20, 0.1),
        ("reader", 10, None),
        ("reader", 20, None),
        ("vae", None, None),
    ]
    assert len({run.kind for run in runs}) == len({run.label for run in runs}) == len(runs)
    assert runs[1].label == "cnn3 m2 20 labels seed 0" and runs[4].label == "cnn3 vae seed 0"
    parts = [EvaluationSpec(runs[4], "few_labels", {"labels": count}) for count in (10, 20)]
    assert [part.label for part in parts] == [f"cnn3 vae seed 0: few_labels {count} labels" for count in (10, 20)]
    assert len({part.kind for part in parts}) == 2


def test_the_reader_alone_is_shown_what_m2_is_and_needs_no_decoder() -> None:
    (run,) = planned("--archs", "pool4", "--tasks", "reader", "--seeds", "1")
    assert (run.likelihood, run.latent_dim, run.labels) == ("dynamic", None, 100)


def test_a_weight_makes_other_runs_of_the_tasks_that_have_one() -> None:
    mine, heavy = (planned(*SEVERAL, "--classification-weight", weight) for weight in ("0.1", "50"))
    assert [one.run_id != other.run_id for one, other in zip(mine, heavy, strict=True)] == [True, True] + 3 * [False]


def test_too_many_labels_are_named_before_anything_is_trained(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([*TINY, "--tasks", "reader", "--labels", "10", "5000", "--runs-dir", str(tmp_path / "runs")]) == 2
    assert "error: --labels 5000: the training images hold at most" in capsys.readouterr().err.splitlines()[-1]


def test_so_are_those_of_an_evaluation() -> None:
    data = digits()
    plan = make_plan(parse([*TINY, "--archs", "cnn3", "--tasks", "vae", "--seeds", "1"]), data.describe(), CPU)
    check_labels(plan, data)
    (run,) = plan.policy.planned({})
    assert isinstance(run, RunSpec)
    part = EvaluationSpec(run, "few_labels", {"labels": 5000})
    with pytest.raises(UserError, match="--labels 5000: the training images hold at most"):
        check_labels(dataclasses.replace(plan, policy=EachOnce((run, part))), data)


def test_several_numbers_in_one_job(tmp_path: Path, capsys: pytest.CaptureFixture, undrawn: None) -> None:
    folder = tmp_path / "report"
    command = [*TINY, *SEVERAL, "--epochs", "1", "--throughput", "quick", "--workers", "1"]
    command += ["--runs-dir", str(tmp_path / "runs"), "--out", str(folder)]
    with measured_briefly():
        assert main(command) == 0
    records = Store(tmp_path / "runs").records()
    assert len(records) == 5 and all(record.status == "finished" for record in records)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "M2 and Reader alone is timed once, with 10 labelled images." in page
    timed = json.loads((folder / "throughput.json").read_text())["works"]
    assert sorted({work["task"] for work in timed}) == ["m2", "reader", "vae"]
    assert sum(work["work"] == "train" for work in timed) == 3
    assert (
        "With few labels" in page and "figures/few_labels.png" in page and (folder / "figures/few_labels.png").exists()
    )
    capsys.readouterr()
    assert job(tmp_path, *SEVERAL, "--epochs", "1", "--labels", "20", "--workers", "1") == 0
    assert "3 of 3 runs are done already" in capsys.readouterr().err
