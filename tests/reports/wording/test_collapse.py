"""What the page says of a latent code that is not used: by which count, in how many runs, and what samples do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import reports
from reports.wording.collapse import collapse
from tests.reports.test_reports_generative import loaded

pytestmark = pytest.mark.usefixtures("unmade")


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
