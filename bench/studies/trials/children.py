"""Trainings that are no runs of a store: each in a process of its own, a row in a CSV file when it is done.

A row is appended whole, so that a study can be stopped at any moment and goes on from what is there.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from archs.errors import UserError
from bench.machine.child import (
    ChildDied,
    become_child,
    described,
    heard_from,
    how_it_ended,
    portable,
    receive,
    start,
    start_context,
)
from bench.store.record import one_line

Order = TypeVar("Order")

TEXT = ("arch", "task", "metric", "status", "run_id", "source", "variant", "truth", "noise")
"""Columns of the studies' tables that hold text; the others hold numbers, which are read as they were written."""


def in_children(function: Callable[[Order], Any], orders: Sequence[Order], workers: int) -> Iterator[tuple[Order, Any]]:
    """Yield each order with what the function returned for it, as they end, so many at a time.

    Closing the iterator kills what runs.

    Args:
        function: it must be importable by its name; orders and results must pickle.

    Raises:
        ChildDied: a process ended without a result.
        Exception: what the function raised.
    """
    context = start_context()
    waiting, busy = deque(orders), dict[Connection, tuple[Order, Any]]()
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                ours, theirs = context.Pipe(duplex=False)
                order = waiting.popleft()
                process = context.Process(target=_answer, args=(theirs, function, order), daemon=True)
                start(process)
                theirs.close()
                busy[ours] = order, process
            for pipe in heard_from([(pipe, process) for pipe, (_, process) in busy.items()]):
                order, process = busy.pop(pipe)
                try:
                    result, error = receive(pipe)
                except EOFError:
                    process.join(5)
                    raise ChildDied(f"{described(function)} {how_it_ended(process.exitcode)}") from None
                finally:
                    pipe.close()
                if error is not None:
                    raise error
                yield order, result
    finally:
        for _, process in busy.values():
            process.kill()
        for _, process in busy.values():
            process.join(5)


def _answer(pipe: Connection, function: Callable[[Any], Any], order: Any) -> None:
    """Send what the function returns, or raises: the main function of a child."""
    become_child()
    answer: tuple[Any, Exception | None]
    try:
        answer = function(order), None
    except BaseException as error:
        answer = None, portable(error, described(function))
    try:
        pipe.send(answer)
    except OSError:  # the parent is gone
        return


def table_of(path: Path, columns: Sequence[str], option: str) -> pd.DataFrame:
    """Read a study's CSV file; an empty table if there is none. Half a row at its end, of a kill, is left out.

    Raises:
        UserError: it is no such file; the message begins with the option that named it.
    """
    rows: list[dict[str, str]] = []
    if path.exists():
        try:
            text = path.read_text(encoding="utf-8")
            reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
        except (OSError, ValueError) as error:
            expected = "expected what this study wrote"
            raise UserError(f"{option} {path}: can't be read ({one_line(error)}); {expected}") from error
        if missing := [name for name in columns if name not in (reader.fieldnames or [])]:
            raise UserError(f"{option} {path}: it has no column {missing[0]!r}; expected what this study wrote")
        rows = list(reader)
    table = pd.DataFrame(rows, columns=list(columns))
    for name in (each for each in columns if each not in TEXT):
        try:
            table[name] = [math.nan if text == "" else float(text) for text in table[name]]
        except (TypeError, ValueError) as error:
            raise UserError(f"{option} {path}: {name} holds {one_line(error)}; expected numbers") from error
    return table


def same_settings(table: pd.DataFrame, settings: Mapping[str, Any], path: Path) -> None:
    """Do nothing if all rows have these settings.

    Raises:
        UserError: one has others, which would be averaged with those to come.
    """
    for name, value in settings.items():
        if others := [other for other in table[name].unique() if other != value]:
            raise UserError(
                f"{path} holds trainings with {name} {others[0]:g}, now it is {value:g}: they are not mixed; "
                "name another folder with --out"
            )


def append(path: Path, columns: Sequence[str], row: Mapping[str, Any]) -> None:
    """Add a row to a CSV file that `table_of` has read, in place of half a row at its end, if there is one.

    A file that is not there, or empty, gets its header first.
    """
    with path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        if file.seek(0, os.SEEK_END) == 0:
            writer.writeheader()
        writer.writerow(row)
        file.write(text.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())
