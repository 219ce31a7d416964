"""The maths of the latent-variable model against torch.distributions and closed forms."""

from __future__ import annotations

import hashlib
import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from bench.models.gaussian import gaussian_kl, sample
from bench.models.latent import build_latent_model
from bench.models.likelihood import evaluation_targets, log_likelihood, targets
from bench.models.streams import generator, stream_seed
from bench.tasks import get
from tests.conftest import arch_of


def test_kl_agrees_with_torch_distributions() -> None:
    mean, log_variance = torch.randn(4, 6, generator=generator(0, "a")), torch.randn(4, 6, generator=generator(0, "b"))
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)


def test_a_sample_lies_so_many_deviations_from_the_mean_as_its_noise_says() -> None:
    torch.manual_seed(0)
    mean, log_variance, noise = torch.randn(3, 5, 4).double()
    expected = Normal(mean, (0.5 * log_variance).exp()).icdf(Normal(0.0, 1.0).cdf(noise))
    torch.testing.assert_close(sample(mean, log_variance, noise), expected)


def test_log_likelihood_agrees_with_torch_distributions_and_sums_over_pixels() -> None:
    logits = torch.randn(3, 1, 28, 28, generator=generator(0, "a")) * 5
    x = torch.rand(3, 1, 28, 28, generator=generator(0, "b")).round()
    expected = Bernoulli(logits=logits).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(log_likelihood(logits, x), expected)


def test_even_odds_cost_784_ln_2() -> None:
    assert float(log_likelihood(torch.zeros(1, 1, 28, 28), torch.ones(1, 1, 28, 28))) == pytest.approx(
        -784 * math.log(2)
    )


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_elbo_of_a_model_with_zeroed_outputs_has_its_closed_form(name: str) -> None:
    """Zero heads make q(z|x) the prior (KL 0); zero last-layer weights make every pixel a fair coin."""
    task = get(name)
    model = task.build(arch_of("cnn2"), 20, 0)
    for module in (model.head.mean, model.head.log_variance, list(model.decoder.children())[-1]):
        torch.nn.init.zeros_(module.weight)
        torch.nn.init.zeros_(module.bias)
    x = torch.rand(5, 1, 28, 28, generator=generator(0, "x")).round()
    scores = task.score(model, x, torch.arange(5), generator(0, "z"))
    torch.testing.assert_close(scores["elbo"], torch.full((5,), -784 * math.log(2)))
    torch.testing.assert_close(scores["kl"], torch.zeros(5))
    if name == "cvae":
        torch.testing.assert_close(scores["elbo_joint"], scores["elbo"] - math.log(10))


def test_elbo_is_reconstruction_and_kl() -> None:
    task = get("vae")
    model = task.build(arch_of("cnn3"), 20, 0)
    x = torch.rand(5, 1, 28, 28, generator=generator(0, "x")).round()
    scores = task.score(model, x, torch.arange(5), generator(0, "z"))
    torch.testing.assert_close(scores["elbo"], -(scores["reconstruction"] + scores["kl"]))


def test_a_cvae_sees_the_label_on_both_sides() -> None:
    model = build_latent_model(arch_of("cnn3"), 20, 0, classes=10).eval()
    x = torch.rand(1, 1, 28, 28, generator=generator(0, "x")).round()
    zero, one = torch.tensor([0]), torch.tensor([1])
    assert not torch.equal(model.encode(x, zero)[0], model.encode(x, one)[0])
    z = torch.zeros(1, 20)
    assert not torch.equal(model.decode(z, zero), model.decode(z, one))


def test_logits_can_fall_below_zero() -> None:
    """The reference applied a ReLU to its last layer, so that no pixel could fall below one half."""
    for name in ("cnn2", "cnn2-k4", "cnn3", "mlp"):
        model = build_latent_model(arch_of(name), 20, 0)
        last = [module for module in model.decoder.modules() if getattr(module, "bias", None) is not None][-1]
        torch.nn.init.constant_(last.bias, -100.0)  # type: ignore[arg-type]
        assert model.decode(torch.randn(20, 20), torch.zeros(20, dtype=torch.long)).max() < -50, name


def test_dynamic_targets_have_the_grey_level_as_their_mean() -> None:
    grey = torch.tensor([0, 51, 128, 255], dtype=torch.uint8).repeat(50_000, 1).view(-1, 2, 2)
    found = targets(grey, "dynamic", generator(0, "coins")).view(-1, 4).mean(0)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.2, 128 / 255, 1.0]), atol=0.01, rtol=0)


def test_protocols() -> None:
    grey = torch.tensor([[[0, 127], [128, 255]]], dtype=torch.uint8)
    coins = generator(0, "coins")
    assert targets(grey, "static", coins).flatten().tolist() == [0, 0, 1, 1]
    torch.testing.assert_close(targets(grey, "grey", coins).flatten(), torch.tensor([0, 127 / 255, 128 / 255, 1]))


def test_test_targets_are_the_same_each_time_and_training_targets_are_not() -> None:
    images = torch.full((4, 28, 28), 100, dtype=torch.uint8)
    assert torch.equal(evaluation_targets(images, "dynamic", "test"), evaluation_targets(images, "dynamic", "test"))
    assert not torch.equal(
        evaluation_targets(images, "dynamic", "test"), evaluation_targets(images, "dynamic", "validation")
    )
    coins = generator(0, "binarise")
    assert not torch.equal(targets(images, "dynamic", coins), targets(images, "dynamic", coins))


def test_streams_are_named_and_stable() -> None:
    """The last line pins the definition: changing it would silently change every seed's meaning."""
    assert len({stream_seed(seed, name) for seed in range(50) for name in ("order", "latent", "binarise")}) == 150
    assert stream_seed(3, "latent") == int(hashlib.sha256(b"latent/3").hexdigest()[:16], 16) // 2
