"""The file throughput.json of a report folder: its name, its format, and how it is read. Loads nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from archs.errors import UserError
from bench.store.content import lone_surrogate
from bench.store.files import read_file
from bench.store.validation import type_problem

FILE = "throughput.json"
FORMAT = 1
"""The version of the file, raised when what is timed, or how it is written down, changes."""

WAY_OUT = "remove it, and the next job in that folder measures again"

Count = Annotated[int, Meta(ge=1, le=10**12)]
Size = Annotated[float, Meta(ge=0, le=1e24)]
Above0 = Annotated[float, Meta(gt=0, le=1e24)]
Rounds = Annotated[list[Annotated[float, Meta(gt=0, le=1e9)]], Meta(min_length=1, max_length=100_000)]
"""Seconds of a block of calls, in each round."""

Moment = Annotated[float, Meta(ge=0, le=2.5e11)]
"""Seconds since 1970, up to a year of four digits."""


class Timed(Struct):
    """A kind of work of an architecture on a task."""

    arch: str
    arch_fingerprint: str
    task: str
    work: str
    images: Count
    calls: Count
    seconds: Rounds
    flops_per_image: Size | None
    peak_bytes: Size | None
    joules_per_image: Size | None
    task_fingerprint: str | None = None


class Product(Struct):
    """The matrix product that was timed in turns with a kind of work."""

    task: str
    work: str
    flops: Above0
    calls: Count
    seconds: Rounds


class Gpu(Struct):
    """How a GPU ran meanwhile."""

    clock_mhz: list[int] | None
    most_mhz: int | None
    throttling: list[str]
    foreign_processes: int | None


class Condition(Struct):
    """What else the machine did meanwhile, as `bench.machine.load_monitor` says it."""

    task: str
    work: str
    cores: Count | None
    foreign_cores: Size | None
    stolen: Size | None
    gpu: Gpu | None


class Failure(Struct):
    """What could not be measured."""

    arch: str
    task: str
    error: str


class Setting(Struct):
    """What a speed depends on, as far as the page says it."""

    batch_size: Count
    device: str
    threads: Count
    dtype: str
    labels: int = 0


class SessionEnvironment(Struct):
    """When a session began."""

    begun: Moment | None = None


class Environment(SessionEnvironment, kw_only=True):
    """Where and by what speeds were measured, as far as the page says it; there is more in it."""

    device_name: str
    nvml: bool
    precision: str = ""


class Session(Struct, kw_only=True):
    """One measurement of everything."""

    works: list[Timed]
    matmul: list[Product]
    conditions: list[Condition] = []
    environment: SessionEnvironment | None = None


class Document(Session, kw_only=True):
    """The file: the newest session, and those before it, the oldest first."""

    format: int
    mode: Literal["quick", "full"]
    setting: Setting
    conditions: list[Condition]
    failed: list[Failure]
    environment: Environment
    earlier: list[Session] = []
    identity: dict[str, Any] = {}


def read(folder: Path) -> dict[str, Any] | None:
    """Return the content of a report folder's file; None if there is none, or one of another format.

    Raises:
        UserError: the file is not such a document; the message says where.
    """
    path = folder / FILE
    try:
        text = read_file(path)
        document = json.loads(text.decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise UserError(f"{path} can't be read: {reason}; {WAY_OUT}") from None
    if isinstance(document, dict) and type(document.get("format")) is int and document["format"] != FORMAT:
        return None
    problem = type_problem(document, Document) or lone_surrogate(text, document) or contradiction(document)
    if problem:
        raise UserError(f"{path} holds no throughput as run_ablation.py writes it: {problem}; {WAY_OUT}")
    return dict(document)


def contradiction(document: dict[str, Any]) -> str:
    """Say what doesn't fit together in a document whose entries have the right types; empty if all does."""
    for place, session in sessions(document):
        products = {(one["task"], one["work"]): len(one["seconds"]) for one in session["matmul"]}
        seen = set()
        for number, one in enumerate(session["works"]):
            rounds = products.get((one["task"], one["work"]))
            if rounds is None:
                return f"{place}works[{number}]: there is no matmul of its task and work"
            if rounds != len(one["seconds"]):
                return f"{place}works[{number}]: {len(one['seconds'])} rounds, and {rounds} of the matmul"
            if (key := (one["arch"], one["task"], one["work"])) in seen:
                return f"{place}works[{number}]: its architecture, task and work are there twice"
            seen.add(key)
    return ""


def sessions(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each session with the beginning of the names of its entries."""
    yield "", document
    for number, session in enumerate(document.get("earlier", [])):
        yield f"earlier[{number}].", session
