"""The colours of architectures are seaborn's, without its import."""

from __future__ import annotations

import pytest

from reports.figures.palette import colours


@pytest.mark.parametrize("count", [1, 8, 9, 40])
def test_colours_are_seaborns(count: int) -> None:
    import seaborn as sns  # here, since it takes a quarter of a second

    names = [f"arch {i}" for i in range(count)]
    eight = [colour for i, colour in enumerate(sns.color_palette("colorblind")) if i != 8]
    expected = eight if count <= 8 else sns.color_palette("viridis", count)
    found = colours(names)
    assert list(found) == names
    for colour, theirs in zip(found.values(), expected, strict=False):
        assert colour == pytest.approx(theirs[:3], abs=1e-9)
