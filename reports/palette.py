"""One colour per architecture, the same in every figure of a page."""

from __future__ import annotations

from collections.abc import Sequence

Colour = tuple[float, float, float]

FEW = 8
KIND_COLOURS = {"conv": "#0173b2", "transposed conv": "#56b4e9", "fc": "#de8f05", "other": "#949494"}
"""Where weights sit: convolutions in blues, fully connected in orange."""

FRONT, DOMINATED = "#222222", "#9a9a9a"


def colours(archs: Sequence[str]) -> dict[str, Colour]:
    """Up to eight: seaborn's colour-blind palette in the order given on the command line, whatever the result.

    More can't be told apart by hue; then the place on an axis names an architecture, and its colour (viridis, ordered
    as given) only helps the eye to follow.
    """
    import seaborn as sns

    if len(archs) <= FEW:  # the palette's 9th and its yellow are too light for dots on white
        palette = [colour for i, colour in enumerate(sns.color_palette("colorblind")) if i != 8]
    else:
        palette = sns.color_palette("viridis", len(archs))
    return {arch: tuple(colour[:3]) for arch, colour in zip(archs, palette, strict=False)}
