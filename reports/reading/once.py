"""Remembers what was found of a report folder, which never changes: several parts of a page ask for the same."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from reports.reading.report_folder import ReportFolder

Folder = TypeVar("Folder", bound=ReportFolder)
Further = ParamSpec("Further")
Found = TypeVar("Found")
KEY = "_found"
"""Among a folder's attributes: what was found of it goes when it goes."""


def once(find: Callable[Concatenate[Folder, Further], Found]) -> Callable[Concatenate[Folder, Further], Found]:
    """Let a function find the same of a report folder only once; whoever asks must not change the answer.

    Args:
        find: what it is given beside the folder must hash.
    """

    @functools.wraps(find)
    def remembered(folder: Folder, *further: Further.args, **named: Further.kwargs) -> Found:
        found, key = vars(folder).setdefault(KEY, {}), (find, further, tuple(named.items()))
        if key not in found:
            found[key] = find(folder, *further, **named)
        answer: Found = found[key]
        return answer

    return remembered
