"""The figure of a race: who is named, what marks who, and how many are left."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from reports.figures.race import NAMED, Row, draw


def rows(count: int) -> list[Row]:
    """The winner, one left beside it, and others that were out after four seeds, each with one that failed."""
    first = [Row("best", range(1, 9), [], None, True), Row("left", range(1, 9), [], None, False)]
    return [*first, *(Row(f"cell {i}", [1, 2, 4], [3], 4, False) for i in range(count - 2))]


def drawn(count: int) -> Figure:
    return draw(rows(count), [(1, count), (3, count), (4, 2), (8, 2)], 8, {"best": (1.0, 0.0, 0.0)})


def marks(figure: Figure, marker: str) -> list[tuple[float, float]]:
    lines = [line for line in figure.axes[0].lines if line.get_marker() == marker]
    return [(float(x), float(y)) for line in lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


@pytest.mark.parametrize("count", [2, 8, 60])
def test_each_candidate_is_marked_by_what_became_of_it(count: int) -> None:
    figure = drawn(count)
    assert marks(figure, "*") == [(8.0, 0.0)]
    assert [x for x, _ in marks(figure, "x")] == [4.0] * (count - 2)
    hollow = [line for line in figure.axes[0].lines if line.get_marker() == "o" and line.get_mfc() == "white"]
    assert sum(len(line.get_xdata()) for line in hollow) == count - 2
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[:2] == ["best", "left"]
    assert len(names) == (count if count <= NAMED else NAMED + 1)
    assert names[-1] == (f"({count - NAMED} more)" if count > NAMED else f"cell {count - 3}" if count > 2 else "left")


def test_the_winner_is_on_top_and_rows_do_not_touch() -> None:
    axis = drawn(60).axes[0]
    bottom, top = axis.get_ylim()
    assert top < 0 < bottom
    places = sorted({round(float(line.get_ydata()[0]), 6) for line in axis.lines if len(line.get_ydata())})
    assert len(places) == 60 and min(b - a for a, b in pairwise(places)) > 0.3


def test_the_survivors_are_written_beside_their_step(tmp_path: Path) -> None:
    figure = drawn(8)
    assert [text.get_text() for text in figure.axes[1].texts] == ["8", "8", "2", "2"]
    figure.savefig(tmp_path / "race.png")
