"""The parts of an evaluation on models made by hand, whose answers are known."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, kl_divergence

from bench.evaluation import Subject, pictures
from bench.evaluation.parts import bayes, iwae, probe, samples
from bench.evaluation.posterior import describe
from bench.evaluation.sample_spread import sample_spread
from bench.models.likelihood import log_likelihood
from bench.models.streams import generator
from bench.spec.metrics import SPREAD_SAMPLES, bound_images
from bench.spec.run import RunSpec
from bench.training.splits import Split

CERTAIN = 20.0  # logits of a pixel that is surely on or off


def templates() -> Tensor:
    """Ten images [10, 28, 28] in {0, 1}: a bar of its own for each label."""
    images = torch.zeros(10, 28, 28)
    for label in range(10):
        images[label, 2 * label : 2 * label + 4] = 1
    return images


class Painter(nn.Module):
    """A CVAE by hand: q(z|x) is the prior and the image is its label's template, whatever z is."""

    classes = 10

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return x.new_zeros(len(labels), 2), x.new_zeros(len(labels), 2)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        return CERTAIN * (2 * templates()[labels][:, None] - 1)


class Reader(nn.Module):
    """Reads a template as its label, any but the last: that it takes for a 0."""

    def forward(self, x: Tensor) -> Tensor:
        scores = (x.flatten(1) @ templates().flatten(1).T).clone()
        last = scores.argmax(1) == 9
        scores[last, 0] = 1e6
        return scores


def run_spec(task: str = "cvae", latent_dim: int = 2) -> RunSpec:
    return RunSpec("cnn2", "f", task, "digits", "d", "static", 0, 1, 8, 1e-3, latent_dim, None, "cpu", 1)


def subject(model: Any, **changes: Any) -> Subject:
    labels = torch.arange(40) % 10
    data = Split((templates()[labels] * 255).to(torch.uint8), labels)
    base: dict[str, Any] = {
        "run": run_spec(), "model": model, "train": data, "validation": data, "test": data,
        "device": torch.device("cpu"), "settings": {}, "others": (), "report": lambda share: None,
    }  # fmt: skip
    return Subject(**(base | changes))


def test_a_cvae_that_knows_its_labels_is_a_perfect_bayes_classifier() -> None:
    metrics, arrays = bayes.run(subject(Painter()))
    assert metrics["bayes_accuracy"] == 1
    assert np.array_equal(arrays["bayes_confusion"], 4 * np.eye(10))
    exact = -784 * math.log1p(math.exp(-CERTAIN))  # log p(x | its label); all other labels are impossible
    assert metrics["elbo_marginal"] == pytest.approx(exact - math.log(10), abs=1e-4)


def test_labels_that_look_alike_share_their_probability() -> None:
    """If every label draws the same image, log (1/10) Σ_y p(x|y) is log p(x|y): naming the label costs nothing."""

    class Same(Painter):
        def decode(self, z: Tensor, labels: Tensor) -> Tensor:
            return super().decode(z, torch.zeros_like(labels))

    same = subject(Same())
    metrics, _ = bayes.run(same)
    x = templates()[same.test.labels][:, None]
    expected = log_likelihood(Same().decode(torch.zeros(40, 2), same.test.labels), x).mean()
    assert metrics["elbo_marginal"] == pytest.approx(float(expected), rel=1e-5)
    assert metrics["bayes_accuracy"] == pytest.approx(0.1)


def test_samples_are_counted_by_what_the_judge_reads() -> None:
    metrics, arrays = samples.run(subject(Painter(), others=(Reader(),)))
    assert metrics["sample_accuracy"] == pytest.approx(0.9)  # nine labels of ten
    assert metrics["judge_accuracy"] == pytest.approx(0.9)
    assert arrays["sample_confusion"][9, 0] == samples.PER_LABEL
    assert arrays["sample_confusion"].sum() == 10 * samples.PER_LABEL


def test_the_judge_is_the_baseline_s_classifier_of_the_same_seed() -> None:
    cvae = run_spec()
    judges = [
        dataclasses.replace(run_spec("classifier"), arch=arch, seed=seed) for arch in ("a", "b") for seed in (0, 1)
    ]
    assert samples.others(cvae, [cvae, *judges], "b") == (judges[2].run_id,)
    assert samples.others(cvae, [cvae], "b") is None


def test_iwae_takes_images_from_the_whole_test_set_and_names_its_column() -> None:
    assert bound_images(4, 10) == [0, 2, 5, 7]
    metrics, arrays = iwae.run(subject(Painter(), settings={"samples": 3, "images": 8}))
    exact = -784 * math.log1p(math.exp(-CERTAIN))
    assert metrics["iwae_k3_n8"] == pytest.approx(exact, abs=1e-4)
    assert arrays["test_iwae_k3_n8"].shape == arrays["test_iwae_elbo_k3_n8"].shape == (8,)
    whole, _ = iwae.run(subject(Painter(), settings={"samples": 3, "images": None}))
    assert set(whole) == {"iwae_k3_n40", "iwae_elbo_k3_n40", "iwae_gain_k3_n40"}
    assert iwae.PART.protocol == 2, "what subtracted the ELBO of another sample is not taken for this"


class Linear(nn.Module):
    """Logits that grow with z₁, and a posterior that is the prior: every weight is p(x|z)."""

    classes = 0

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return x.new_zeros(len(x), 2), x.new_zeros(len(x), 2)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        return z[:, :1, None, None].expand(-1, 1, 28, 28) / 50


def test_the_elbo_beside_a_bound_is_of_the_same_samples_and_images() -> None:
    """By hand: each image's mean, and log-mean-exp, of the very log p(x|z) whose z come from the stream of the part."""
    found = subject(Linear(), run=run_spec("vae"), settings={"samples": 5, "images": 8})
    metrics, arrays = iwae.run(found)
    noise = torch.randn(5, 8, 2, generator=generator(0, "iwae"))
    x = templates()[found.test.labels[[0, 5, 10, 15, 20, 25, 30, 35]]].double()
    logits = noise[..., 0].double() / 50  # [5, 8], the same for all pixels of an image
    on = x.flatten(1).sum(1)
    weights = on * logits - 784 * torch.nn.functional.softplus(logits)
    bound, elbo = weights.logsumexp(0) - math.log(5), weights.mean(0)
    assert arrays["test_iwae_elbo_k5_n8"] == pytest.approx(elbo.numpy(), abs=1e-3)
    assert arrays["test_iwae_k5_n8"] == pytest.approx(bound.numpy(), abs=1e-3)
    assert metrics["iwae_elbo_k5_n8"] == pytest.approx(float(elbo.mean()), abs=1e-3)
    assert metrics["iwae_gain_k5_n8"] == pytest.approx(float((bound - elbo).mean()), abs=1e-3)
    assert metrics["iwae_gain_k5_n8"] > 1


def test_one_sample_gains_nothing_over_its_own_elbo() -> None:
    metrics, _ = iwae.run(subject(Linear(), run=run_spec("vae"), settings={"samples": 1, "images": None}))
    assert metrics["iwae_gain_k1_n40"] == 0


class Coder(nn.Module):
    """A code that names the label: [cos, sin] of its tenth of the circle."""

    classes = 0

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        angle = x.flatten(1).argmax(1) / (2 * 28) * 2 * math.pi / 10  # the first lit row names the template
        mean = torch.stack([angle.cos(), angle.sin()], 1)
        return mean, torch.zeros_like(mean)


def test_a_linear_probe_reads_a_code_that_lines_can_part() -> None:
    metrics, arrays = probe.run(subject(Coder(), run=run_spec("vae")))
    assert metrics["probe_accuracy"] == 1
    assert arrays["test_probe_correct"].all()


def test_a_probe_that_has_not_converged_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ITERATIONS", 1)
    with pytest.raises(RuntimeError, match="did not converge in 1 iterations"):
        probe.run(subject(Coder(), run=run_spec("vae")))


def test_posteriors_that_are_the_prior_use_no_unit() -> None:
    found = describe(torch.zeros(50, 3), torch.zeros(50, 3))
    assert found.active_units == 0
    assert found.aggregate_kl == pytest.approx(0, abs=1e-12)
    assert torch.equal(found.kl, torch.zeros(3, dtype=torch.float64))


def test_active_units_are_those_whose_mean_moves() -> None:
    mean = torch.zeros(4, 3)
    mean[:, 0] = torch.tensor([1.0, -1.0, 1.0, -1.0])  # variance 1
    mean[:, 1] = torch.tensor([0.1, -0.1, 0.1, -0.1]) * 0.999  # just below the threshold of 0.01
    found = describe(mean, torch.full((4, 3), -20.0))
    assert found.kl_units == 3, "each is far narrower than the prior"
    assert found.mean_variance.tolist() == pytest.approx([1, 0.00998, 0], rel=1e-3)
    assert found.active_units == 1


def test_aggregate_kl_is_that_of_a_gaussian_with_its_moments() -> None:
    mean = torch.randn(200, 4, generator=generator(0, "m")) @ torch.randn(4, 4, generator=generator(0, "r")) + 0.5
    log_variance = torch.randn(200, 4, generator=generator(0, "v"))
    m, v = mean.double(), log_variance.double().exp()
    covariance = torch.cov(m.T, correction=0) + torch.diag(v.mean(0))
    eye = torch.eye(4, dtype=torch.float64)
    expected = kl_divergence(
        MultivariateNormal(m.mean(0), covariance), MultivariateNormal(torch.zeros(4).double(), eye)
    )
    assert describe(mean, log_variance).aggregate_kl == pytest.approx(float(expected))


def test_active_units_by_kl_are_those_above_a_twentieth_of_a_nat() -> None:
    """½ m² of a unit variance: 0.0498 nats at m = ±0.3156 and 0.0502 at ±0.3169; the means vary by 0.1 both times."""
    mean = torch.tensor([[0.3156, 0.3169, 0.0], [-0.3156, -0.3169, 0.0]])
    found = describe(mean, torch.zeros(2, 3))
    assert found.kl.tolist() == pytest.approx([0.0498, 0.0502, 0], abs=1e-4)
    assert (found.kl_units, found.active_units) == (1, 2)


class Lamp(nn.Module):
    """Pixels as bright as z₁ in the left half, as z₂ in the right."""

    classes = 0

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        return z[:, :, None, None].repeat_interleave(14, 2).expand(-1, 2, 14, 28).transpose(1, 2).reshape(-1, 1, 28, 28)


def test_interpolations_begin_and_end_at_the_two_images() -> None:
    ends = torch.tensor([[0.0, 1.0], [3.0, -1.0], [2.0, 2.0], [0.0, 0.0]])
    found = pictures.interpolations(Lamp(), ends, torch.zeros(4, dtype=torch.long))
    assert found.shape == (2, pictures.STEPS, 28, 28)
    alone = pictures.decode(Lamp(), ends, torch.zeros(4, dtype=torch.long))
    assert np.array_equal(found[0, 0], alone[0])
    assert np.array_equal(found[0, -1], alone[1])
    assert np.array_equal(found[1, 0], alone[2])


def test_the_manifold_is_laid_out_like_the_plane() -> None:
    """Left to right z₁ rises, bottom to top z₂, in equal shares of the prior."""
    found = pictures.manifold(Lamp(), torch.device("cpu")).astype(int)
    first, second = found[:, :, 0, 0], found[:, :, 1, 0]  # rows of the image alternate between z₁ and z₂
    assert (np.diff(first, axis=1) > 0).all() and (np.diff(first, axis=0) == 0).all()
    assert (np.diff(second, axis=0) < 0).all() and (np.diff(second, axis=1) == 0).all()
    shares = (np.arange(pictures.MANIFOLD) + 0.5) / pictures.MANIFOLD
    quantiles = torch.special.ndtri(torch.tensor(shares))
    assert first[0].tolist() == (torch.sigmoid(quantiles) * 255).round().int().tolist()


CPU = torch.device("cpu")


def test_a_decoder_that_ignores_z_has_no_spread_at_all() -> None:
    assert sample_spread(Painter(), 2, seed=0, device=CPU) == 0, "labels differ, z does not matter"


def test_the_spread_of_samples_is_that_of_the_pixels_probabilities() -> None:
    """A quarter of the pixels have the logit 1.5 z, z ~ N(0, 1), whose spread a quadrature gives; the others stay."""

    class Quarter(Linear):
        def decode(self, z: Tensor, labels: Tensor) -> Tensor:
            moving = torch.zeros(28, 28)
            moving[:14, :14] = 1.5
            return z[:, :1, None, None] * moving

    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    values = 1 / (1 + np.exp(-1.5 * nodes))
    exact = math.sqrt(weights @ values**2 - (weights @ values) ** 2)
    found = sample_spread(Quarter(), 2, seed=0, device=CPU)
    assert found == pytest.approx(exact / 4, rel=4 / math.sqrt(2 * SPREAD_SAMPLES))
    z = torch.randn(SPREAD_SAMPLES, 2, generator=generator(0, "sample spread"))
    assert found == pytest.approx(float(torch.sigmoid(1.5 * z[:, 0].double()).numpy().std()) / 4, rel=1e-5)


def test_the_spread_of_a_model_given_labels_leaves_out_what_they_change() -> None:
    """Half of the labels draw one image each, the other half follow z: half the spread."""

    class Half(Linear):
        classes = 10

        def decode(self, z: Tensor, labels: Tensor) -> Tensor:
            follow = (labels < 5).float()[:, None, None, None]
            return labels[:, None, None, None] + follow * 40 * super().decode(z, labels)

    follows = [sample_spread(Shifted(label), 2, seed=3, device=CPU) for label in range(5)]
    assert sample_spread(Half(), 2, seed=3, device=CPU) == pytest.approx(sum(follows) / 10, rel=1e-5)


class Shifted(Linear):
    """Follows z around a logit of its own."""

    def __init__(self, shift: float):
        super().__init__()
        self.shift = shift

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.shift + 40 * super().decode(z, labels)
