"""Pages without their figures, for tests that read the words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest


def save_nothing(figure: object, path: Path, vector: bool) -> None:
    path.touch()


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Figures are made but neither laid out nor drawn, which takes most of the time of a page; for a whole module."""
    with patch("reports.figures.canvas.save", save_nothing):
        yield
