"""How numbers are printed: the rules that a reader relies on, written down once more."""

from __future__ import annotations

import math
from collections.abc import Sequence

NONE = "–"


def number(value: float, digits: int) -> str:
    """Fixed decimals, thousands by commas, a true minus; no minus before a zero."""
    if not math.isfinite(value):
        return NONE
    text = f"{abs(value):,.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0.,") else text


def signed(value: float, digits: int) -> str:
    text = number(value, digits)
    return text if text[0] in "−–" else f"+{text}"


def significant(value: float, figures: int = 3) -> str:
    """Significant digits, none of them in an exponent."""
    if not math.isfinite(value) or value == 0:
        return "0" if value == 0 else NONE
    digits = figures - 1 - math.floor(math.log10(abs(value)))
    return number(round(value, digits), max(digits, 0))


def ratio(value: float) -> str:
    """Two decimals from 0.1 to 10, else two significant digits."""
    return f"{value:.2f}×" if 0.1 <= value < 9.995 else f"{significant(value, 2)}×"


def decimals(spread: float, digits: int) -> int:
    """As many as are usual, or up to four more, until the spread has a digit that is not 0."""
    if not math.isfinite(spread) or spread <= 0:
        return digits
    return next((d for d in range(digits, digits + 4) if float(f"{spread:.0e}") >= 0.999 * 10**-d), digits + 4)


def mean_sd(mean: float, sd: float, digits: int) -> str:
    return f"{number(mean, digits)} ± {number(sd, decimals(sd, digits))}" if math.isfinite(sd) else number(mean, digits)


def gap(value: float, low: float, high: float, digits: int, unit: str = "") -> str:
    """A difference with its interval: "+1.2 nats [0.8, 1.6]"."""
    d = decimals((high - low) / 2, digits)
    while low * high > 0 and d < digits + 4 and "0" in {number(end, d).strip("−.0") or "0" for end in (low, high)}:
        d += 1  # an interval without 0 does not end at "0.0"
    words = [signed(value, d), unit, f"[{number(low, d)}, {number(high, d)}]" if math.isfinite(low) else ""]
    return " ".join(filter(None, words))


def listed(names: Sequence[str], most: int = 4) -> str:
    """ "a, b and c"; those beyond the first few are counted."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def count(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def percent(share: float, digits: int = 0) -> str:
    return f"{number(100 * share, digits)} %"
