"""What a command sets in its own process before anything else, whatever the user's settings are.

Not for `import bench` or `import reports`: there the process, and what it is set to, belong to somebody else.
"""

from __future__ import annotations

import codecs
import os

PLAIN = {"−": "-", "–": "-", "×": "x", "±": "+-", "…": "...", "→": "->", "↑": "^", "↓": "v", "▲": "^", "▼": "v",
         "≥": ">=", "≤": "<=", "≈": "~", "β": "beta"}  # fmt: skip
"""A character of our tables and sentences → what stands for it where it can't be printed."""


PLAINLY = "conv_ablation_plainly"
"""The way to handle errors of a stream of text that prints plain characters for those that it can't show."""


def prepare() -> None:
    """Let no setting of whoever started the command change a figure, or cost the report after all the training.

    matplotlib is told to draw into files and to read no file of settings. Call it before matplotlib is imported.
    """
    os.environ["MPLBACKEND"] = "agg"  # a notebook's, exported to what it starts, need not be installed here
    os.environ["MATPLOTLIBRC"] = os.devnull
    os.environ.pop("SOURCE_DATE_EPOCH", None)  # numpy can't be imported where it is no number, or empty


def plain(error: UnicodeError) -> tuple[str, int]:
    """Return what is printed for characters that can't be encoded, and where to go on: a handler for `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(char) or ascii(char)[1:-1] for char in lost), error.end


codecs.register_error(PLAINLY, plain)
