"""--match through the command line: hand-computed steps, shared runs, kept measurements, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from bench.data.digits import digits
from bench.job.options import parse
from bench.job.plan import make_plan
from bench.job.plan import matched as match_of
from bench.launchers.queue import group_of
from bench.spec.device import CPU
from bench.spec.run import RunSpec
from bench.speed import matching, step_costs
from bench.speed.matching import Match, Share
from bench.speed.measure import Effort
from bench.store.step_seconds import Measured
from bench.store.store import Record, Store
from run_ablation import main
from tests.job.test_job import stamps

pytestmark = pytest.mark.usefixtures("unmade")
SMALL = "cnn:depth=1,channels=2"
COMMAND = ["--dataset", "digits", "--train-images", "128", "--epochs", "2", "--batch-size", "32", "--latent-dim", "4",
           "--device", "cpu", "--throughput", "off", "--tasks", "vae"]  # fmt: skip
STEPS = 2 * 128 // 32
"""Of the baseline: two epochs of four."""
BROKEN = """
import torch
from torch import nn
from archs.base import Arch

LIBRARY = torch.library.Library("test_matching", "FRAGMENT")  # custom_op would import the compiler when it is called
LIBRARY.define("product(Tensor x, Tensor weight) -> Tensor")
LIBRARY.impl("product", lambda x, weight: x @ weight, "CPU")

class Odd(nn.Module):
    '''What it multiplies, a foreign operation hides.'''

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(784, 8))

    def forward(self, x):
        return torch.ops.test_matching.product(x.flatten(1), self.weight)

class Raises(nn.Module):
    def __init__(self):
        raise ValueError("not today")

A = Arch(name="odd", summary="hides its products", source="test", encoder=lambda channels: Odd())
B = Arch(name="raises", summary="can't be built", source="test", encoder=lambda channels: Raises())
"""


def job(
    folder: Path, *arguments: str, archs: Sequence[str] = ("cnn3", SMALL), seeds: int = 1, page: bool = False
) -> int:
    where = ["--runs-dir", str(folder / "runs"), "--out", str(folder / "report")]
    command = [*COMMAND, "--archs", *archs, "--seeds", str(seeds), *where, *arguments]
    if page:
        return main(command)
    with patch("reports.build"), patch("reports.load"), patch("reports.terminal_summary", return_value=""):
        return main(command)


def records(folder: Path) -> dict[str, Record]:
    return {record.run_id: record for record in Store(folder / "runs").records()}


def invented(ratio: float) -> Callable[..., Any]:
    """Instead of the measuring child: a step takes `ratio` times what the baseline's does, of 10 ms."""

    def call(function: Callable[..., Any], runs: Sequence[RunSpec], *arguments: Any, **options: Any) -> Any:
        assert function is matching.seconds_of_steps and runs[0].arch == "cnn3"
        return {run.run_id: Measured(0.01 * ratio, 0.01, ratio) for run in runs[1:]}

    return call


def nobody(*arguments: Any, **options: Any) -> Any:
    raise AssertionError("nothing is to be measured again")


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory, unmade: None) -> Iterator[tuple[Path, set[str]]]:
    """An ordinary job of two architectures and two seeds, then the same at equal FLOPs; what the first one stored."""
    folder = tmp_path_factory.mktemp("matched")
    assert job(folder, seeds=2) == 0
    first = set(records(folder))
    assert job(folder, "--match", "flops", seeds=2, page=True) == 0
    yield folder, first


def test_steps_cost_what_the_baselines_do(matched: tuple[Path, set[str]]) -> None:
    """Of multiply-accumulates: forward and twice that backward, less the gradient of the image in the first layer."""
    cnn3 = 3 * (36_864 + 73_728 + 18_432 + 2 * 256 + 128 + 8_192 + 18_432 + 6_272) - 36_864
    small = 3 * (3_528 + 2 * 1_568 + 1_568 + 3_528) - 3_528
    steps = round(STEPS * cnn3 / small)
    assert (cnn3, small, steps) == (450_816, 31_752, 114)
    folder, first = matched
    new = [record for run_id, record in records(folder).items() if run_id not in first]
    assert [record.spec["arch"] for record in new] == [SMALL, SMALL], "the baseline's runs are those of any job"
    for record in new:
        assert (record.spec["steps"], record.spec["epochs"]) == (steps, 29)
        assert [row["epoch"] for row in record.history] == list(range(1, 30))
        seconds = record.metrics["train_seconds"]
        assert record.metrics["train_images_per_s"] * seconds == pytest.approx(steps * 32), "half an epoch less than 29"
    assert all("steps" not in records(folder)[run_id].spec for run_id in first)


def test_the_manifest_and_the_page_say_what_each_got(matched: tuple[Path, set[str]]) -> None:
    report = matched[0] / "report"
    match = json.loads((report / "manifest.json").read_text())["match"]
    assert (match["by"], match["steps"], match["steps_per_epoch"]) == ("flops", STEPS, 4)
    costs = {share["arch"]: (share["cost"], share["steps"]) for share in match["shares"]}
    assert costs == {"cnn3": (2 * 450_816 * 32, STEPS), SMALL: (2 * 31_752 * 32, 114)}
    page = (report / "report.md").read_text(encoding="utf-8")
    words = "128 images × 2 epochs of the baseline, at equal training FLOPs"
    assert page.startswith(f"# cnn3 vs {SMALL} on scikit-learn's digits, {words}\n")
    assert f"(2 paired seeds, {words}, 231 MFLOP per VAE run, Bernoulli" in page
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if "MFLOP |" in line]
    assert all(re.fullmatch(r"\d[\d.,]* (s|ms)", row.pop()) for row in rows), "what a run took in training"
    assert rows == [
        [SMALL, "VAE", "2.03 MFLOP", "0.070×", "114", "28.5", "232 MFLOP"],
        ["cnn3", "VAE", "28.9 MFLOP", "1.00×", "8", "2", "231 MFLOP"],
    ]


def test_the_same_command_again_trains_nothing_and_another_seed_only_itself(matched: tuple[Path, set[str]]) -> None:
    folder, _ = matched
    before = stamps(folder)
    assert job(folder, "--match", "flops", seeds=2) == 0 and stamps(folder) == before
    assert job(folder, "--match", "flops", seeds=3) == 0
    assert len(stamps(folder)) == len(before) + 2
    assert {record.spec.get("steps") for record in records(folder).values() if record.spec["seed"] == 2} == {None, 114}


def test_a_job_killed_between_measuring_and_training_trains_as_many_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with patch("bench.speed.matching.call_in_child", invented(0.25)), patch("bench.job.perform.report_folder") as dies:
        dies.side_effect = KeyboardInterrupt
        assert job(tmp_path, "--match", "time") == 130
    assert not stamps(tmp_path)
    with patch("bench.speed.matching.call_in_child", nobody):
        assert job(tmp_path, "--match", "time", page=True) == 0
    assert {record.spec.get("steps") for record in records(tmp_path).values()} == {None, 4 * STEPS}
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "at equal training time, 80.0 ms of training steps per VAE run" in page and "2.50 ms" in page
    assert "equal training time, vae, steps (epochs): cnn3 8 (2), " + f"{SMALL} 32 (8)" in capsys.readouterr().err
    before = stamps(tmp_path)
    (kept,) = (tmp_path / "runs" / "step_seconds").glob("*.json")
    kept.write_text(kept.read_text().replace('"ratio": 0.25', '"ratio": 0.5'))
    with patch("bench.speed.matching.call_in_child", invented(0.25)):
        assert job(tmp_path, "--match", "time") == 0
    assert (
        f"WARNING: {kept} can't be used (its content is not what was written); measured anew" in capsys.readouterr().err
    )
    assert stamps(tmp_path) == before


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[]", b'{"format": 1}'])
def test_a_damaged_measurement_is_measured_anew(damage: bytes, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    plan = make_plan(parse([*COMMAND, "--archs", "cnn3", SMALL, "--seeds", "1"]), digits().describe(), CPU)

    def match() -> Match | None:
        return matching.match_runs("time", plan.runs, "cnn3", 128, CPU, "a CPU", str(tmp_path))

    with patch("bench.speed.matching.call_in_child", invented(2.0)):
        first = match()
    (kept,) = (tmp_path / "step_seconds").glob("*.json")
    kept.write_bytes(damage)
    with patch("bench.speed.matching.call_in_child", invented(2.0)):
        assert match() == first and first is not None and [share.steps for share in first.shares] == [STEPS, STEPS // 2]
    assert f"WARNING: {kept} can't be used" in capsys.readouterr().err
    with patch("bench.speed.matching.call_in_child", nobody):
        assert match() == first
    with patch("bench.speed.matching.call_in_child", invented(0.5)):
        other = matching.match_runs("time", plan.runs, "cnn3", 128, CPU, "another CPU", str(tmp_path))
    assert other is not None and other.shares[1].steps == 2 * STEPS, "what another machine took is not this one's"


def test_seconds_are_of_a_step_and_in_turns() -> None:
    plan = make_plan(parse([*COMMAND, "--archs", "cnn3", SMALL, "--seeds", "1"]), digits().describe(), CPU)
    with patch.dict(step_costs.EFFORTS, {"cpu": Effort(0.001, 0.01, 5, 5)}):
        found = step_costs.seconds_of_steps(plan.runs, 32, CPU, ())
    (own,) = found.values()
    assert set(found) == {plan.runs[1].run_id} and own.conditions["rounds"] == 5
    assert 0 < own.seconds < 10 and 0 < own.baseline_seconds < 10 and 0.001 < own.ratio < 1000


def test_trials_have_the_steps_of_their_run_and_one_stack_with_it() -> None:
    request = parse([*COMMAND, "--archs", "cnn3", SMALL, "--seeds", "2", "--tune", "3", "--match", "flops"])
    shares = (Share("cnn3", "vae", None, 1.0, 1.0, STEPS), Share(SMALL, "vae", None, 0.1, 0.1, 10 * STEPS))
    plan = make_plan(request, digits().describe(), CPU, Match("flops", STEPS, 4, shares))
    runs = [run for run in plan.policy.planned({}) if isinstance(run, RunSpec)]
    assert {(run.arch, run.steps, run.epochs) for run in runs} == {("cnn3", None, 2), (SMALL, 80, 20)}
    assert len(runs) == 12 and len({group_of(run) for run in runs}) == 2
    assert next(run for run in runs if run.steps).label == f"{SMALL} vae 80 steps seed 0"


@pytest.mark.parametrize(
    ("arguments", "archs", "line"),
    [
        (["--match", "flop"], ("cnn3", SMALL), "unknown way to match 'flop'; did you mean 'flops'?"),
        (["--match", "flops", "--tasks", "m2", "--labels", "10"], ("cnn3", SMALL),
         "--match flops: the training steps of m2 can't be counted, since its loss sends an image through a layer many "
         "times, or not at all; use --match time, or leave m2 out of --tasks"),
        (["--match", "flops", "--tasks", "classifier", "vae"], ("pool4", "cnn3"),
         "--match flops: the baseline pool4 can't do vae, so there is nothing to match cnn3 with; name another "
         "--baseline, or leave vae out of --tasks"),
        (["--match", "flops", "--tasks", "classifier"], ("cnn3", "odd"),
         "--match flops: the operations of odd (classifier) can't be counted (Odd: what test_matching.product "
         "computes is unknown); use --match time, or leave odd out"),
        (["--match", "flops", "--tasks", "classifier"], ("cnn3", "raises"),
         "--match flops: a training step of raises (classifier) can't be counted: ValueError: not today "
         "(broken.py:22 in Raises.__init__); encoder(in_channels) is to return a torch.nn.Module whose forward "),
        (["--match", "time", "--tasks", "classifier"], ("cnn3", "raises"),
         "--match time: a training step of raises (classifier) can't be timed: ValueError: not today "
         "(broken.py:22 in Raises.__init__); encoder(in_channels) is to return a torch.nn.Module whose forward "),
        (["--match", "flops", "--epochs", "1"], (SMALL, "mlp"),
         f"--match flops: a training step of mlp (vae) costs 110 times what one of {SMALL} does, so that no whole "
         f"number of them comes nearer than 100 % to the 4 of {SMALL}; train for longer (--epochs), or leave mlp out"),
        (["--match", "flops"], ("mlp", SMALL),
         f"--match flops: a training step of {SMALL} (vae) costs 1/110 of what one of mlp does, expected at least "
         "1/100: it would be trained for as many times the steps; leave "),
    ],
)  # fmt: skip
def test_what_cannot_be_matched_is_refused_before_anything_is_trained(
    arguments: list[str], archs: tuple[str, ...], line: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN)
    more = ["--plugin", str(plugin)] if {"odd", "raises"} & set(archs) else []
    assert job(tmp_path, *more, *arguments, archs=archs) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith(f"error: {line}") and not any("Traceback" in one for one in said)
    assert not stamps(tmp_path)


def test_a_task_that_only_the_baseline_can_do_is_not_matched(tmp_path: Path) -> None:
    request = parse([*COMMAND, "vae", "classifier", "--archs", "cnn3", "pool4", "--seeds", "1"])
    plan = make_plan(request, digits().describe(), CPU)
    with patch("bench.speed.matching.call_in_child", invented(0.5)):
        match = matching.match_runs("time", plan.runs, "cnn3", 128, CPU, "a CPU", str(tmp_path))
    assert match is not None and [(one.arch, one.task) for one in match.shares] == [
        ("cnn3", "classifier"),
        ("pool4", "classifier"),
    ]
    matched = make_plan(request, digits().describe(), CPU, match)
    assert [(run.arch, run.task, run.steps) for run in matched.runs] == [
        ("cnn3", "vae", None),
        ("cnn3", "classifier", None),
        ("pool4", "classifier", 2 * STEPS),
    ]


@pytest.mark.parametrize(
    ("archs", "of_classifiers", "of_vaes"),
    [
        (("cnn3", "cnn3+cnn2", "cnn2", "cnn2+cnn3"), {"cnn3": None, "cnn2": 4}, [None, 4, 16, 2]),
        (("cnn3", "cnn3+cnn2"), {"cnn3": None}, [None, 4]),
    ],
)
def test_two_names_for_one_network_get_the_same_steps(
    archs: tuple[str, ...], of_classifiers: dict[str, int | None], of_vaes: list[int | None], tmp_path: Path
) -> None:
    """Each measurement gives another ratio; a classifier has no decoder: a crossing is its encoder's network."""
    ratios = (2.0, 0.5, 4.0)

    def call(function: Callable[..., Any], runs: Sequence[RunSpec], *arguments: Any, **options: Any) -> Any:
        own = zip(runs[1:], ratios, strict=False)
        return {run.run_id: Measured(0.01 * ratio, 0.01, ratio) for run, ratio in own}

    command = [*COMMAND, "classifier", "--archs", *archs, "--seeds", "1", "--match", "time"]
    request = parse([*command, "--runs-dir", str(tmp_path)])
    plan = make_plan(request, digits().describe(), CPU)
    with patch("bench.speed.matching.call_in_child", call):
        match = match_of(request, plan, digits().describe())
    steps = {(run.arch, run.task): run.steps for run in make_plan(request, digits().describe(), CPU, match).runs}
    assert [steps[arch, "vae"] for arch in archs] == of_vaes
    assert {arch: steps[arch, "classifier"] for arch in archs} == {
        arch: of_classifiers[arch.partition("+")[0]] for arch in archs
    }


def test_an_architecture_of_equal_cost_and_a_baseline_alone_are_ordinary_runs() -> None:
    plan = make_plan(parse([*COMMAND, "--archs", "cnn3", "--seeds", "2"]), digits().describe(), CPU)
    assert matching.match_runs("flops", plan.runs, "cnn3", 128, CPU, "a CPU", "runs") is None
    share = Share("cnn3", "vae", None, 1.0, 1.0, STEPS)
    assert [Match("flops", STEPS, 4, (share,)).applied(run) for run in plan.runs] == list(plan.runs)
