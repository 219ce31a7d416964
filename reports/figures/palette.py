"""One colour per architecture, the same in every figure of a page."""

from __future__ import annotations

from collections.abc import Sequence

Colour = tuple[float, float, float]

COLOUR_BLIND = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494")
"""The first eight of seaborn's palette of that name; its ninth is too light for dots on white. Written out, because seaborn is
half a second to import (it loads scipy.stats), and most pages need nothing else of it."""

FEW = len(COLOUR_BLIND)

KIND_COLOURS = {"conv": "#0173b2", "transposed conv": "#56b4e9", "fc": "#de8f05", "other": "#949494"}
"""Where weights sit: convolutions in blues, fully connected in orange."""

FRONT, DOMINATED = "#222222", "#9a9a9a"


def colours(archs: Sequence[str]) -> dict[str, Colour]:
    """Up to eight: the colour-blind palette in the order given on the command line, whatever the result.

    More can't be told apart by hue; then the place on an axis names an architecture, and its colour (viridis, ordered
    as given) only helps the eye to follow.
    """
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if len(archs) <= FEW:
        palette = [to_rgb(colour) for colour in COLOUR_BLIND]
    else:
        palette = [to_rgb(row) for row in colormaps["viridis"](np.linspace(0, 1, len(archs) + 2)[1:-1])]
    return dict(zip(archs, palette, strict=False))
