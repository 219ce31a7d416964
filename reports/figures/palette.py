"""Choose one colour per architecture, the same in every figure of a page."""

from __future__ import annotations

from collections.abc import Sequence

Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""

COLOUR_BLIND = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494")
"""The first eight colours of seaborn's palette "colorblind"; the ninth is too light for dots on white.

Written out, since pages need nothing else of seaborn, which is slow to import.
"""

FEW = len(COLOUR_BLIND)
"""Architectures up to which each has a colour that can be told from the others."""

KIND_COLOURS = {"conv": "#0173b2", "transposed conv": "#56b4e9", "fc": "#de8f05", "other": "#949494"}
"""Kind of layer → colour: convolutions in blues, fully connected layers in orange."""

FRONT = "#222222"
"""The line through the architectures that no other one dominates."""

LIGHT = 0.408
"""The luminance above which a colour has dark text on it; seaborn's."""


def colours(archs: Sequence[str]) -> dict[str, Colour]:
    """Return architecture → colour, in the order of the command line, whatever the result.

    Up to eight have the colour-blind palette. More can't be told apart by hue; then the place on an axis names an
    architecture, and its colour (of viridis) only helps the eye to follow.
    """
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if len(archs) <= FEW:
        palette = [to_rgb(colour) for colour in COLOUR_BLIND]
    else:
        palette = [to_rgb(row) for row in colormaps["viridis"](np.linspace(0, 1, len(archs) + 2)[1:-1])]
    return dict(zip(archs, palette, strict=False))


def luminance(colour: Sequence[float]) -> float:
    """Return the relative luminance of a colour of sRGB, 0 (black) to 1, as the W3C defines it.

    Args:
        colour: red, green and blue, 0 to 1; what follows is not looked at.
    """
    linear = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
