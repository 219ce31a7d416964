"""Format numbers and lists as text: the digits of a mean, a signed difference with its interval, plurals.

Every function returns a string. A value that is passed with its metric is in the metric's raw unit, and is shown in its
display unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bench.spec.metrics import Metric
from bench.spec.output.counts import plural as plural

NO_VALUE = "–"
"""Stands where there is no number."""
LIKELIHOOD_IN_WORDS = {
    "dynamic": "Bernoulli on dynamically binarised pixels",
    "static": "Bernoulli on statically binarised pixels",
    "grey": "grey-level BCE, not a likelihood",
}
"""`--likelihood` → what its ELBO is measured on; printed wherever an ELBO is."""


def number(value: float, digits: int) -> str:
    """Format a number with fixed decimals, a true minus sign and thousands separated, such as "−1,106.8"."""
    if not math.isfinite(value):
        return NO_VALUE
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def signed(value: float, digits: int) -> str:
    """Format a number as `number` does, with a + before what is not negative."""
    text = number(value, digits)
    return text if text[0] in f"−{NO_VALUE}" else f"+{text}"


def significant(value: float, figures: int = 3) -> str:
    """Format a number to significant digits, such as "11,900", "1.24" or "0.0123"."""
    if not math.isfinite(value) or value == 0:
        return NO_VALUE if not math.isfinite(value) else "0"
    digits = figures - 1 - math.floor(math.log10(abs(value)))
    return number(round(value, digits), max(digits, 0))


def ratio(value: float) -> str:
    """Format a ratio, such as "0.94×" or "12×": a third digit of a ratio of speeds would be noise."""
    if not math.isfinite(value):
        return NO_VALUE
    return f"{value:.2f}×" if 0.1 <= value < 9.995 else f"{significant(value, 2)}×"


def decimals_for(spread: float, digits: int, most_extra: int = 4) -> int:
    """Return how many decimals show `spread`: `digits`, or as many more as it takes to see a digit that is not 0."""
    if not math.isfinite(spread) or spread <= 0:
        return digits
    rounded = float(f"{spread:.0e}")  # 0.0098 is shown as 0.01, for which two decimals do
    return min(max(digits, -math.floor(math.log10(rounded))), digits + most_extra)


def decimals_of_interval(metric: Metric, low: float, high: float) -> int:
    """Return how many decimals show an interval: if 0 is outside, so many that neither end is shown as 0."""
    low, high = low * metric.scale, high * metric.scale
    digits = decimals_for((high - low) / 2, metric.digits)
    while low * high > 0 and digits < metric.digits + 4 and not all(float(f"{end:.{digits}f}") for end in (low, high)):
        digits += 1
    return digits


def mean_sd(metric: Metric, mean: float, std: float) -> str:
    """Format a mean with its standard deviation, such as "−106.8 ± 0.3"; the mean alone where n = 1."""
    text = number(mean * metric.scale, metric.digits)
    if not math.isfinite(std):
        return text
    return f"{text} ± {number(std * metric.scale, decimals_for(std * metric.scale, metric.digits))}"


def interval(metric: Metric, low: float, high: float, digits: int | None = None) -> str:
    """Format an interval, such as "[34.1, 35.6]"; empty where it is undefined."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    digits = decimals_of_interval(metric, low, high) if digits is None else digits
    return f"[{number(low * metric.scale, digits)}, {number(high * metric.scale, digits)}]"


def difference(metric: Metric, value: float, low: float, high: float) -> str:
    """Format a difference with its interval, such as "+34.9 [34.1, 35.6]"."""
    digits = decimals_of_interval(metric, low, high)
    return f"{signed(value * metric.scale, digits)} {interval(metric, low, high, digits)}".rstrip()


def natural_list(names: Sequence[str], most: int = 4) -> str:
    """Join names as in a sentence, such as "a, b and c"; beyond `most` names the rest are counted."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def shorten_middle(name: str, limit: int = 36) -> str:
    """Shorten a name to `limit` characters by an ellipsis in its middle, since names differ at both ends."""
    return name if len(name) <= limit else f"{name[: limit // 2 - 1]}…{name[-(limit // 2) :]}"


def shorten_apart(names: Iterable[str], limit: int = 36) -> dict[str, str]:
    """Return name → its short form, of `limit` characters or as many more as it takes to tell all apart."""
    names = list(dict.fromkeys(names))
    while True:
        short = {name: shorten_middle(name, limit) for name in names}
        if len(set(short.values())) == len(names):
            return short
        limit += 1
