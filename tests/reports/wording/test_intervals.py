"""An interval says by itself on which side of 0 it lies, however close an end comes."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from bench.spec.metrics import METRICS
from bench.statistics.factors.sentences import NumberFormat
from reports.wording.formatting import difference
from reports.wording.phrases import difference_with_unit

PUBLISHED = Path(__file__).parents[3] / "reports" / "published"


@pytest.mark.parametrize(
    ("metric", "value", "low", "high", "text"),
    [
        ("elbo", -0.43, -0.82, -0.0466, "−0.43 [−0.82, −0.05]"),
        ("elbo", 0.43, 0.004, 0.82, "+0.430 [0.004, 0.820]"),
        ("elbo", -0.38, -0.82, 0.0466, "−0.4 [−0.8, 0.0]"),  # 0 is inside
        ("elbo", -0.38, -0.82, -0.06, "−0.4 [−0.8, −0.1]"),
        ("elbo", 1.0, 1e-9, 2.0, "+1.00000 [0.00000, 2.00000]"),  # as many as four more
        ("accuracy", 0.001, 0.00002, 0.002, "+0.100 [0.002, 0.200]"),
    ],
)
def test_an_end_that_is_not_0_is_not_shown_as_0_unless_0_is_inside(
    metric: str, value: float, low: float, high: float, text: str
) -> None:
    assert difference(METRICS[metric], value, low, high) == text
    number, brackets = text.split(" ", 1)
    unit = METRICS[metric].unit_of_difference
    assert difference_with_unit(METRICS[metric], value, low, high) == f"{number} {unit} {brackets}"


def test_so_it_is_with_the_effect_of_a_factor() -> None:
    row = pd.Series({"effect": -0.43, "low": -0.82, "high": -0.0466, "n": 6})
    assert NumberFormat("nats").amount(row) == "−0.43 nats [−0.82, −0.05]"
    assert NumberFormat("nats").amount(row.replace(-0.0466, 0.0466)) == "−0.4 nats [−0.8, 0.0]"


def test_no_published_page_has_a_verdict_beside_an_interval_that_holds_0() -> None:
    pages = sorted(PUBLISHED.glob("*/report.md"))
    found = [
        (page.parent.name, low, high)
        for page in pages
        for low, high in re.findall(r"\[(−?[0-9.,]+), (−?[0-9.,]+)\] [▲▼]", page.read_text(encoding="utf-8"))
    ]
    assert len(pages) >= 6 and len(found) > 10
    ends = [(name, *(float(end.replace("−", "-").replace(",", "")) for end in both)) for name, *both in found]
    assert not [one for one in ends if one[1] * one[2] <= 0]
