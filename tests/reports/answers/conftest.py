"""The figures of these pages are left out, which take most of their time, but for what the pages say of them."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from reports.figures.canvas import FigureWriter
from reports.markup.blocks import Figure


@pytest.fixture(scope="package", autouse=True)
def without_figures() -> Iterator[None]:
    def write(self: FigureWriter, name: str, alt: str, *unused: object) -> Figure:
        (self.folder / "figures" / f"{name}.png").touch()
        return Figure(f"figures/{name}.png", alt)

    with patch("reports.figures.canvas.FigureWriter.write", write):
        yield
