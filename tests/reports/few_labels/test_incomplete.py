"""What the page says of few labels where not all is as planned: seeds that lack, failures, codes that collapse."""

from __future__ import annotations

from pathlib import Path

import pytest

import reports
from reports.figures.canvas import FigureWriter
from reports.markup.blocks import Figure, Table
from reports.sections.context import Context
from reports.sections.generative import elbo, few_labels
from tests.reports.few_labels.synthetic import invented_error, section, write_few_labels

pytestmark = pytest.mark.usefixtures("unmade")


def test_a_job_that_was_stopped_says_of_how_many_seeds_each_number_is(tmp_path: Path) -> None:
    table, _ = section(write_few_labels(tmp_path, manifest={"seeds": 5}))
    ours = [row for row in table.rows if row[1] != "published"]
    errors = [cell for row in ours for head, cell in zip(table.headers, row, strict=True) if "↓" in head]
    assert len(errors) == 16 and all("(3 of 5)" in cell for cell in errors)


def test_a_difference_says_of_how_many_seeds_it_is_where_not_all_are_of_as_many(tmp_path: Path) -> None:
    _, text = section(write_few_labels(tmp_path / "all"))
    assert "with 95 % intervals over 3 paired seeds: M2 less" in text and " seeds)" not in text
    failed = [("m2", "cnn3", 100, 0), ("reader", "cnn3", 100, 2)]
    table, text = section(write_few_labels(tmp_path, tasks=("m2", "reader"), labels=(100,), failed=failed))
    assert "with 95 % intervals over paired seeds: M2 less" in text
    assert "(cnn2, 3 seeds) and " in text and "(cnn3, 1 seed)." in text
    difference = 100 * (invented_error("m2", 1, 100, 1) - invented_error("reader", 1, 100, 1))
    assert table.rows[1][2].endswith("(2 of 3)") and table.rows[1][3].endswith("(2 of 3)")
    assert table.rows[1][4] == f"{difference:.2f} (1 of 3)".replace("-", "−")
    assert "over 2 to 3 seeds (a cell of fewer than the 3 that were asked for says so)" in text


def test_what_failed_as_a_whole_has_a_row(tmp_path: Path) -> None:
    table, _ = section(write_few_labels(tmp_path, tasks=("m2",), failed=[("m2", "cnn3", 600)]))
    assert [row[2] for row in table.rows if row[:2] == ("600", "cnn3")] == ["failed (3 of 3)"]


def test_a_crossing_that_is_another_s_network_is_explained(tmp_path: Path) -> None:
    archs = ["cnn2", "cnn3", "cnn2+cnn3"]
    table, text = section(write_few_labels(tmp_path, archs, tasks=("reader",), labels=(100,)))
    assert table.rows[2][2].endswith(" = cnn2") and "; = the same network, since the task uses no decoder" in text
    assert "; brackets" not in text and " (at 5 %, the only comparison of this table)" in text


def test_a_code_that_collapsed_in_some_runs_is_not_hidden_by_the_mean(tmp_path: Path) -> None:
    def live(arch: str, seed: int) -> dict[str, float]:
        return {"m1m2_dimensions_l100": (0.0, 9.0, 20.0)[seed] if arch == "cnn3" else 20.0}

    _, text = section(write_few_labels(tmp_path, tasks=("vae",), labels=(100,), metrics_of=live))
    assert "of 20" in text and "mean over seeds: cnn2 20.0 and cnn3 9.7." in text
    assert "Collapse of the code, no dimension alive: cnn3 (1 of 3 runs)." in text
    assert "Partial collapse, fewer than half alive: cnn3 (1 of 3 runs)." in text


def test_architectures_stand_in_a_sentence_as_in_the_table(tmp_path: Path) -> None:
    def second_is_best(method: str, place: int, labels: int, seed: int) -> float:
        return invented_error(method, 1 - place, labels, seed)

    folder = write_few_labels(tmp_path, tasks=("m2", "reader"), error=second_is_best)
    table, text = section(folder)
    assert [row[1] for row in table.rows][:2] == ["cnn3", "cnn2"]
    assert text.index("(cnn3)") < text.index("(cnn2)")


def test_a_figure_says_which_share_of_many_it_draws_and_claims_no_interval_of_one_seed(tmp_path: Path) -> None:
    def alt(folder: Path) -> str:
        blocks = few_labels.blocks(Context(reports.load(folder), FigureWriter(folder)))
        figure, _ = (block for block in blocks if isinstance(block, Figure))
        return figure.alt

    whole = "Test error against the number of labels, mean over seeds with its 95 % interval"
    assert alt(write_few_labels(tmp_path / "few")) == whole
    assert alt(write_few_labels(tmp_path / "one", seeds=1)) == whole.partition(",")[0]
    assert alt(write_few_labels(tmp_path / "many", [f"a{i}" for i in range(9)])) == f"{whole}; 5 of 9 architectures"


def test_a_table_of_a_job_that_was_stopped_says_so_in_every_cell(tmp_path: Path) -> None:
    folder = write_few_labels(tmp_path, tasks=("vae",), manifest={"seeds": 5})
    shown = elbo.blocks(Context(reports.load(folder), FigureWriter(folder)))
    table = next(block for block in shown if isinstance(block, Table))
    assert all("(3 of 5)" in cell for row in table.rows for cell in row[1:3])
