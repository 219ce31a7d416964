"""How the pages of the studies write numbers and tables."""

from __future__ import annotations

from tabulate import tabulate


def counted(number: float, what: str) -> str:
    """Write a number of things: "1 epoch", "1,000 epochs"."""
    return f"1 {what}" if number == 1 else f"{int(number):,} {what}s"


def rate_name(rate: float) -> str:
    """Write a rate as people do: 0.0005 → "5e-4"."""
    mantissa, exponent = f"{rate:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Write a table in Markdown, the first column to the left."""
    return tabulate(rows, header, tablefmt="github", colalign=["left", *["right"] * (len(header) - 1)],
                    disable_numparse=True)  # fmt: skip
