"""What the page says of generative quality: collapse by its name, numbers that can't be, what was not computed."""

from __future__ import annotations

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
from reports.sections.generative import few_labels
from reports.sections.generative.elbo import table
from reports.wording.generative import decomposition
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")


def loaded(folder: Path, **options: object) -> reports.Experiment:  # type: ignore[name-defined]
    return reports.load(write_experiment(folder, tasks=("vae", "cvae"), **options))  # type: ignore[arg-type]


def test_the_gap_is_split_into_reconstruction_and_kl(tmp_path: Path) -> None:
    experiment = loaded(tmp_path, gap=30.0, spread=0.0)
    # the invented runs have a KL of 24 whatever they do: all of the gap is reconstruction
    assert decomposition(experiment, "vae") == (
        "The ELBO of cnn2 less that of cnn3, +30.0 nats, is +30.0 of reconstruction and +0.0 of KL (means over "
        "3 seeds)."
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
    for kind, label in (("gain", "IWAE-5,000 − its ELBO"), ("gap", "IWAE-5,000 − one-sample ELBO")):
        gap = metric(f"iwae_{kind}_k5000_n1000")
        assert gap is not None and gap.higher_is_better is None and gap.label == label
    same = metric("iwae_elbo_k5000_n1000")
    assert same is not None and same.label == "ELBO, 5,000 samples (n = 1,000)" and same.higher_is_better
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
    _, text, found, read, *_ = few_labels.blocks(context)
    settings = [block for block in reproduce.blocks(context) if isinstance(block, Table)]
    assert ("labels", "100") in settings[0].rows and "deterministic" not in dict(settings[0].rows)
    assert "Published: Kingma et al. 2014, table 1" in text.markdown and "± is the standard dev" in read.markdown
    assert found.rows == (("100", "cnn2", "9.00 ± 1.41"), ("100", "published", "11.97 ± 1.71"))


def test_a_sheet_keeps_its_rows_and_columns() -> None:
    images = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1)
    assert pictures.tiled(images, gap=0).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert pictures.tiled(images).shape == (2 * (1 + pictures.GAP), 3 * (1 + pictures.GAP))


def test_a_confusion_figure_names_its_accuracy() -> None:
    counts = np.full((10, 10), 1) + 90 * np.eye(10, dtype=int)
    figure = confusion.draw({"cnn2": counts})
    assert figure.axes[0].get_title(loc="left") == "cnn2: 91.00 % right"
    assert {text.get_text() for text in figure.axes[0].texts} == {"1.0"}
