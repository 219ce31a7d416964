"""The gate's own verdict on benchmarks with too few rounds: nobody knows whether they are slower."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gate import main
from bench.speed.gate_decision import Sample, judge, rounds_needed
from tests.speed.test_gate import sample, write
from tests.speed.test_gate_sessions import NAMES, said, session


def of_rounds(*seconds: float) -> Sample:
    """Every round is among the quickest; the reference is as steady as can be."""
    return Sample(seconds, (1.0,) * (len(seconds) + 1), 1)


def test_three_rounds_do_not_tell_though_ten_times_slower(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The test over two times three rounds can't reach 1 %, however slow a benchmark has become."""
    old = write(tmp_path / "old.json", {"x": sample(rounds=3)})
    slow = write(tmp_path / "slow.json", {"x": sample(10.0, rounds=3, salt=1)})
    assert main([old, slow]) == 4
    first, *others = said(capsys)
    assert first == f"**Too few rounds to tell whether 1 of 1 benchmark is slower**: {slow} against {old}."
    assert "? too few rounds |" in others[0]
    note = others[-1].strip()
    assert note.startswith("Too few rounds to tell: x (+90") and "%, 3 rounds and 3). Measure both sessions for" in note
    assert note.endswith("with 1 benchmark each needs at least 5 rounds.")
    same = write(tmp_path / "same.json", {"x": sample(rounds=3, salt=1)})
    assert main([old, same]) == 4, "nor would they have told if it were"


def test_what_is_known_to_be_slower_and_what_is_missing_are_said_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    few = {"few": sample(rounds=3)}
    old = write(tmp_path / "old.json", {"x": sample(), "gone": sample(salt=5), **few})
    new = write(tmp_path / "new.json", {"x": sample(salt=1), "few": sample(rounds=3, salt=2)})
    assert main([old, new]) == 4, "what was measured comes before what was not"
    first = said(capsys)[0]
    assert first.startswith("**Too few rounds to tell whether 1 of 2 benchmarks is slower, and 1 of 3 was not judged**")
    slow = write(tmp_path / "slow.json", {"x": sample(1.3, salt=1), "few": sample(rounds=3, salt=2)})
    assert main([old, slow]) == 1
    assert said(capsys)[0].startswith(
        "**1 of 2 benchmarks is slower, and 1 has too few rounds to tell, and 1 of 3 was not judged**"
    )


def test_what_vanished_has_its_own_status(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([session(tmp_path / "old.json", 10), session(tmp_path / "new.json", 20, NAMES[:1])]) == 3
    assert "too few" not in capsys.readouterr().out.lower()


@pytest.mark.parametrize("slower", [10.0, 1.0])
def test_equal_timings_are_judged_by_the_test_that_they_get(slower: float) -> None:
    """Of a coarse clock. Five rounds of two benchmarks would do if all differed; ties make the test less sure."""
    old = of_rounds(1.0, 1.0, 1.1, 1.2, 1.3)
    new = of_rounds(*(slower * second for second in (1.0, 1.0, 1.1, 1.2, 1.3)))
    steady = {"y": of_rounds(1.0, 1.1, 1.2, 1.3, 1.4)}
    found = {one.name: one.verdict for one in judge({"x": old, **steady}, {"x": new, **steady})}
    assert found == {"x": "too few rounds", "y": "same"}


def test_a_large_change_of_rounds_that_overlap_is_not_called_the_same() -> None:
    """One of the seven quickest is as quick as it was: the test is not sure among many that the median has moved."""
    names = [str(index) for index in range(30)]
    others = [100.0 + index for index in range(21)]
    before = of_rounds(1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 20.0, *others)
    after = of_rounds(0.99, 10.0, 10.1, 10.2, 10.3, 10.4, 10.5, *others)
    found = judge(dict.fromkeys(names, before), {name: after if name == "0" else before for name in names})
    assert [one.verdict for one in found] == ["too few rounds", *["same"] * 29]
    quick = judge(dict.fromkeys(names, after), {name: before if name == "0" else after for name in names})
    assert quick[0].verdict == "too few rounds", "nor faster"


@pytest.mark.parametrize(("benchmarks", "rounds"), [(1, 5), (2, 5), (3, 24), (17, 28), (60, 32)])
def test_the_rounds_that_are_asked_for_are_enough_and_one_fewer_is_not(benchmarks: int, rounds: int) -> None:
    """Of the orders of n rounds on each side one in C(2n, n) has all of one above all of the other."""
    assert rounds_needed(benchmarks) == rounds
    names = [str(index) for index in range(benchmarks)]

    def verdict(count: int) -> str:
        seconds = [1 + index / 1000 for index in range(count)]
        old = dict.fromkeys(names, of_rounds(*seconds))
        new = old | {"0": of_rounds(*(10 * second for second in seconds))}
        return judge(old, new)[0].verdict

    assert verdict(rounds) == "slower"
    assert verdict(rounds - 1) == "too few rounds"
