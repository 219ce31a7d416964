"""Numbers and lists in words: the digits of a mean, a signed difference with its interval, plurals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.spec.metrics import Metric

NOTHING = "–"
PROTOCOL = {
    "dynamic": "Bernoulli on dynamically binarised pixels",
    "static": "Bernoulli on statically binarised pixels",
    "grey": "grey-level BCE, not a likelihood",
}
"""What an ELBO of each `--likelihood` is measured on; printed wherever an ELBO is."""


def number(value: float, digits: int) -> str:
    """−106.8: fixed decimals, a true minus sign, thousands separated; a dash for NaN."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def signed(value: float, digits: int) -> str:
    """As `number`, with a + before what is not negative."""
    text = number(value, digits)
    return text if text[0] in f"−{NOTHING}" else f"+{text}"


def significant(value: float, figures: int = 3) -> str:
    """Three significant digits: 11,900 · 1.24 · 0.0123."""
    if not math.isfinite(value) or value == 0:
        return NOTHING if not math.isfinite(value) else "0"
    digits = figures - 1 - math.floor(math.log10(abs(value)))
    return number(round(value, digits), max(digits, 0))


def ratio(value: float) -> str:
    """0.94×, 12×: two decimals below ten, for a third digit of a ratio of speeds is noise."""
    if not math.isfinite(value):
        return NOTHING
    return f"{value:.2f}×" if 0.1 <= value < 9.995 else f"{significant(value, 2)}×"


def decimals(spread: float, digits: int, most: int = 4) -> int:
    """`digits`, or as many more as `spread` needs to show one digit that is not 0."""
    if not math.isfinite(spread) or spread <= 0:
        return digits
    rounded = float(f"{spread:.0e}")  # 0.0098 shows as 0.01
    return min(max(digits, -math.floor(math.log10(rounded))), digits + most)


def mean_sd(metric: Metric, mean: float, std: float) -> str:
    """−106.8 ± 0.3 in display units; the mean alone where there is no spread (n = 1)."""
    text = number(mean * metric.scale, metric.digits)
    if not math.isfinite(std):
        return text
    return f"{text} ± {number(std * metric.scale, decimals(std * metric.scale, metric.digits))}"


def interval(metric: Metric, low: float, high: float, digits: int | None = None) -> str:
    """[34.1, 35.6] in display units; empty where it is undefined."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    digits = decimals((high - low) / 2 * metric.scale, metric.digits) if digits is None else digits
    return f"[{number(low * metric.scale, digits)}, {number(high * metric.scale, digits)}]"


def difference(metric: Metric, value: float, low: float, high: float) -> str:
    """+34.9 [34.1, 35.6] in display units."""
    digits = decimals((high - low) / 2 * metric.scale, metric.digits)
    return f"{signed(value * metric.scale, digits)} {interval(metric, low, high, digits)}".rstrip()


def plural(count: int, word: str, many: str | None = None) -> str:
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """`a, b and c`; beyond `most` names the rest are counted."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def shorten(name: str, limit: int = 36) -> str:
    """A label that fits: the middle goes, for names differ at both ends."""
    return name if len(name) <= limit else f"{name[: limit // 2 - 1]}…{name[-(limit // 2) :]}"
