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
    experiment = loaded(tmp_path, metrics={"iwae_k64_n500": -100.0, "iwae_gain_k64_n500": 5.0})
    assert sanity_warnings(experiment) == []
    assert [list(collapse(experiment, task)) for task in experiment.tasks] == [[]] * len(experiment.tasks)


@pytest.mark.parametrize(
    "metrics, words",
    [
        ({"elbo": -77.0}, "cnn2 vae seed 0: a negative log-likelihood of 77.0 nats is below 78"),
        ({"iwae_k64_n500": -70.0}, "cnn2 vae seed 0: a negative log-likelihood of 70.0 nats is below 78"),
        ({"elbo_marginal": -77.5}, "cnn2 cvae seed 0: a negative log-likelihood of 77.5 nats is below 78"),
        (
            {"iwae_gain_k64_n100": -0.0002},
            "its importance-weighted bound lies 0.000200 nats below the ELBO of the same samples, which can't be",
        ),
        ({"elbo": -600.0}, "cnn2 vae: after training its ELBO is below the −543 nats of even odds for every pixel in"),
        (
            {"untrained_elbo": -0.69},
            "cnn2 vae: before training its ELBO is −1 nats (seed 0), more than 25% off the −543 of even odds",
        ),
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


def old_gap(images: int, gap: float, spread: float) -> dict[str, dict[str, object]]:
    """An old evaluation of the first `images` of 10,000 images: bounds that lie `gap` ± `spread` above the ELBO."""
    rng = np.random.default_rng(0)
    elbo, noise = rng.normal(-100, 25, 10_000), rng.normal(0, 1, images)
    noise = gap + spread * (noise - noise.mean()) / noise.std()
    bound = elbo[np.arange(images) * 10_000 // images] + noise
    arrays = {"test_elbo": elbo.astype(np.float32), f"test_iwae_k8_n{images}": bound.astype(np.float32)}
    return {"metrics": {f"iwae_gap_k8_n{images}": gap}, "arrays_too": arrays}


@pytest.mark.parametrize("images, gap, warned", [(10_000, -0.2, True), (100, -0.2, False), (100, -2.0, True)])
def test_an_old_gap_is_wrong_only_if_the_luck_of_its_samples_can_t_explain_it(
    tmp_path: Path, images: int, gap: float, warned: bool
) -> None:
    """With a spread of 4 nats the standard error is 0.04 over 10,000 images, and 0.4 over 100."""
    found = sanity_warnings(loaded(tmp_path, **old_gap(images, gap, 4.0)))
    error = 4.0 / math.sqrt(images)
    words = f"nats below its ELBO of one sample per image, more than 4 times the standard error of {error:.2g}"
    assert any(words in text for text in found) == warned
    assert bool(found) == warned


def test_an_old_gap_without_its_images_is_no_proof_and_says_what_it_is(tmp_path: Path) -> None:
    experiment = loaded(tmp_path, metrics={"iwae_k8_n100": -100.0, "iwae_gap_k8_n100": -3.0})
    assert sanity_warnings(experiment) == []
    page = reports.build(experiment).read_text(encoding="utf-8")
    assert (
        "IWAE-8 − one-sample ELBO (nats)" in page and "the ELBO of one other sample of each of 100 test images" in page
    )
    assert "its ELBO (nats)" not in page


def test_a_bound_of_few_images_may_be_of_easy_ones(tmp_path: Path) -> None:
    """On 100 images with a spread of 25 nats the standard error is 2.5: −76 may be luck, −60 is not."""
    values = {"test_iwae_k8_n100": (-76 + np.random.default_rng(0).normal(0, 25, 100)).astype(np.float32)}
    assert sanity_warnings(loaded(tmp_path / "a", metrics={"iwae_k8_n100": -76.0}, arrays_too=values)) == []
    values = {"test_iwae_k8_n100": (-60 + np.random.default_rng(0).normal(0, 25, 100)).astype(np.float32)}
    found = sanity_warnings(loaded(tmp_path / "b", metrics={"iwae_k8_n100": -60.0}, arrays_too=values))
    assert any("a negative log-likelihood of 60.0 nats is below 78" in text for text in found)


FLAT = {"active_units": 0.0, "kl_units": 14.0, "kl": 9.0, "aggregate_kl": 8.75, "sample_spread": 0.04}
"""A network whose posteriors lie in one place that is not the prior, and whose samples vary."""
PRIOR = {"active_units": 0.0, "kl_units": 0.0, "kl": 0.02, "aggregate_kl": 0.02, "sample_spread": 0.0004}
"""One whose posteriors are the prior, and whose decoder ignores z."""


def said(experiment: reports.Experiment, task: str = "vae") -> str:  # type: ignore[name-defined]
    return " ".join(collapse(experiment, task))


def test_a_network_without_active_units_is_not_said_to_draw_one_image_if_its_samples_vary(tmp_path: Path) -> None:
    experiment = loaded(tmp_path, metrics=FLAT)
    assert said(experiment) == (
        "Posterior means that hardly move (VAE): in cnn2 (KL 9.0 nats, at most 0.25 of it about the image) and cnn3 "
        "(KL 9.0 nats, at most 0.25 of it about the image) none has a variance over the test images above 0.01, though "
        "some latent dimensions have a mean KL above 0.05 nats. Samples do differ with z in cnn2 (0.040) and cnn3 "
        "(0.040); in parentheses the standard deviation of a pixel's probability over z of the prior, mean over pixels."
    )
    assert "Samples of a label do differ with z in" in said(experiment, "cvae")
    page = reports.build(experiment).read_text(encoding="utf-8")
    assert "the same image" not in page and "| spread of samples " in page


def test_posterior_collapse_is_called_by_its_name_with_both_thresholds(tmp_path: Path) -> None:
    experiment = loaded(tmp_path, metrics=PRIOR)
    assert said(experiment) == (
        "Posterior collapse (VAE): no latent dimension of cnn2 and cnn3 has a posterior mean whose variance over the "
        "test images is above 0.01, and none a mean KL above 0.05 nats. Whatever z is, nearly the same image is drawn "
        "by cnn2 (0.00040) and cnn3 (0.00040); in parentheses the standard deviation of a pixel's probability over z "
        "of the prior, mean over pixels."
    )
    assert "nearly the same image of a label is drawn by" in said(experiment, "cvae")


def test_collapse_is_counted_by_runs(tmp_path: Path) -> None:
    """One run of three: a mean of 12.7 active units would hide it."""
    experiment = loaded(tmp_path, metrics_of=lambda arch, seed: PRIOR if (arch, seed) == ("cnn3", 1) else {})
    assert "no latent dimension of cnn3 (1 of 3 runs) has a posterior mean" in said(experiment)
    assert "by cnn3 (0.00040);" in said(experiment)
    mixed = loaded(tmp_path / "mixed", metrics_of=lambda arch, seed: PRIOR if seed else FLAT)
    text = said(mixed)
    assert "no latent dimension of cnn2 (2 of 3 runs) and cnn3 (2 of 3 runs) has" in text
    assert "in cnn2 (1 of 3 runs, KL 9.0 nats, at most 0.25 of it about the image) and cnn3" in text
    assert text.count("(0.014)") == 2, "the mean of all three runs: 0.04 and twice 0.0004"


@pytest.mark.parametrize(
    "variance, kl, words",
    [
        ((12, 8, 19), (8, 8, 12), "in cnn2 and cnn3 (2 of 3 runs, 10.0 by variance, 8.0 by KL)."),
        ((4, 4, 4), (20, 20, 20), "cnn3 (4.0 by variance, 20.0 by KL)."),
        ((10, 10, 10), (10, 10, 10), ""),
    ],
)
def test_partial_collapse_is_found_by_either_count(
    tmp_path: Path, variance: tuple[int, ...], kl: tuple[int, ...], words: str
) -> None:
    experiment = loaded(
        tmp_path, metrics_of=lambda arch, seed: {"active_units": float(variance[seed]), "kl_units": float(kl[seed])}
    )
    text = said(experiment)
    assert bool(text) == bool(words)
    if words:
        start = (
            "Partial posterior collapse (VAE): by one count or both, fewer than half of the 20 latent dimensions are"
        )
        assert text.startswith(start)
        assert words.removeprefix("in cnn2 and ") in text
        assert "over the test images is above 0.01; by KL: its mean is above 0.05 nats." in text


def test_older_records_are_counted_by_the_kl_that_they_keep(tmp_path: Path) -> None:
    """They have no count by KL and no spread: the first is made of their arrays, the second is not recorded."""
    kl = np.array([3.0, 0.051, 0.049, *[0.0] * 17])
    lacking = ("kl_units", "sample_spread")
    old = loaded(tmp_path, lacking=lacking, arrays_too={"kl_per_dim": kl}, metrics={"active_units": 0.0})
    assert (old.runs.loc[old.runs["task"] == "vae", "kl_units"] == 2).all()
    assert "Whether samples differ with z was not recorded for cnn2 and cnn3." in said(old)
    page = reports.build(old).read_text(encoding="utf-8")
    assert "Not recorded: spread of samples." in page
    assert "| active units by KL (of 20) " in page and "| spread of samples " not in page
    none = loaded(tmp_path / "none", lacking=(*lacking, "kl_per_dim"), metrics={"active_units": 0.0})
    assert "is above 0.01 (KL per dimension: not recorded)." in said(none)
    assert "active units by KL" not in reports.build(none).read_text(encoding="utf-8")


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
    _, text, found = few_labels(context)
    settings = [block for block in reproduce.blocks(context) if isinstance(block, Table)]
    assert ("labels", "100") in settings[0].rows and "deterministic" not in dict(settings[0].rows)
    assert "Published for 100 labels: 11.97 %" in text.markdown and "± is the standard deviation" in text.markdown
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
