"""An argument parser that answers a bad argument in one line and exits with status 2."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from typing import NoReturn

from archs.errors import nearest


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that prints one line on stderr, without the usage, and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        if unknown:
            message = f"unknown option {unknown[1]!r}{nearest(unknown[1], self._option_string_actions)}"
        sys.stderr.write(f"error: {' '.join(message.split())}\n")
        sys.exit(2)


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers from `low` to `high`."""

    def convert(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low:,} to {high:,}")
        return int(text)

    return convert
