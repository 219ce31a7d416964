"""Bounds against a model whose likelihood is known exactly: linear-Gaussian (probabilistic PCA)."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from bench.evaluation.importance import Bounds, importance_bound
from bench.evaluation.parts import bayes, iwae
from bench.models.streams import generator
from bench.tasks import get
from tests.conftest import arch_of

PIXELS, LATENT, IMAGES = 12, 3, 40
NOISE_VARIANCE = 0.3
# orthogonal columns of lengths 2, 1 and 0.5: then the true posterior has a diagonal covariance
BASIS = torch.linalg.qr(torch.randn(PIXELS, LATENT, generator=generator(0, "basis"), dtype=torch.float64)).Q
WEIGHT = BASIS * torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)
COVARIANCE = WEIGHT @ WEIGHT.T + NOISE_VARIANCE * torch.eye(PIXELS, dtype=torch.float64)
IMAGE = WEIGHT @ torch.randn(LATENT, IMAGES, generator=generator(0, "z"), dtype=torch.float64)
IMAGE = (
    IMAGE + math.sqrt(NOISE_VARIANCE) * torch.randn(PIXELS, IMAGES, generator=generator(0, "e"), dtype=torch.float64)
).T
# by scipy: torch's MultivariateNormal loads its symbolic shapes, a second of whoever imports this file
LOG_P = torch.from_numpy(multivariate_normal(cov=COVARIANCE.numpy()).logpdf(IMAGE.numpy()))  # [IMAGES]

PRECISION = 1 + WEIGHT.square().sum(0) / NOISE_VARIANCE
TRUE_MEAN = IMAGE @ WEIGHT / NOISE_VARIANCE / PRECISION
TRUE_VARIANCE = (1 / PRECISION).expand(IMAGES, LATENT)


def log_likelihood(z: Tensor) -> Tensor:
    return Normal(z @ WEIGHT.T, math.sqrt(NOISE_VARIANCE)).log_prob(IMAGE).sum(-1)


def bounds(mean: Tensor, variance: Tensor, k: int, repeats: int, chunk: int = 64) -> tuple[Bounds, Bounds]:
    """Mean over repeats per image, and its Monte-Carlo standard error."""
    noise = generator(0, f"repeats/{k}")
    found = [importance_bound(mean, variance.log(), log_likelihood, k, noise, chunk) for _ in range(repeats)]
    stacked = [torch.stack(parts) for parts in zip(*found, strict=True)]
    return Bounds(*(part.mean(0) for part in stacked)), Bounds(*(part.std(0) / math.sqrt(repeats) for part in stacked))


@pytest.mark.parametrize("k", [1, 7])
def test_with_the_true_posterior_every_bound_is_the_likelihood_itself(k: int) -> None:
    """Then p(x, z) / q(z|x) = p(x) for every z: no Monte-Carlo error at all."""
    found = importance_bound(TRUE_MEAN, TRUE_VARIANCE.log(), log_likelihood, k, generator(0, "n"), chunk=3)
    torch.testing.assert_close(found.iwae, LOG_P, atol=1e-9, rtol=0)
    torch.testing.assert_close(found.elbo, LOG_P, atol=1e-9, rtol=0)


WRONG_MEAN, WRONG_VARIANCE = TRUE_MEAN + 0.15, TRUE_VARIANCE * 1.4


def test_the_elbo_falls_short_by_the_divergence_from_the_true_posterior() -> None:
    """ELBO = log p(x) − KL(q ‖ posterior), by torch.distributions."""
    found, error = bounds(WRONG_MEAN, WRONG_VARIANCE, k=50, repeats=40)
    gap = kl_divergence(Normal(WRONG_MEAN, WRONG_VARIANCE.sqrt()), Normal(TRUE_MEAN, TRUE_VARIANCE.sqrt())).sum(1)
    assert float(gap.mean()) > 0.3
    assert ((found.elbo - (LOG_P - gap)).abs() < 5 * error.elbo).all()


def test_it_converges_to_the_likelihood_within_its_monte_carlo_error() -> None:
    found, error = bounds(WRONG_MEAN, WRONG_VARIANCE, k=2_000, repeats=20)
    assert float(error.iwae.max()) < 0.01
    # the bias is −variance of one weight / 2k to first order: far below the error here
    assert ((found.iwae - LOG_P).abs() < 5 * error.iwae + 1e-3).all()


def test_the_bound_is_at_least_the_elbo_of_its_samples_for_each_image() -> None:
    """By Jensen's inequality, whatever the samples; 2 of them, so that the difference is small and of every size."""
    noise = generator(0, "jensen")
    gains = torch.cat(
        [
            (found := importance_bound(mean.float(), WRONG_VARIANCE.log().float(), float_likelihood, 2, noise, 1)).iwae
            - found.elbo
            for mean in (WRONG_MEAN, TRUE_MEAN, TRUE_MEAN + 3)
            for _ in range(50)
        ]
    )
    assert found.iwae.dtype == torch.float64
    assert float(gains.min()) >= 0 and 0 < float(gains.median()) < 0.5


def float_likelihood(z: Tensor) -> Tensor:
    return log_likelihood(z.double()).float()


def test_the_gain_is_that_of_the_linear_gaussian_model() -> None:
    """With many samples the bound is log p(x), so its gain over their ELBO is KL(q ‖ true posterior)."""
    found, error = bounds(WRONG_MEAN, WRONG_VARIANCE, k=2_000, repeats=20)
    gap = kl_divergence(Normal(WRONG_MEAN, WRONG_VARIANCE.sqrt()), Normal(TRUE_MEAN, TRUE_VARIANCE.sqrt())).sum(1)
    assert ((found.iwae - found.elbo - gap).abs() < 5 * (error.iwae + error.elbo) + 1e-3).all()


def test_it_rises_with_k_and_never_above_the_likelihood() -> None:
    means = [
        float(bounds(WRONG_MEAN, WRONG_VARIANCE, k, repeats=400 // k + 10)[0].iwae.mean()) for k in (1, 2, 5, 20, 100)
    ]
    assert means == sorted(means)
    assert means[-1] < float(LOG_P.mean()) + 0.01


def test_weights_far_below_the_smallest_number_are_summed_in_log_space() -> None:
    """Log-likelihoods of −10⁵, as 784 pixels can give, underflow as weights and must not as logarithms."""
    found = importance_bound(
        TRUE_MEAN, TRUE_VARIANCE.log(), lambda z: log_likelihood(z) - 1e5, 5, generator(0, "n"), chunk=2
    )
    torch.testing.assert_close(found.iwae, LOG_P - 1e5, atol=1e-6, rtol=0)


def test_chunks_weigh_every_sample_once() -> None:
    """A constant weight per sample, k not a multiple of the chunk: the mean of k equal weights is the weight."""
    zeros = torch.zeros(4, LATENT, dtype=torch.float64)
    noise = generator(0, "n")
    # with q equal to the prior the ratio is 1, and a constant likelihood leaves log p = that constant
    found = importance_bound(
        zeros, zeros, lambda z: torch.full(z.shape[:2], -3.0, dtype=torch.float64), 7, noise, chunk=3
    )
    torch.testing.assert_close(found.iwae, torch.full((4,), -3.0, dtype=torch.float64))
    torch.testing.assert_close(found.elbo, torch.full((4,), -3.0, dtype=torch.float64))


@pytest.mark.parametrize("name", ["cnn3", "mlp"])
def test_the_bounds_for_all_labels_are_those_for_each(name: str) -> None:
    """The encoder's first layer is computed once for the ten labels of an image, or the ten of them one by one."""
    model = get("cvae").new_model(arch_of(name), 3, 0).double().eval()
    x = torch.rand(4, 1, 28, 28, generator=generator(0, "x"), dtype=torch.double).round()
    subject: Any = SimpleNamespace(model=model, run=SimpleNamespace(seed=1), device=torch.device("cpu"))
    with torch.no_grad():
        found = bayes.class_bounds(subject, x, "some")
        for label in range(10):
            noise = generator(1, "some")
            expected = iwae.bound_of(model, x, torch.full((4,), label), bayes.SAMPLES, noise).iwae
            torch.testing.assert_close(found[:, label], expected, rtol=1e-12, atol=1e-12)
