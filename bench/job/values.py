"""The values of options, read from what was typed: each function converts one kind, or objects in one line."""

from __future__ import annotations

import argparse
import math
import re

from archs.errors import nearest
from bench.spec.arguments import integer, listed

DEVICES = ("auto", "cpu", "cuda", "cuda:0")
THROUGHPUT = ("off", "quick", "full")
MOST_SEEDS = 10_000
MOST_MINUTES = 1_000_000
MOST_SIZE = 10**11
MOST_WEIGHT = 1_000_000
SEVERAL_NUMBERS = re.compile(r"[\[(]?[0-9]+((, ?|; ?| |:|-|\.\.+|…)[0-9]+)+[\])]?")
"""How single seeds or a range of them might be written."""


def seeds(text: str) -> int:
    """Convert a number of seeds, N, which stands for the seeds 0 to N−1."""
    if SEVERAL_NUMBERS.fullmatch(text):
        enough = max(map(int, re.findall("[0-9]+", text))) + 1
        if enough <= MOST_SEEDS:
            raise argparse.ArgumentTypeError(
                f"{text!r} names single seeds; expected how many there are, N, for the seeds 0 to N−1: "
                f"--seeds {enough} has all of these"
            )
    return integer(1, MOST_SEEDS)(text)


def minutes(text: str) -> float:
    """Convert a number of minutes."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of minutes; expected one above 0, at most {MOST_MINUTES:,}"
        )
    return value


def labelled(text: str) -> tuple[int, ...]:
    """Convert one or more numbers of labelled images, joined by commas."""
    return tuple(map(shared_equally, listed([text])))


def shared_equally(text: str) -> int:
    """Convert a number of labelled images, as many of each of ten classes."""
    count = integer(10, 50_000)(text)
    if count % 10:
        raise argparse.ArgumentTypeError(
            f"{text!r} can't be shared equally by ten classes; expected a multiple of 10, "
            f"for example {count // 10 * 10}"
        )
    return count


def weight(text: str) -> float:
    """Convert the weight of a term of a loss."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST_WEIGHT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a weight; expected a number from 0 to {MOST_WEIGHT:,}")
    return value


def rate(text: str) -> float:
    """Convert a learning rate."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a learning rate; expected a number above 0, at most 10")
    return value


def device(text: str) -> str:
    """Convert "auto", "cpu", "cuda" or "cuda:n"; whether it is there is for the plan to see."""
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", text):
        raise argparse.ArgumentTypeError(f"unknown device {text!r}{nearest(text, DEVICES, meant={'gpu': 'cuda'})}")
    return text


def throughput(text: str) -> str:
    """Convert how thoroughly speeds are measured."""
    if text not in THROUGHPUT:
        raise argparse.ArgumentTypeError(f"unknown effort {text!r}{nearest(text, THROUGHPUT)}")
    return text


def stack(text: str) -> str:
    """Convert "auto", "off" or a number of seeds."""
    if text not in ("auto", "off") and not re.fullmatch(r"[0-9]{1,3}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a way to stack; expected auto, off or a number of seeds, for example 8"
        )
    return text
