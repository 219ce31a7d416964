"""Streams of text that take everything: any character, and what nobody reads or no disk holds."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TextIO

PLAIN = {"−": "-", "–": "-", "×": "x", "±": "+-", "…": "...", "→": "->", "↑": "^", "↓": "v", "▲": "^", "▼": "v",
         "≥": ">=", "≤": "<=", "≈": "~", "β": "beta", "†": "+", "‡": "++", "⚠": "!", "·": "*", "“": '"', "”": '"',
         "²": "^2"}  # fmt: skip
"""A character of our tables and sentences → what stands for it where it can't be printed."""

PLAINLY = "conv_ablation_plainly"
"""The way to handle errors of a stream of text that prints plain characters for those that it can't show."""


class Output(io.TextIOWrapper):
    """A stream of text that takes everything: from the first write that fails on, what is written to it is dropped.

    Else a reader that has seen enough, as `head` has, would stop a job, or replace the verdict of a command by the
    status of a crash.
    """

    failure: OSError | None = None
    """The first error; None while everything arrives."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._drop_from_now_on(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._drop_from_now_on(error)

    def _drop_from_now_on(self, error: OSError) -> None:
        """Let the null device take what is still in the buffers, and all that follows."""
        self.failure = self.failure or error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        super().flush()


def take_everything() -> None:
    """Let this process's standard output and standard error take everything: for commands and their children.

    A stream that is closed from the start goes to the null device. Python has none for it, and what is printed to none
    goes to the other one.
    """
    sys.stdout, sys.stderr = output_for(sys.stdout), output_for(sys.stderr)


def output_for(stream: TextIO | None) -> TextIO:
    """Return an `Output` to where a stream goes, to nowhere for none; the stream itself if it is not the system's."""
    if stream is None:
        return Output(open(os.devnull, "wb"), encoding="utf-8", errors=PLAINLY)
    if isinstance(stream, Output) or not isinstance(stream, io.TextIOWrapper):
        return stream
    return Output(
        stream.buffer,
        encoding=stream.encoding,
        errors=PLAINLY,  # a terminal may lack "±" or "▼"
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def fill_closed_descriptors() -> None:
    """Let the null device stand in for a standard stream that is closed.

    Else the next file that is opened gets its number, a record say, and whatever a library prints goes into that.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def in_ascii(text: str) -> str:
    """Return a text with our own signs as plain characters; a letter that ASCII lacks stays."""
    return "".join(PLAIN.get(char, char) for char in text)


def plain(error: UnicodeError) -> tuple[str, int]:
    """Return what is printed for characters that can't be encoded, and where to go on: a handler for `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(char) or escaped(char) for char in lost), error.end


def escaped(char: str) -> str:
    """Return an escape that Python would read as the character; of a byte of a path that is no text, of that byte."""
    is_byte = "\udc80" <= char <= "\udcff"  # as sys.argv and os.listdir have it
    return f"\\x{ord(char) - 0xDC00:02x}" if is_byte else ascii(char)[1:-1]


codecs.register_error(PLAINLY, plain)
