"""Paths that people give, in options and in environment variables.

A shell replaces `~` only where it begins a word: not in `--out=~/x`, nor in quotes, nor in a crontab's variables. Left
as it is, it would name a folder called `~`.
"""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path

from archs.errors import UserError

MOST_NAME, MOST_PATH = 255, 4_095
"""Bytes that Linux takes."""


def expanded(text: str, given_as: str = "") -> str:
    """Return a path with the home folder in place of a leading `~` or `~user`.

    Args:
        given_as: what gave it, such as an option, for the message; empty where the caller adds that.

    Raises:
        UserError: it is empty or too long, there is no such user, or it can't be written into a manifest.
    """
    prefix = f"{given_as}: " if given_as else ""
    if not text:
        raise UserError(f"{prefix}the path is empty; leave the option out, or name a folder or file")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UserError(
            f"{prefix}the path {text!a} is no text in this locale; set PYTHONUTF8=1 if it is UTF-8, else rename it"
        ) from None
    found = os.path.expanduser(text)
    if found.startswith("~"):
        user = text.partition("/")[0][1:]
        reason = f"there is no user {user!r}" if user else "the home folder is not known"
        raise UserError(f"{prefix}the path {text!r}: {reason}; write ./{text} for what is called so itself")
    try:
        os.lstat(found)
    except ValueError:
        raise UserError(f"{prefix}the path {text!r} holds a null byte, which no path can") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(
                f"{prefix}the path {found[:40]!r}… is too long; expected at most {MOST_NAME} bytes for each name, "
                f"and {MOST_PATH:,} in all"
            ) from None
    return found


def path(text: str) -> str:
    """Convert a path: an argparse type."""
    try:
        return expanded(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def path_object(text: str) -> Path:
    """Convert a path to an object: an argparse type."""
    return Path(path(text))


def environment_path(variable: str) -> str | None:
    """Return the path that an environment variable holds; None if it is unset or empty.

    Raises:
        UserError: it can't be meant; the message names the variable.
    """
    text = os.environ.get(variable)
    return expanded(text, f"${variable}") if text else None


def data_dir(chosen: str | None) -> str:
    """Return the data folder: the option `--data-dir` if it was given, else $ABLATION_DATA, else data/."""
    return chosen or environment_path("ABLATION_DATA") or "data"


def whole(text: str) -> str:
    """Return a path that leads to the same place from any working directory: others' code may change that one.

    Unlike `os.path.abspath` it keeps a `..`, which leads out of the place that a link before it points to.
    """
    return os.path.join(working_folder(), text)


def working_folder() -> str:
    """Return the working directory.

    Raises:
        UserError: somebody has removed it.
    """
    try:
        return os.getcwd()
    except OSError as error:
        raise UserError(f"the working folder can't be used ({error.strerror}); change into one that is there") from None


def set_unless_set(variable: str, value: str) -> None:
    """Set an environment variable that is unset or empty."""
    if not os.environ.get(variable):
        os.environ[variable] = value
