"""The rooms of the house: what each may import, that imports go down only, and that no room or file grows too large."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

HOUSES = ("archs", "bench", "reports")
MOST_FILES = 16
MOST_LINES = 300


@functools.cache
def modules() -> Mapping[str, Path]:
    """Every module of the project, tests left out."""
    paths = [path for house in HOUSES for path in (ROOT / house).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


@functools.cache
def imported(module: str) -> frozenset[str]:
    """The modules of the project that a module imports, anywhere in it."""
    return frozenset(_imported(ast.parse(modules()[module].read_text(encoding="utf-8"))))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules() else node.module for name in names]
        else:
            continue
        yield from (name for name in names if name in modules())


def room_of(module: str) -> str:
    """ "bench.store" of "bench.store.record"; "bench" of a door such as "bench.gate"; "archs" of all in it."""
    house, *rest = module.split(".")
    is_room = bool(rest) and (ROOT / house / rest[0]).is_dir()
    return f"{house}.{rest[0]}" if is_room else house


ROOMS = sorted({room_of(module) for module in modules()} - set(HOUSES))


def may_import(room: str) -> set[str]:
    """What the docstring of a room allows beside `archs` and itself."""
    house, _, _ = room.partition(".")
    found = re.search(r"^May import: ([^.]+)\.$", importlib.import_module(room).__doc__ or "", re.MULTILINE)
    assert found, f"{room}: its docstring has no line 'May import: …'"
    if found[1].startswith("nothing of"):
        return set()
    if found[1] == "anything":
        return {*ROOMS, *HOUSES}
    return {f"{house}.{name}" for name in found[1].split(", ")}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_its_docstring_allows(room: str) -> None:
    allowed = may_import(room) | {room, "archs", "archs.identity", "archs.foreign"}
    if room.startswith("reports."):
        allowed |= {"bench.spec", "bench.store", "bench.statistics"}
    assert allowed <= {*ROOMS, *HOUSES}, f"{room}: no such room: {allowed - {*ROOMS, *HOUSES}}"
    for module in modules():
        if room_of(module) == room:
            for other in imported(module):
                assert room_of(other) in allowed, f"{module} imports {other}"


def test_rooms_stand_on_floors() -> None:
    graph = {room: may_import(room) - {room} for room in ROOMS if room != "bench.studies"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these rooms may import each other: {error.args[1]}")


def test_no_two_modules_import_each_other() -> None:
    try:
        TopologicalSorter({module: imported(module) - {module} for module in modules()}).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")


def test_architectures_know_nothing_of_the_harness_and_nothing_leans_on_the_workshop() -> None:
    for module in modules():
        for other in imported(module):
            assert not module.startswith("archs") or other.startswith("archs"), f"{module} imports {other}"
            assert not other.startswith("bench.studies") or module.startswith("bench.studies"), (
                f"{module} imports {other}"
            )
            assert not module.startswith("bench") or not other.startswith("reports"), f"{module} imports {other}"


@pytest.mark.parametrize("house", [*HOUSES, "tests"])
def test_no_room_has_too_many_files_and_no_file_too_many_lines(house: str) -> None:
    counted = 0
    for folder in [ROOT / house, *(path for path in (ROOT / house).rglob("*") if path.is_dir())]:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= MOST_FILES, f"{folder.relative_to(ROOT)} has {len(files)} files"
        for path in files:
            counted += 1
            length = len(path.read_text(encoding="utf-8").splitlines())
            assert length <= MOST_LINES, f"{path.relative_to(ROOT)} has {length} lines"
    assert counted
