"""Packages that only some options need: whether they are there is asked before anything else is done."""

from __future__ import annotations

import importlib.util

from archs.errors import UserError


def require(package: str, asked: str, extra: str) -> None:
    """Do nothing if a package is installed; it is not imported.

    Args:
        package: its name when it is imported.
        asked: what needs it, in words: "--parquet".
        extra: the optional extra of this project that installs it.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise not_installed(package, asked, extra)


def not_installed(package: str, asked: str, extra: str) -> UserError:
    """Return the error that names a missing package and says how it is installed; the arguments are `require`'s."""
    return UserError(
        f"{asked} needs the package {package}, which is not installed; it comes with the extra [{extra}]: "
        f"in the folder of this project, pip install -e '.[{extra}]'"
    )
