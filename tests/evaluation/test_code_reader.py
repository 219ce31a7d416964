"""M2 on codes: the bound written out, labels summed out, one drawn of them, many models at once."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.func import functional_call, stack_module_state, vmap

from bench.evaluation.code_reader import LATENT, CodeReader, LabelledLinear, initialise, prior
from bench.models.streams import generator

SIZE, HIDDEN, IMAGES = 3, 4, 6


def reader_of(seed: int = 0) -> CodeReader:
    """Weights of all sizes, in float64."""
    model = CodeReader(SIZE, HIDDEN).double()
    draw = generator(seed, "weights")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.7 * torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    return model


def numbers(*shape: int, name: str = "x") -> Tensor:
    return torch.randn(shape, generator=generator(0, name), dtype=torch.float64)


def plain(layer: LabelledLinear, x: Tensor, labels: Tensor) -> Tensor:
    """A layer of the vector and the label's one-hot beside each other."""
    both = torch.cat([x, F.one_hot(labels, 10).to(x.dtype)], 1)
    return F.linear(both, torch.cat([layer.weight, layer.table.T], 1), layer.bias)


def written_out(model: CodeReader, x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
    """L(x, y) by torch's distributions, one label per image."""
    q_mean, q_log_variance = model.hidden_to_latent(F.softplus(plain(model.code_to_hidden, x, labels))).split(LATENT, 1)
    q = Normal(q_mean, (0.5 * q_log_variance).exp())
    z = q.mean + q.stddev * noise
    p_mean, p_log_variance = model.hidden_to_code(F.softplus(plain(model.latent_to_hidden, z, labels))).split(SIZE, 1)
    p = Normal(p_mean, (0.5 * p_log_variance).exp())
    return p.log_prob(x).sum(1) + math.log(0.1) - kl_divergence(q, Normal(0, torch.ones_like(q.mean))).sum(1)


def test_the_bound_is_the_sum_of_its_terms_for_every_label_at_once_and_for_one() -> None:
    model, x, noise = reader_of(), numbers(IMAGES, SIZE), numbers(IMAGES, LATENT, name="noise")
    every = model.bound(x, noise)
    assert every.shape == (10, IMAGES)
    for label in range(10):
        labels = torch.full((IMAGES,), label)
        expected = written_out(model, x, labels, noise)
        torch.testing.assert_close(every[label], expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(model.bound(x, noise, labels), expected, rtol=1e-12, atol=1e-12)


def loss_written_out(model: CodeReader, x: Tensor, known: Tensor, few: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    """Of 40 images: the sum over labels, the label that is known, the classification of the few, and the prior."""
    q = model.reader(x).softmax(1)
    total = torch.zeros((), dtype=torch.float64)
    for row, label in enumerate(known.tolist()):
        each = [written_out(model, x[[row]], torch.tensor([k]), noise[[row]])[0] for k in range(10)]
        summed = sum(q[row, k] * (each[k] - q[row, k].log()) for k in range(10))
        total = total + (summed if label < 0 else each[label])
    right = model.reader(few).softmax(1)[torch.arange(len(y)), y].log().mean()
    weights = sum((p.square().sum() for p in model.parameters() if p.ndim == 2), torch.zeros(()))
    return -total / len(x) - 0.1 * right + 0.5 * weights / 40


def test_the_loss_is_the_sum_over_labels_whichever_are_drawn() -> None:
    model, x, few, labels = reader_of(), numbers(IMAGES, SIZE), numbers(2, SIZE, name="few"), torch.tensor([3, 7])
    noise, known = numbers(IMAGES, LATENT, name="noise"), torch.tensor([-1, -1, 4, -1, 0, -1])
    expected = loss_written_out(model, x, known, few, labels, noise)
    for chance in (torch.zeros(IMAGES), torch.rand(IMAGES, generator=generator(0, "chance")), torch.ones(IMAGES)):
        found = model.loss(x, known, few, labels, noise, chance, images=40)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("label", [-1, 4])
def test_its_gradients_are_those_of_the_sum_as_the_mean_over_the_labels_that_may_be_drawn(label: int) -> None:
    """Of one image: each label by a chance in the middle of its share, weighted by that share."""
    model, x, few, labels = reader_of(), numbers(1, SIZE), numbers(2, SIZE, name="few"), torch.tensor([3, 7])
    noise, known, parameters = numbers(1, LATENT, name="noise"), torch.tensor([label]), list(model.parameters())
    expected = torch.autograd.grad(loss_written_out(model, x, known, few, labels, noise), parameters)
    shares = model.reader(x).softmax(1)[0].detach()
    found = [torch.zeros_like(parameter) for parameter in parameters]
    for share, end in zip(shares, shares.cumsum(0), strict=True):
        loss = model.loss(x, known, few, labels, noise, (end - share / 2)[None], images=40)
        for total, gradient in zip(found, torch.autograd.grad(loss, parameters), strict=True):
            total += share * gradient
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_the_bound_is_exact_where_the_posterior_is() -> None:
    """Codes that depend on nothing: log p(x) is a Gaussian's, U(x) is equal to it, and L(x, y) is log (1/10) p(x)."""
    model = CodeReader(SIZE, HIDDEN).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.hidden_to_code.bias.copy_(torch.tensor([1.0, -2.0, 0.5, 0.3, -0.4, 0.0]))
    x, noise = numbers(IMAGES, SIZE), numbers(IMAGES, LATENT, name="noise")
    deviation = torch.tensor([0.3, -0.4, 0.0]).double().mul(0.5).exp()
    exact = Normal(torch.tensor([1.0, -2.0, 0.5]).double(), deviation).log_prob(x).sum(1)
    torch.testing.assert_close(model.unlabelled(x, noise), exact)
    torch.testing.assert_close(model.bound(x, noise), (exact - math.log(10)).expand(10, -1))


def test_many_models_at_once_give_what_each_gives() -> None:
    models = [reader_of(seed) for seed in range(3)]
    x, noise = numbers(3, IMAGES, SIZE), numbers(3, IMAGES, LATENT, name="noise")
    parameters, buffers = stack_module_state(models)

    class Unlabelled(nn.Module):
        def __init__(self, model: CodeReader):
            super().__init__()
            self.model = model

        def forward(self, x: Tensor, noise: Tensor) -> Tensor:
            return self.model.unlabelled(x, noise)

    def one(state: dict[str, Tensor], x: Tensor, noise: Tensor) -> Any:
        given = {f"model.{name}": value for name, value in state.items()}
        return functional_call(Unlabelled(models[0]), given, (x, noise))

    together = vmap(one)({**parameters, **buffers}, x, noise)
    for index, model in enumerate(models):
        torch.testing.assert_close(together[index], model.unlabelled(x[index], noise[index]), rtol=1e-12, atol=1e-12)


def test_weights_are_small_at_the_start_and_the_prior_is_of_weights_alone() -> None:
    model = CodeReader(SIZE, 300)
    initialise(model, generator(0, "init"))
    weights = torch.cat([p.detach().flatten() for p in model.parameters() if p.ndim == 2])
    assert float(weights.std()) == pytest.approx(1e-3, rel=0.02)
    assert all(not p.any() for p in model.parameters() if p.ndim == 1)
    assert float(prior(model).detach()) == pytest.approx(0.5 * float(weights.double().square().sum()), rel=1e-5)
