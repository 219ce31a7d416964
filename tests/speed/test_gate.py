"""The regression gate: its decision on invented timings, its words and exit statuses, its benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archs.registry import discover
from bench.gate import main
from bench.speed.gate_decision import Sample, judge, quickest
from bench.speed.reference import TURNS
from bench.studies import gate_trial
from bench.studies.gate_trial import table
from bench.test_speed import CASES
from tests.conftest import ROOT


def sample(slower: float = 1.0, machine: float = 1.0, busy: float = 0.0, rounds: int = 100, salt: int = 0) -> Sample:
    """A benchmark of 20 ms and a reference of 5 ms.

    machine: slows both. busy: the share of rounds with a neighbour, who slows the benchmark by half and the reference
    to twice its time.
    """
    noise = np.random.default_rng([rounds, salt])
    disturbed = noise.random(rounds + 1) < busy
    own = 0.02 * slower * machine * np.where(disturbed[:rounds], 1.5, 1) * noise.lognormal(0, 0.02, rounds)
    other = 0.005 * machine * np.where(disturbed, 2, 1) * noise.lognormal(0, 0.02, rounds + 1)
    return Sample(tuple(own), tuple(other), 128)


def word(old: Sample, new: Sample, **options: Any) -> str:
    (found,) = judge({"x": old}, {"x": new}, **options)
    return found.verdict


def test_a_change_is_called_slower_or_faster_only_beyond_the_threshold() -> None:
    assert word(sample(), sample(salt=1)) == "same"
    assert word(sample(), sample(1.15, salt=1)) == "slower"
    assert word(sample(), sample(1 / 1.15, salt=1)) == "faster"
    assert word(sample(), sample(1.05, salt=1)) == "same", "resolved, but under the threshold"
    assert word(sample(), sample(1.05, salt=1), threshold=0.03) == "slower"


def test_neither_another_machine_nor_a_busy_one_looks_like_a_change() -> None:
    assert word(sample(), sample(machine=3, salt=1)) == "same"
    assert word(sample(), sample(busy=0.6, salt=1)) == "same"
    assert word(sample(busy=0.6), sample(salt=1)) == "same"
    assert word(sample(), sample(1.15, machine=0.5, busy=0.6, salt=1)) == "slower", "nor do they hide one"


def test_the_change_is_that_of_the_quickest_quarters_by_hand() -> None:
    old = Sample((2.0,) * 20, (1.0,) * 21, 1)
    new = Sample((*(3.0,) * 8, *(9.0,) * 12), (*(1.2,) * 8, *(7.0,) * 13), 1)
    (found,) = judge({"x": old}, {"x": new})
    assert found.change == pytest.approx(3 / 1.2 / 2 - 1)
    assert quickest([3, 1, 2]) == [1, 2, 3] and len(quickest(range(100))) == 25


def test_a_handful_of_rounds_is_no_evidence_among_many_benchmarks() -> None:
    few = {str(i): Sample((1.0, 1.1, 1.2), (1.0,) * 4, 1) for i in range(10)}
    slow = {name: Sample(tuple(1.3 * s for s in one.seconds), one.reference_seconds, 1) for name, one in few.items()}
    assert {one.verdict for one in judge(few, slow)} == {"too few rounds"}
    assert all(one.change == pytest.approx(0.3) for one in judge(few, slow)), "it is shown all the same"


def write(path: Path, samples: dict[str, Sample], **changes: Any) -> str:
    """Stars at the end of a name set the turns of a benchmark apart."""
    info = {
        "reference": "conv",
        "device": "cpu",
        "device_name": "Invented CPU",
        "threads": 1,
        "threshold": 0.08,
        **changes,
    }
    content = [
        {"stats": {"data": [2 * s for s in one.seconds]},
         "extra_info": {**info, "what": name.rstrip("*"), "images": one.images, "calls": 2,
                        "reference_seconds": list(one.reference_seconds)}}
        for name, one in samples.items()
    ]  # fmt: skip
    path.write_text(json.dumps({"benchmarks": content}), encoding="utf-8")
    return str(path)


def test_markdown_and_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    old = write(tmp_path / "old.json", {"cnn2 vae train": sample(), "cnn3 vae train": sample(salt=2)})
    same = write(tmp_path / "same.json", {"cnn2 vae train": sample(salt=3), "cnn3 vae train": sample(salt=4)})
    slow = write(tmp_path / "slow.json", {"cnn2 vae train": sample(1.2, salt=3), "cnn3 vae train": sample(salt=4)},
                 device_name="Another CPU")  # fmt: skip
    assert main([old, same]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("**Nothing is slower**") and "Different machines" not in shown and "Not judged" not in shown
    assert main([old, slow]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("**1 of 2 benchmarks is slower**")
    (row,) = (line for line in shown.splitlines() if "▼ slower" in line)
    assert row.startswith("| cnn2 vae train") and "+19.2 %" in row and " 8 %" in row
    assert "⚠ Different machines: Invented CPU and Another CPU." in shown
    assert main([old, slow, "--threshold", "40"]) == 0


def test_the_turns_of_a_benchmark_are_one_sample(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A machine that is slow in three turns of four, the benchmark more than the reference, changes no verdict."""
    disturbed = sample(1.3, machine=2, rounds=50)
    old = write(tmp_path / "old.json", {"x": sample(salt=1, rounds=50), "x*": sample(salt=2, rounds=50)})
    same = write(
        tmp_path / "same.json", {"x": disturbed, "x*": disturbed, "x**": sample(salt=3, rounds=50), "x***": disturbed}
    )
    slow = write(tmp_path / "slow.json", {"x": disturbed, "x*": sample(1.15, salt=4, rounds=50), "x**": disturbed})
    assert main([old, same]) == 0
    assert capsys.readouterr().out.count("| x ") == 1
    assert main([old, slow]) == 1
    assert "1 of 1 benchmark is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is not there: expected a file that `pytest bench --benchmark-json="),
        ("{", "can't be read"),
        ("[]", "can't be read"),
        (
            '{"benchmarks": [{"fullname": "x", "stats": {"data": [1]}, "extra_info": {}}]}',
            "benchmarks[0].extra_info is {}: object missing required field `what`",
        ),
        ('{"benchmarks": []}', "holds 0 benchmarks"),
    ],
)
def test_bad_files_are_named_in_one_line(
    content: str | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    good = write(tmp_path / "good.json", {"x": sample()})
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content, encoding="utf-8")
    assert main([good, str(bad)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "bad.json" in line and says in line


def test_sessions_that_can_t_be_compared_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    a = write(tmp_path / "a.json", {"x": sample()})
    assert main([a, write(tmp_path / "b.json", {"x": sample()}, device="cuda")]) == 2
    assert "measure both anew" in capsys.readouterr().err
    assert main([a, write(tmp_path / "c.json", {"y": sample()})]) == 2
    assert "no benchmark in common" in capsys.readouterr().err
    assert main([a, write(tmp_path / "d.json", {"x": Sample((1.0, 0.0), (1.0,) * 3, 1)})]) == 2
    assert "benchmarks[0].stats.data[1] is 0.0: expected `float` >= 1e-09" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main([a, a, "--threshold", "ten"])
    assert stopped.value.code == 2 and "'ten' is not a threshold" in capsys.readouterr().err


def test_the_benchmarks_cover_the_registry() -> None:
    for name, arch in discover().archs.items():
        works = ("train", "inference", "sampling") if arch.decoder else ("train", "inference")
        assert {(name, work) for work in works} <= set(CASES)
    assert any("cnn:" in name for name, _ in CASES)


def pytest_bench(*arguments: str, plugins: Path | None = None) -> subprocess.CompletedProcess:
    """Run `pytest bench` as from a shell, also where these tests are run by pytest-xdist.

    plugins: the folder of the files that are named with -p.
    """
    command = [sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    environment |= {"PYTHONPATH": str(plugins)} if plugins else {}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_the_trial_counts_what_the_gate_said(tmp_path: Path) -> None:
    lines = [
        {"work": "train", "load": "steady", "seconds": 4.0, "rounds": 60, "slowed": {"word": word, "change": change},
         "unchanged": {"word": "same", "change": -0.01}}
        for word, change in (("slower", 0.16), ("same", 0.09))
    ]  # fmt: skip
    file = tmp_path / "trials.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    row = [cell.strip() for cell in table([file]).splitlines()[2].strip("|").split("|")]
    assert row == [
        "training step",
        "one busy process",
        "4",
        "60",
        "1 of 2",
        "+9.0 … +16.0 %",
        "0 of 2",
        "−1.0 … −1.0 %",
    ]


@pytest.mark.slow
def test_a_trial_is_run_and_written_down(tmp_path: Path) -> None:
    file = tmp_path / "trials.jsonl"
    gate_trial.run_trials(file, "sampling", "none", 1, seconds=0.05)
    (line,) = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    assert line["rounds"] >= 10 * TURNS
    assert all(
        line[name].keys() == {"word", "change"} and line[name]["change"] > -1 for name in ("slowed", "unchanged")
    )


def test_the_injected_slowdown_is_a_share_of_the_very_call() -> None:
    spent = []

    def call() -> None:
        begun = time.process_time()
        while time.process_time() < begun + 0.003:
            pass
        spent.append(time.process_time() - begun)

    begun = time.process_time()
    gate_trial.slowed_down(call)()
    assert time.process_time() - begun >= (1 + gate_trial.SLOWDOWN) * spent[0]
