"""How far off a job told its end, against screens whose numbers can be checked by hand."""

from __future__ import annotations

import pytest

from bench.spec.progress import ERASE
from bench.studies.waiting.remaining_time import Shown, Watched, row


def test_the_end_that_is_told_is_compared_with_the_real_one() -> None:
    shown = [
        Shown(1.0, "loading libraries …\r"),
        Shown(5.0, f"{ERASE}0/2 runs 0:00 spent, about 1:35 left"),
        Shown(80.0, "1/2 runs 1:15 spent, about 1:10 left"),
        Shown(140.0, f"looking at what is done and what comes next …\r{ERASE}"),
        Shown(143.0, "measuring speed apart: vae, about 0:07 left\r\n"),
    ]
    watched = Watched(shown, 200.0)
    moments, errors = zip(*watched.errors(), strict=True)
    assert moments == (5.0, 80.0, 143.0) and errors == pytest.approx((-0.5, -0.25, -0.25))
    assert watched.blank() == 3.0, "and 1 s at first"
    assert row("one", watched) == ["one", "3:20", "-50%", "25.0%", "-25%", "0%", "1.0 s", "3.0 s"]


def test_a_round_is_compared_with_its_own_end() -> None:
    shown = [
        Shown(2.0, "looking at what is done and what comes next …\r"),
        Shown(3.0, "2 of 2 verdicts open, about 0:17 left in this round, 0:05 after the last"),
        Shown(25.0, "looking at what is done and what comes next …\r"),
        Shown(26.0, "1 of 2 verdicts open, about 0:24 left in this round, 0:05 after the last"),
    ]
    moments, errors = zip(*Watched(shown, 40.0).errors(), strict=True)
    assert moments == (3.0, 26.0) and errors == pytest.approx((20 / 25 - 1, 50 / 40 - 1))
