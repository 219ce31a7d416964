"""What a command does with its own process: its settings before anything else, and its output.

Not for `import bench` or `import reports`: there the process, and what it is set to, belong to somebody else.
"""

from __future__ import annotations

import codecs
import io
import os
import sys

from archs.errors import UserError

PLAIN = {"−": "-", "–": "-", "×": "x", "±": "+-", "…": "...", "→": "->", "↑": "^", "↓": "v", "▲": "^", "▼": "v",
         "≥": ">=", "≤": "<=", "≈": "~", "β": "beta"}  # fmt: skip
"""A character of our tables and sentences → what stands for it where it can't be printed."""


def prepare() -> None:
    """Let no setting of whoever started the command change a figure, or cost the report after all the training.

    matplotlib is told to draw into files and to read no file of settings, and what a terminal can't show is printed in
    plain characters instead of raising an error. Call it before matplotlib is imported.
    """
    os.environ["MPLBACKEND"] = "agg"  # a notebook's, exported to what it starts, need not be installed here
    os.environ["MATPLOTLIBRC"] = os.devnull
    os.environ.pop("SOURCE_DATE_EPOCH", None)  # numpy can't be imported where it is no number, or empty
    codecs.register_error("conv_ablation_plain", plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="conv_ablation_plain")


def say(text: str) -> None:
    """Print a result. A reader who has seen enough, as `head` has, is no error.

    Raises:
        UserError: it can't be written.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # where the rest goes: Python would try again at its end
        if not isinstance(error, BrokenPipeError):
            raise UserError(f"the output can't be written: {error.strerror or error}") from error


def plain(error: UnicodeError) -> tuple[str, int]:
    """Return what is printed for characters that can't be encoded, and where to go on: a handler for `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(char) or ascii(char)[1:-1] for char in lost), error.end
