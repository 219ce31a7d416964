"""A page names the seed that it used, where some runs of the lowest one failed."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import patch

import numpy as np

import reports
from bench.statistics.image_tests import mcnemar
from bench.store.store import Record
from reports.figures.canvas import FigureWriter
from reports.markup.blocks import Details, Figure, Table, Text
from reports.sections import uncertainty
from reports.sections.context import Context
from reports.sections.generative import pictures
from tests.reports.synthetic import write_experiment

BOOM = "boom"
ARCHS = ["cnn2", "cnn3", "mlp"]


def shown(folder: Path, section: object, **options: object) -> tuple[str, list[Table]]:
    """The prose and the tables of one section."""
    experiment = reports.load(write_experiment(folder, ARCHS, n_test=200, **options))  # type: ignore[arg-type]
    blocks = list(section.blocks(Context(experiment, FigureWriter(folder))))  # type: ignore[attr-defined]
    inner = [block for found in blocks if isinstance(found, Details) for block in found.blocks]
    text = " ".join(block.markdown for block in blocks if isinstance(block, Text))
    return text, [block for block in [*blocks, *inner] if isinstance(block, Table)]


def failed(*cells: tuple[str, int], task: str = "classifier") -> dict[tuple[str, str, int], str]:
    return {(arch, task, seed): BOOM for arch, seed in cells}


def expected(folder: Path, arch: str, seed: int) -> str:
    """McNemar's counts of `arch` against cnn2, from the records."""
    arrays = {
        record.spec["arch"]: record.arrays()["test_correct"]
        for record in reports.load(folder / "report").finished
        if record.spec["seed"] == seed and record.spec["task"] == "classifier"
    }
    test = mcnemar(arrays[arch], arrays["cnn2"])
    return f"{test.only_a} vs {test.only_b}"


def test_mcnemar_is_of_the_lowest_seed_that_all_finished(tmp_path: Path) -> None:
    text, (table, *_) = shown(tmp_path, uncertainty, tasks=("vae", "classifier"), failures=failed(("cnn3", 0)))
    assert "the two models of seed 1 gets" in text and table.headers[-1] == "McNemar (seed 1)"
    cells = {row[1]: row[-1] for row in table.rows if row[0] == "classifier"}
    assert set(cells) == {"cnn3", "mlp"}
    assert all(cell.startswith(f"{expected(tmp_path, arch, 1)}, p ") for arch, cell in cells.items())
    assert {row[-1] for row in table.rows if row[0] == "VAE"} == {"–"}


def test_mcnemar_names_the_seed_of_each_row_where_none_is_common(tmp_path: Path) -> None:
    """cnn3 shares seeds 1 and 2 with the baseline, mlp only seed 0."""
    failures = failed(("cnn3", 0), ("mlp", 1), ("mlp", 2))
    text, (table, *_) = shown(tmp_path, uncertainty, tasks=("classifier",), failures=failures)
    cells = {row[1]: row[-1] for row in table.rows}
    assert table.headers[-1] == "McNemar (seed)" and "the seed in brackets" in text
    for arch, seed in (("cnn3", 1), ("mlp", 0)):
        assert re.fullmatch(rf"{expected(tmp_path, arch, seed)}, p [=<] [0-9.]+ \({seed}\)", cells[arch])


def test_without_a_classifier_there_is_no_mcnemar(tmp_path: Path) -> None:
    text, (table, *_) = shown(tmp_path, uncertainty, tasks=("vae",))
    assert "McNemar" not in text and table.headers[-1] == "over images" == table.headers[len(table.rows[0]) - 1]


class Seen(FigureWriter):
    """Keeps what a figure would be drawn from."""

    def write(self, name: str, alt: str, draw: object, *arguments: object) -> Figure:  # type: ignore[override]
        self.__dict__.setdefault("seen", {})[name] = arguments
        return Figure(name, alt)


def seeds_drawn(folder: Path) -> dict[str, dict[str, int]]:
    """Task → arch → the seed whose reconstructions are drawn: here a picture's only pixel is its run's seed."""
    figures = Seen(folder)

    def arrays(self: Record, *names: str) -> dict[str, np.ndarray]:
        pixel = np.array(self.spec["seed"])
        return {} if self.spec["task"] == "classifier" else {"originals": pixel, "reconstructions": pixel}

    with patch("bench.store.record.Record.arrays", arrays):
        list(pictures.blocks(Context(reports.load(folder / "report"), figures)))
    panels = figures.__dict__["seen"]["reconstructions"][0]
    return {title: {arch: int(pixel) for arch, pixel in rows.by_arch.items()} for title, rows in panels.items()}


def test_pictures_are_of_one_seed_that_all_finished(tmp_path: Path) -> None:
    failures = failed(("cnn3", 0), task="vae") | failed(("mlp", 0), ("mlp", 1), ("mlp", 2))
    text, _ = shown(tmp_path, pictures, tasks=("vae", "classifier"), failures=failures)
    assert "models of seed 1. What a model draws" in text
    assert seeds_drawn(tmp_path) == {"VAE": {"cnn2": 1, "cnn3": 1, "mlp": 1}}


def test_pictures_say_whose_seed_is_which_where_none_is_common(tmp_path: Path) -> None:
    failures = failed(("cnn3", 0), ("cnn3", 1), ("mlp", 1), ("mlp", 2), task="vae")
    text, _ = shown(tmp_path, pictures, tasks=("vae", "cvae"), failures=failures)
    assert "models of seed 0, but cnn3 of seed 2 (VAE); of seed 0 (CVAE). What a model draws" in text
    of_all = dict.fromkeys(ARCHS, 0)
    assert seeds_drawn(tmp_path) == {"VAE": of_all | {"cnn3": 2}, "CVAE": of_all}
