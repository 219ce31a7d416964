"""What the page says of few labels: every number of labels by itself, what the other images were worth, collapse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import reports
from bench.statistics.comparisons import comparisons_frame
from bench.statistics.tables import read_table
from reports.comparing.compare import compare
from reports.figures.canvas import FigureWriter
from reports.figures.few_labels import draw
from reports.markup.blocks import Figure
from reports.sections.context import Context
from reports.sections.generative import few_labels
from tests.reports.few_labels.synthetic import invented_error, section, write_few_labels

pytestmark = pytest.mark.usefixtures("unmade")

Error = Callable[[str, int, int, int], float]


def test_no_table_of_the_page_mixes_numbers_of_labels(tmp_path: Path) -> None:
    folder = write_few_labels(tmp_path, tasks=("m2", "reader"), seeds=4)
    experiment = reports.load(folder)
    assert experiment.tasks == ("m2-100", "m2-600", "reader-100", "reader-600")
    page = reports.build(experiment).read_text(encoding="utf-8")
    assert "| tasks" in page and "m2, reader" in page and "| labels" in page and "100, 600" in page
    head, _, section = page.partition("## With few labels")
    assert "**cnn2 classifies better with 100 labels: +" in head
    assert "cnn2 classifies better with 100 labels and no other images: +" in head and "better with 600" not in head
    assert "M2 (100 labels) accuracy" in head and "| M2 (600 labels)" not in head
    assert "M2 and Reader alone with 600 labels: under *With few labels*." in head and "|      600 | cnn3" in section
    compared = read_table(folder / "comparisons.csv", "comparisons").set_index(["task", "labels"])
    assert list(compared.index) == [("m2", 100), ("m2", 600), ("reader", 100), ("reader", 600)]
    for (task, labels), row in compared.iterrows():
        d = [invented_error(task, 0, labels, seed) - invented_error(task, 1, labels, seed) for seed in range(4)]
        assert row["difference"] == pytest.approx(np.mean(d)) and row["n"] == 4
        assert row["low_95"] == pytest.approx(stats.t.interval(0.95, 3, np.mean(d), stats.sem(d))[0])
    records = read_table(folder / "records.csv")
    assert set(zip(records["task"], records["labels"], strict=True)) == set(compared.index)
    summary = read_table(folder / "summary.csv", "summary")
    assert set(zip(summary["task"], summary["labels"], strict=True)) == set(compared.index)
    with pytest.raises(Exception, match="mixes m2 runs with labels 100 and 600: expected one"):
        comparisons_frame(records, "cnn2")


def test_one_number_of_labels_leaves_names_as_they_were(tmp_path: Path) -> None:
    folder = write_few_labels(tmp_path, tasks=("m2",), labels=(100,))
    experiment = reports.load(folder)
    assert experiment.tasks == ("m2",) and experiment.label("m2") == "M2"
    reports.build(experiment)
    assert "labels" not in read_table(folder / "comparisons.csv", "comparisons")
    assert not any(isinstance(block, Figure) for block in few_labels.blocks(Context(experiment, FigureWriter(folder))))


def test_a_number_of_labels_without_a_result_leaves_the_head_to_the_next(tmp_path: Path) -> None:
    failed = [("m2", "cnn2", 100), ("m2", "cnn3", 100), ("reader", "cnn3", 600)]
    folder = write_few_labels(tmp_path, tasks=("m2", "reader"), failed=failed)
    page = reports.build(reports.load(folder)).read_text(encoding="utf-8")
    assert "**cnn2 classifies better with 600 labels: +" in page and "9 of 24 runs failed" in page
    table, text = section(folder)
    rows = {row[:2]: row[2:] for row in table.rows}
    assert rows["100", "cnn3"][1:] == ("failed (3 of 3)", "–")
    assert rows["600", "cnn3"][0] == "failed (3 of 3)" and rows["600", "cnn3"][2] == "–"
    assert "over the 2 comparisons of this table" in text and "with 100 labels, in" not in text
    assert "were worth** with 600 labels" in text and "(cnn3)" not in text


def test_the_table_has_every_method_its_verdicts_and_what_was_published(tmp_path: Path) -> None:
    table, text = section(write_few_labels(tmp_path, seeds=6))
    assert table.headers == (
        "labels",
        "architecture",
        "Reader alone ↓ (%)",
        "Reader of codes alone ↓ (%)",
        "M2 ↓ (%)",
        "M1+M2 ↓ (%)",
        "M2 − Reader alone (points)",
        "M1+M2 − Reader alone (points)",
        "M1+M2 − Reader of codes alone (points)",
    )
    rows = {row[:2]: dict(zip(table.headers, row, strict=True)) for row in table.rows}
    assert list(rows) == [(count, arch) for count in ("100", "600") for arch in ("cnn2", "cnn3", "published")]
    assert rows["100", "published"]["M2 ↓ (%)"] == "11.97 ± 1.71"
    assert rows["600", "published"]["M1+M2 ↓ (%)"] == "2.59 ± 0.05"
    errors = [invented_error("m2", 1, 600, seed) for seed in range(6)]
    assert rows["600", "cnn3"]["M2 ↓ (%)"] == f"{100 * np.mean(errors):.2f} ± {100 * np.std(errors, ddof=1):.2f} ▼"
    assert "Holm's method at 5 % over the 8 comparisons of this table, 8 decided: one family, so" in text
    d = [invented_error("m2", 0, 100, seed) - invented_error("reader", 0, 100, seed) for seed in range(6)]
    low, high = stats.t.interval(0.95, 5, np.mean(d), stats.sem(d))
    worth = f"{100 * np.mean(d):.2f} [{100 * low:.2f}, {100 * high:.2f}]".replace("-", "−")
    assert rows["100", "cnn2"]["M2 − Reader alone (points)"] == worth
    assert f"M2 less Reader alone is {worth} (cnn2) and " in text
    assert (
        "**What the images without a label were worth** with 100 labels, in points of test error (below 0: they helped)"
        in text
    )
    assert "Published: Kingma et al. 2014, table 1, other networks and trainings" in text


def test_holm_s_family_is_the_section_s(tmp_path: Path) -> None:
    """What one comparison resolves, eight may not: the noise is such that p lies between."""

    def noisy(method: str, place: int, labels: int, seed: int) -> float:
        is_it = (method, place, labels) == ("m2", 1, 600)
        return 0.2 + (0.01 + 0.004 * (seed - 1) if is_it else 0.0) + 0.0001 * place * (seed % 2)

    table, _ = section(write_few_labels(tmp_path, seeds=4, error=noisy))
    d = np.array([0.01 + 0.004 * (seed - 1) + 0.0001 * (seed % 2) for seed in range(4)])
    p = stats.ttest_1samp(d, 0).pvalue
    assert 0.05 / 8 < p < 0.05
    (cell,) = (row[4] for row in table.rows if row[:2] == ("600", "cnn3"))
    assert cell.endswith("?")


def test_a_method_alone_is_shown_alone(tmp_path: Path) -> None:
    table, text = section(write_few_labels(tmp_path, tasks=("vae",), labels=(100,), seeds=2))
    assert table.headers[2:] == (
        "Reader of codes alone ↓ (%)",
        "M1+M2 ↓ (%)",
        "M1+M2 − Reader of codes alone (points)",
    )
    table, text = section(write_few_labels(tmp_path / "m2", tasks=("m2",), seeds=1))
    assert table.headers[2:] == ("M2 ↓ (%)",) and "were worth" not in text
    assert "One seed: no interval, no verdict (?)." in text


def test_collapse_is_named(tmp_path: Path) -> None:
    def collapsed(method: str, place: int, labels: int, seed: int) -> float:
        return (
            0.8865
            if (method, place, labels) == ("m2", 1, 100) and seed
            else invented_error(method, place, labels, seed)
        )

    _, text = section(write_few_labels(tmp_path, error=collapsed))
    assert (
        "Collapse (M2), every test image read alike or at most 12.5 % of them read right: cnn3 with 100 labels (seeds "
        "1 and 2)." in text
    )
    assert (
        "Live dimensions of the VAE's code, of 20 (their posterior mean has a standard deviation above 0.1 over the "
        "test images), mean over seeds: cnn2 19.0 and cnn3 7.0." in text
    )
    assert "Partial collapse, fewer than half alive: cnn3." in text
    _, sound = section(write_few_labels(tmp_path / "sound", ["cnn2"]))
    assert "ollapse" not in sound
    one_label = {"m1m2_classes_l100": 1.0, "m1m2_dimensions_l100": 0.0}
    _, text = section(write_few_labels(tmp_path / "m1m2", ["cnn2"], tasks=("vae",), labels=(100,), metrics=one_label))
    assert (
        "Collapse (M1+M2), every test image read alike" in text and ": cnn2 with 100 labels (seeds 0, 1 and 2)." in text
    )
    assert "training images), mean over seeds: cnn2 0.0. Collapse of the code, no dimension alive: cnn2." in text


def test_what_choices_saw_is_said(tmp_path: Path) -> None:
    _, text = section(write_few_labels(tmp_path))
    assert "No run was stopped early or chosen by its result" in text
    assert "warm-up were chosen by the validation ELBO of VAEs alone, which sees no label." in text
    assert (
        "In M2 the labelled images' mean cross-entropy weighs 0.1 beside the mean bound per image, as in the authors' "
        "code." in text
    )
    other = {"lr": 1e-3, "classification_weight": 5.0}
    _, text = section(write_few_labels(tmp_path / "other", tasks=("m2",), settings=other))
    assert "How the learning rate (0.001) was chosen is not recorded." in text
    assert "weighs 5 beside the mean bound per image, where the authors' code has 0.1; how it was chosen is" in text


def test_choices_of_m1m2_saw_labels_of_validation_images_and_those_of_m2_none(tmp_path: Path) -> None:
    nothing, chosen = (
        "labels of validation images decided nothing here",
        "the 5,000 validation images of MNIST's seed 0",
    )
    _, both = section(write_few_labels(tmp_path))
    _, plain = section(write_few_labels(tmp_path / "plain", tasks=("m2", "reader")))
    assert chosen in both and nothing not in both
    assert nothing in plain and chosen not in plain


def test_records_from_before_the_weight_was_a_setting_are_said_to_be_so(tmp_path: Path) -> None:
    folder = write_few_labels(tmp_path, tasks=("m2",), labels=(100,), settings={"classification_weight": None})
    page = reports.build(reports.load(folder)).read_text(encoding="utf-8")
    assert "0.1 × labels, before it was a setting" in page
    new = write_few_labels(tmp_path / "new", tasks=("m2",), labels=(100,))
    page = reports.build(reports.load(new)).read_text(encoding="utf-8")
    assert "0.1 × labels" not in page
    (row,) = (line for line in page.splitlines() if line.startswith("| classification weight"))
    assert row.split("|")[2].strip() == "0.1"


def rendered(folder: Path) -> Path:
    reports.build(reports.load(folder))
    return folder


def test_two_reports_are_compared_number_by_number(tmp_path: Path) -> None:
    def worse(method: str, place: int, labels: int, seed: int) -> float:
        return invented_error(method, place, labels, seed) + (0.5 if labels == 600 else 0.0)

    one = rendered(write_few_labels(tmp_path / "one", tasks=("m2",), labels=(100,)))
    several = rendered(write_few_labels(tmp_path / "several", tasks=("m2",), labels=(600, 100), error=worse))
    found = compare(one, several)
    assert {(change.arch, change.task, change.verdict) for change in found.quality} == {
        (arch, "m2-100", "same runs") for arch in ("cnn2", "cnn3")
    }
    assert set(found.added) == {("cnn2", "m2-600"), ("cnn3", "m2-600")} and found.label("m2-600") == "M2 (600 labels)"
    assert {(one.task) for one in compare(several, one).vanished} == {"m2-600"}


def test_errors_of_a_frame_are_those_of_the_runs(tmp_path: Path) -> None:
    experiment = reports.load(write_few_labels(tmp_path, ["cnn2"], tasks=("reader",), labels=(100, 3000)))
    assert isinstance(experiment.runs, pd.DataFrame)
    from reports.findings.few_labels import few_labels as found_in
    from reports.findings.few_labels import in_frame

    few = found_in(experiment)
    assert few is not None and few.numbers == [100, 3000] and few.versus == {} and few.worth == {}
    frame = in_frame(few)
    means = [np.mean([invented_error("reader", 0, count, seed) for seed in range(3)]) for count in (100, 3000)]
    assert frame["mean"].tolist() == pytest.approx(means)


def test_the_figure_has_a_colour_per_architecture_and_a_style_per_method() -> None:
    rows = [
        [method, labels, arch, mean, mean - 1, mean + 1, 3]
        for method, mean in (("Reader alone", 20.0), ("M2", 10.0))
        for labels in (100, 600)
        for arch in ("cnn2", "cnn3")
    ]
    errors = pd.DataFrame(rows, columns=["method", "labels", "arch", "mean", "low", "high", "n"])
    colours = {"cnn2": (0.0, 0.0, 1.0), "cnn3": (1.0, 0.5, 0.0)}
    published = {"M2": {100: (11.97, 1.71), 600: (4.94, 0.13)}}
    figure = draw(errors, published, ["Reader alone", "M2"], ["cnn2", "cnn3"], colours)
    (axis,) = figure.axes
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    drawn = [line for line in axis.lines if len(line.get_xdata()) == 2 and line.get_linestyle() != "None"]
    assert {(line.get_color(), line.get_linestyle()) for line in drawn} == {
        (colour, style) for colour in colours.values() for style in ("-", "--")
    }
    low, high = axis.get_ylim()
    assert low < 4.94 and high > 20
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["cnn2", "cnn3", "Reader alone", "M2", "M2, published"]
