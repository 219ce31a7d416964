"""A throughput.json that somebody edited, damaged or put there is one line, whatever is wrong with it."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reports
from archs.errors import UserError
from bench.store import speed_file
from reports.figures.canvas import FigureWriter
from reports.findings.experiment import Experiment
from reports.sections.context import Context
from reports.sections.speed import blocks
from tests.reports.synthetic import write_experiment
from tests.reports.test_reports_speed import write_speeds

pytestmark = pytest.mark.usefixtures("unmade")

HOSTILE = [None, True, -1, 0, 10**30, 1e308, float("nan"), float("inf"), "", "\ud800", [], [None], {}, {"a": []}]
"""What stands in the place of each value."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_experiment(tmp_path_factory.mktemp("speeds"), 2, tasks=("vae",), n_test=10)
    write_speeds(folder, ["cnn2", "cnn3"], tasks=("vae",))
    path = folder / "throughput.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["environment"]["begun"] = 1.7e9
    session = {name: document[name] for name in ("works", "matmul", "conditions", "environment")}
    path.write_text(json.dumps({**document, "earlier": [session]}), encoding="utf-8")
    return folder


def speed_part(experiment: Experiment) -> None:
    """Make all of the page that is made of the file."""
    fresh = dataclasses.replace(experiment)  # without what was read before
    assert list(blocks(Context(fresh, FigureWriter(fresh.folder, False, lambda problem: None))))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document: each key, and the first of each list."""
    if isinstance(value, dict):
        items = list(value.items())
    else:
        items = list(enumerate(value[:1])) if isinstance(value, list) else []
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(document: Any, path: tuple[Any, ...], *value: Any) -> Any:
    """The document with another value at a place, or without it."""
    found = parent = copy.deepcopy(document)
    for key in path[:-1]:
        parent = parent[key]
    if value:
        parent[path[-1]] = value[0]
    else:
        del parent[path[-1]]
    return found


def test_whatever_stands_in_the_file_the_page_is_made_or_it_is_one_line(report: Path) -> None:
    file = report / "throughput.json"
    whole = file.read_text(encoding="utf-8")
    document, experiment = json.loads(whole), reports.load(report)
    speed_part(experiment)
    everywhere = list(places(document))
    assert len(everywhere) > 60
    refused = 0
    for number, path in enumerate(everywhere):
        for mutant in (changed(document, path), changed(document, path, HOSTILE[number % len(HOSTILE)])):
            file.write_text(json.dumps(mutant), encoding="utf-8")
            try:
                speed_part(experiment)
            except UserError as error:
                refused += 1
                assert str(file) in str(error) and len(str(error).splitlines()) == 1
                assert len(str(error)) < len(str(file)) + 400
    assert refused > 60
    file.write_text(whole, encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "can't be read: maximum recursion depth exceeded"),
        ('{"format": 1}', "holds no throughput as run_ablation.py writes it: object missing required field"),
        ("7", "expected `object`, got `int`"),
    ],
    ids=["nested", "empty", "a number"],
)
def test_a_file_of_something_else_is_named(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "throughput.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        speed_file.read(tmp_path)
    assert says in str(caught.value) and "; remove it, and the next job" in str(caught.value)
