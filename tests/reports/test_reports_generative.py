"""What the page says of generative quality: collapse by its name, numbers that can't be, what was not computed."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

import reports
from bench.spec.metrics import metric, metric_columns
from bench.store.store import Record, Store
from reports.figures import confusion, pictures
from reports.markup.blocks import Table
from reports.sections import reproduce
from reports.sections.generative import few_labels, table
from reports.wording.generative import collapse, decomposition
from reports.wording.sanity_warnings import sanity_warnings
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("undrawn")


def loaded(folder: Path, **options: object) -> reports.Experiment:  # type: ignore[name-defined]
    return reports.load(write_experiment(folder, tasks=("vae", "cvae"), **options))  # type: ignore[arg-type]


def test_nothing_is_wrong_with_an_ordinary_result(tmp_path: Path) -> None:
    experiment = loaded(tmp_path, metrics={"iwae_k64_n10000": -100.0, "iwae_gap_k64_n10000": 5.0})
    assert sanity_warnings(experiment) == []
    assert [list(collapse(experiment, task)) for task in experiment.tasks] == [[]] * len(experiment.tasks)


@pytest.mark.parametrize(
    "metrics, words",
    [
        ({"elbo": -77.0}, "cnn2 vae seed 0: a negative log-likelihood of 77.0 nats is below 78"),
        ({"iwae_k64_n10000": -70.0}, "cnn2 vae seed 0: a negative log-likelihood of 70.0 nats is below 78"),
        ({"elbo_marginal": -77.5}, "cnn2 cvae seed 0: a negative log-likelihood of 77.5 nats is below 78"),
        ({"iwae_gap_k64_n10000": -0.2}, "its importance-weighted bound lies 0.20 nats below its ELBO"),
        ({"elbo": -600.0}, "cnn2 vae: after training its ELBO is below the −543 nats of even odds for every pixel in"),
        ({"untrained_elbo": -0.69}, "cnn2 vae: before training its ELBO is −1 nats, far from the −543 of even odds"),
    ],
)
def test_what_can_t_be_is_said_at_the_top(tmp_path: Path, metrics: dict[str, float], words: str) -> None:
    experiment = loaded(tmp_path, metrics=metrics)
    assert any(words in text for text in sanity_warnings(experiment))
    page = reports.build(experiment).read_text(encoding="utf-8")
    assert page.index(words) < page.index("| architecture")


def test_a_bound_given_the_label_is_judged_with_the_label_s_cost(tmp_path: Path) -> None:
    """−77 nats of log p(x|y) are −79.3 of log p(x, y): possible."""
    experiment = loaded(tmp_path, metrics={"elbo": -77.0, "elbo_joint": -77.0 - math.log(10)})
    assert not [text for text in sanity_warnings(experiment) if "cvae" in text]


def test_grey_pixels_are_not_held_to_the_binarised_record(tmp_path: Path) -> None:
    assert sanity_warnings(loaded(tmp_path, metrics={"elbo": -60.0}, likelihood="grey")) == []


@pytest.mark.parametrize(
    "active, words",
    [
        (0.0, "Posterior collapse (VAE): cnn2 and cnn3 use no latent dimension"),
        (
            4.0,
            "Partial posterior collapse (VAE): fewer than half of the latent dimensions are active in cnn2 (4.0 of 20)",
        ),
    ],
)
def test_posterior_collapse_is_called_by_its_name(tmp_path: Path, active: float, words: str) -> None:
    experiment = loaded(tmp_path, metrics={"active_units": active})
    assert any(words in text for text in collapse(experiment, "vae"))
    assert words.split(" (")[0] in reports.build(experiment).read_text(encoding="utf-8")


def test_the_gap_is_split_into_reconstruction_and_kl(tmp_path: Path) -> None:
    experiment = loaded(tmp_path, gap=30.0, spread=0.0)
    # the invented runs have a KL of 24 whatever they do: all of the gap is reconstruction
    assert decomposition(experiment, "vae") == (
        "The 30.0 nats between cnn2 and cnn3 are +30.0 of reconstruction and +0.0 of KL."
    )


def test_two_architectures_are_compared_in_every_metric_with_an_interval(tmp_path: Path) -> None:
    experiment = loaded(tmp_path, gap=30.0, spread=0.1)
    found = table(experiment, "vae")
    assert found.headers == ("", "cnn2", "cnn3", "cnn3 − cnn2", "what it is")
    rows = {row[0]: row[3] for row in found.rows}
    assert re.fullmatch(r"−(29|30)\.\d \[−30\.\d, −29\.\d\]", rows["ELBO ↑ (nats)"])
    assert rows["active units (of 20)"] == "+0.0 [0.0, 0.0]"
    one = reports.load(write_experiment(tmp_path / "one", tasks=("vae",), seeds=1))
    assert table(one, "vae").headers == ("", "cnn2", "cnn3", "what it is")


def test_what_was_not_computed_is_named(tmp_path: Path) -> None:
    page = reports.build(loaded(tmp_path)).read_text(encoding="utf-8")
    assert "Not computed: importance-weighted bound and linear probe. --evaluate full adds them." in page
    assert "Not computed: importance-weighted bound, marginal bound, Bayes accuracy and sample accuracy." in page


def test_a_grey_marginal_is_not_shown_as_a_bound(tmp_path: Path) -> None:
    experiment = loaded(tmp_path, likelihood="grey", metrics={"elbo_marginal": -90.0})
    assert not any("marginal" in row[0] for row in table(experiment, "cvae").rows)


def test_many_architectures_have_a_row_each(tmp_path: Path) -> None:
    experiment = reports.load(write_experiment(tmp_path, 6, tasks=("vae",), seeds=2))
    found = table(experiment, "vae")
    assert len(found.rows) == 6
    assert "*active units*: latent dimensions whose" in reports.build(experiment).read_text(encoding="utf-8")


def test_a_bound_s_column_carries_its_samples_and_images() -> None:
    found = metric("iwae_k5000_n1000")
    assert found is not None and found.label == "IWAE-5,000 (n = 1,000)" and found.higher_is_better
    gap = metric("iwae_gap_k5000_n1000")
    assert gap is not None and gap.higher_is_better is None
    assert metric("iwae_k5000") is None
    assert metric_columns(["iwae_k64_n10", "seed", "iwae_k8_n10", "kl", "elbo"]) == [
        "elbo",
        "kl",
        "iwae_k8_n10",
        "iwae_k64_n10",
    ]


def test_few_labels_stand_beside_the_published_number(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, ["cnn2"], tasks=("classifier",), seeds=2)
    store = Store(tmp_path / "runs")
    import dataclasses
    import json

    from bench.spec.run import RunSpec
    from reports.figures.canvas import FigureWriter
    from reports.sections.context import Context

    ids = []
    for seed, accuracy in ((0, 0.90), (1, 0.92)):
        old = store.records()[0].spec
        spec = RunSpec(**{**old, "task": "m2", "seed": seed, "labels": 100, "likelihood": "dynamic", "latent_dim": 20})
        ids.append(spec.run_id)
        store.write(Record(spec.run_id, dataclasses.asdict(spec), "finished", metrics={"accuracy": accuracy}))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"run_ids": ids, "tasks": ["m2"]}))
    context = Context(reports.load(folder), FigureWriter(folder))
    _, text, found = few_labels(context)
    settings = [block for block in reproduce.blocks(context) if isinstance(block, Table)]
    assert ("labels", "100") in settings[0].rows and "deterministic" not in dict(settings[0].rows)
    assert "Published for 100 labels: 11.97 %" in text.markdown
    assert found.rows == (("cnn2", "9.00 ± 1.41"),)


def test_a_sheet_keeps_its_rows_and_columns() -> None:
    images = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1)
    assert pictures.tiled(images, gap=0).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert pictures.tiled(images).shape == (2 * (1 + pictures.GAP), 3 * (1 + pictures.GAP))


def test_a_confusion_figure_names_its_accuracy() -> None:
    counts = np.full((10, 10), 1) + 90 * np.eye(10, dtype=int)
    figure = confusion.draw({"cnn2": counts})
    assert figure.axes[0].get_title(loc="left") == "cnn2: 91.00 % right"
    assert {text.get_text() for text in figure.axes[0].texts} == {"1.0"}
