"""Numbers that can't be right are said at the top of the page, and no others."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import reports
from reports.wording.collapse import collapse
from reports.wording.sanity_warnings import sanity_warnings
from tests.reports.test_reports_generative import loaded

pytestmark = pytest.mark.usefixtures("unmade")


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


@pytest.mark.parametrize(
    "conduct, words",
    [
        (
            {"same start": "encoder"},
            "its encoder starts from the same weights at every seed that was compared, as when",
        ),
        ({"not restored": ""}, "loaded from its stored weights it gives other outputs"),
        ({"no negative logit": ""}, "of all the images that it was tried on: its last layer should give logits"),
        ({"logits end at one": ""}, "of all the images that it was tried on: its last layer should give logits"),
        (
            {"never moved": "a.weight of 4"},
            "never moved a.weight of 4: no gradient reached it, as behind detach(), in a head",
        ),
        (
            {"unrepeatable": "", "not restored": ""},
            "or draws what no seed determines: its numbers may not be had again",
        ),
    ],
)
def test_a_remark_claims_no_more_than_was_tried(tmp_path: Path, conduct: dict[str, str], words: str) -> None:
    """And what no two calls agree on is not said to lack a part of its state."""
    found = sanity_warnings(loaded(tmp_path, environment={"conduct": conduct}))
    assert len(found) == 2 and all(words in text for text in found), "one for each architecture"


def test_even_odds_are_what_a_model_that_never_looks_has(tmp_path: Path) -> None:
    found = sanity_warnings(loaded(tmp_path, metrics_of=lambda arch, seed: {"elbo": -600.0} if seed == 1 else {}))
    assert any(
        "in 1 of its 3 finished runs (−600 at worst): a model that never looks at an image does better" in text
        for text in found
    )
