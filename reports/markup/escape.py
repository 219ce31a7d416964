"""Escape user text (names, error messages, warnings) for Markdown, HTML and LaTeX.

Architecture names come from the command line and errors from anywhere: none of it may open a tag, a link, a table
cell or a LaTeX command on the page.
"""

from __future__ import annotations

import html as _html
import re

_MARKDOWN = re.compile(r"([\\`*_>|~&$]|\](?=[\[(:]))")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_OF_MARKDOWN = re.compile(
    r"(?P<code>(?P<fence>`+)[^`].*?(?<!`)(?P=fence)(?!`))"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])"  # any of ASCII's punctuation
    r"|&lt;|\*+|(?<!\w)_|_(?!\w)"
)
"""What Markdown writes otherwise than plain text, from left to right, so that each character is looked at once."""
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≈": r"$\approx$",
    "▲": r"$\blacktriangle$",
    "▼": r"$\blacktriangledown$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\to$",
    "–": "--",
    "…": r"\ldots{}",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "·": r"$\cdot$",
    "\u00a0": "~",
    "\u202f": r"\,",
}


LIMIT = 300
"""Characters that are shown of a text from outside."""


def one_line(text: object, limit: int = LIMIT) -> str:
    """Return `text` without line breaks or control characters, cut to `limit` characters with an ellipsis."""
    line = " ".join(_CONTROL.sub(" ", str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def md(text: object, limit: int = LIMIT) -> str:
    """Return one line of Markdown that shows `text` literally: no emphasis, tags, links, maths or new table cells.

    A URL's colon is escaped too, so that a code host does not turn an error message into a link.
    """
    escaped = _TAG.sub("&lt;", _MARKDOWN.sub(r"\\\1", one_line(text, limit)))
    return escaped.replace("://", r"\://").replace("www.", r"www\.")


def prose(text: object) -> str:
    """Return one line of Markdown for a sentence: as `md` does, but with | as it is.

    Outside of a table a | opens no cell, and log p(x|y) is easier to read without a backslash.
    """
    return md(text).replace("\\|", "|")


def code(text: object) -> str:
    """Return `text` as a Markdown code span, whatever backticks it holds.

    Not for cells of a table, where a | would split it.
    """
    line = one_line(text, limit=2000)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def plain(markdown: str) -> str:
    """Return the plain text of Markdown that `md`, `code` and marks of emphasis made, for the terminal.

    What `code` made stays as it is, backticks included: they show where a command begins and ends.
    """
    return _OF_MARKDOWN.sub(_plain_part, markdown)


def _plain_part(found: re.Match[str]) -> str:
    """Return what a part of Markdown that `_OF_MARKDOWN` finds looks like in plain text."""
    return found["code"] or found["escaped"] or ("<" if found[0] == "&lt;" else "")


def html(text: object) -> str:
    """Escape `text` for HTML content or a quoted attribute."""
    return _html.escape(one_line(text, limit=2000), quote=True)


def latex(text: object) -> str:
    """Escape `text` for LaTeX in text mode; the marks need the package amssymb."""
    return "".join(_LATEX.get(character, character) for character in one_line(text, limit=2000))
