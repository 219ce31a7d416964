"""M1+M2 on codes made by hand: the bound written out, labels summed out, what is learnt from, and named outcomes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.func import functional_call, stack_module_state, vmap

from bench import evaluation
from bench.evaluation import EvaluationRequest
from bench.evaluation.code_reader import LATENT, CodeReader, LabelledLinear, initialise, mlp, prior
from bench.evaluation.code_training import Few, Recipe, is_point, read, train_alone, train_reader
from bench.evaluation.codes import Codes, live_dimensions
from bench.evaluation.parts import few_labels
from bench.models.streams import generator
from bench.spec.metrics import metric, metric_columns
from bench.training.labelled import choose_labelled
from bench.training.schedule import learning_rate
from tests.evaluation.test_evaluation import Coder, run_spec, subject

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


def loss_written_out(model: CodeReader, x: Tensor, few: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
    """Of 40 images 5 labelled: the sum over labels, the labelled, their classification and the prior."""
    q = model.reader(x).softmax(1)
    total = torch.zeros(len(x), dtype=torch.float64)
    for label in range(10):
        each = written_out(model, x, torch.full((len(x),), label), noise[: len(x)])
        total = total + q[:, label] * (each - q[:, label].log())
    labelled = written_out(model, few, labels, noise[len(x) :]).mean()
    right = model.reader(few).softmax(1)[[0, 1], labels].log().mean()
    weights = sum((p.square().sum() for p in model.parameters() if p.ndim == 2), torch.zeros(()))
    return -(35 * total.mean() + 5 * labelled) / 40 - 0.1 * right + 0.5 * weights / 40


def test_the_loss_is_the_sum_over_labels_whichever_are_drawn() -> None:
    model, x, few, labels = reader_of(), numbers(IMAGES, SIZE), numbers(2, SIZE, name="few"), torch.tensor([3, 7])
    noise = numbers(IMAGES + 2, LATENT, name="noise")
    expected = loss_written_out(model, x, few, labels, noise)
    for chance in (torch.zeros(IMAGES), torch.rand(IMAGES, generator=generator(0, "chance")), torch.ones(IMAGES)):
        found = model.loss(x, few, labels, noise, chance, images=40, known=5)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_its_gradients_are_those_of_the_sum_as_the_mean_over_the_labels_that_may_be_drawn() -> None:
    """Of one image: each label by a chance in the middle of its share, weighted by that share."""
    model, x, few, labels = reader_of(), numbers(1, SIZE), numbers(2, SIZE, name="few"), torch.tensor([3, 7])
    noise, parameters = numbers(3, LATENT, name="noise"), list(model.parameters())
    expected = torch.autograd.grad(loss_written_out(model, x, few, labels, noise), parameters)
    shares = model.reader(x).softmax(1)[0].detach()
    found = [torch.zeros_like(parameter) for parameter in parameters]
    for share, end in zip(shares, shares.cumsum(0), strict=True):
        loss = model.loss(x, few, labels, noise, (end - share / 2)[None], images=40, known=5)
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


def circle(images: int, spread: float = 0.15, fixed: bool = False) -> tuple[Codes, Tensor]:
    """Codes in ten clusters around a circle, and their labels."""
    labels = torch.arange(images) % 10
    angle = labels * 2 * math.pi / 10
    centre = 2 * torch.stack([angle.cos(), angle.sin()], 1)
    mean = centre + spread * torch.randn(images, 2, generator=generator(1, "clusters"))
    return Codes(mean, torch.full_like(mean, 0.0 if fixed else 0.05)), labels


TINY = Recipe(passes=40, batch=50, rate=1e-2, hidden=20, alone_steps=200, alone_rate=1e-2)


def few_of(images: int = 200, count: int = 10, fixed: bool = False) -> Few:
    codes, labels = circle(images, fixed=fixed)
    return Few(codes, labels, choose_labelled(labels, count, seed=0))


def test_labels_are_learnt_from_one_of_each_class() -> None:
    few = few_of()
    reader, curve = train_reader(few, (few.codes.mean, few.labels), TINY, seed=0)
    accuracy = float((read(reader, few.codes.mean) == few.labels).double().mean())
    assert accuracy > 0.5, "chance is 0.1"
    assert curve.passes == list(range(4, 41, 4))
    assert curve.accuracy[-1] == accuracy
    assert [number for number in range(1, 4) if is_point(number, 3)] == [1, 2, 3]


@pytest.mark.parametrize("train", [lambda few: train_reader(few, (few.codes.mean, few.labels), TINY, 3)[0],
                                   lambda few: train_alone(few, TINY, 3)])  # fmt: skip
def test_the_same_seed_gives_the_same_bits_and_labels_that_are_not_known_are_not_read(
    train: Callable[[Few], nn.Module],
) -> None:
    few = few_of()
    unknown = (few.labels + 1) % 10
    unknown[few.known] = few.labels[few.known]
    for other in (few, few._replace(labels=unknown)):
        torch.rand(3)
        one, two = train(few), train(other)
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_the_reader_alone_is_the_one_that_its_labelled_codes_make_most_probable() -> None:
    """By torch's own Adam: cross-entropy and prior of the labelled codes, whatever the other codes are."""
    few = few_of(fixed=True)
    moved = few.codes.mean + 5
    moved[few.known] = few.codes.mean[few.known]
    found = train_alone(few._replace(codes=Codes(moved, few.codes.deviation)), TINY, seed=2)
    model = mlp(2, TINY.hidden)
    initialise(model, generator(2, "m1m2 alone/init"))
    optimiser = torch.optim.Adam(model.parameters())
    x, y = few.codes.mean[few.known], few.labels[few.known]
    for step in range(TINY.alone_steps):
        optimiser.param_groups[0]["lr"] = learning_rate(step, TINY.alone_steps, TINY.alone_rate)
        optimiser.zero_grad()
        weights = sum((p.square().sum() for p in model.parameters() if p.ndim == 2), torch.zeros(()))
        (F.cross_entropy(model(x), y) + 0.5 * weights / len(y)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    torch.testing.assert_close(found(few.codes.mean), model(few.codes.mean), rtol=0, atol=5e-3)


def test_weights_are_small_at_the_start_and_the_prior_is_of_weights_alone() -> None:
    model = CodeReader(SIZE, 300)
    initialise(model, generator(0, "init"))
    weights = torch.cat([p.detach().flatten() for p in model.parameters() if p.ndim == 2])
    assert float(weights.std()) == pytest.approx(1e-3, rel=0.02)
    assert all(not p.any() for p in model.parameters() if p.ndim == 1)
    assert float(prior(model).detach()) == pytest.approx(0.5 * float(weights.double().square().sum()), rel=1e-5)


def test_live_dimensions_are_those_whose_mean_moves_by_more_than_a_tenth() -> None:
    mean = torch.tensor([[0.101, 0.099, 3.0], [-0.101, -0.099, 3.0]])
    assert live_dimensions(Codes(mean, torch.ones(2, 3))).tolist() == [0]


def settings(**changes: Any) -> dict[str, Any]:
    (chosen,) = few_labels.settings(EvaluationRequest("few-labels", labels=(10,)))
    return {**chosen, "passes": 30, "rate": 1e-2, "hidden": 20, "alone_steps": 200, "alone_rate": 1e-2, **changes}


class Sure(Coder):
    """A code that names the label, and is sure of it."""

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = super().encode(x, labels)
        return 2 * mean, log_variance - 6


def test_the_part_reads_a_code_that_names_the_label() -> None:
    shares: list[float] = []
    found = subject(Sure(), run=run_spec("vae"), settings=settings(), report=shares.append)
    metrics, arrays = few_labels.run(found)
    assert set(metrics) == {
        "m1m2_accuracy_l10", "m1m2_alone_accuracy_l10", "m1m2_validation_accuracy_l10", "m1m2_dimensions_l10",
        "m1m2_classes_l10",
    }  # fmt: skip
    assert metrics["m1m2_alone_accuracy_l10"] == 1
    assert metrics["m1m2_dimensions_l10"] == 2
    for kind in ("", "_alone"):
        assert metrics[f"m1m2{kind}_accuracy_l10"] == pytest.approx(arrays[f"test_m1m2{kind}_correct_l10"].mean())
    assert metrics["m1m2_validation_accuracy_l10"] == metrics["m1m2_accuracy_l10"], "the same images here"
    assert arrays["test_m1m2_correct_l10"].shape == arrays["test_m1m2_alone_correct_l10"].shape == (40,)
    assert arrays["test_m1m2_correct_l10"].dtype == bool
    assert len(arrays["m1m2_curve_passes_l10"]) == len(arrays["m1m2_curve_accuracy_l10"]) == 10
    assert shares == pytest.approx(np.arange(1, 31) / 30)


class Mute(Coder):
    """A code that says nothing: the prior, whatever the image."""

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return x.new_zeros(len(x), 2), x.new_zeros(len(x), 2)


def test_a_code_without_a_live_dimension_is_read_alike_for_every_image() -> None:
    metrics, arrays = few_labels.run(subject(Mute(), run=run_spec("vae"), settings=settings()))
    assert metrics == {
        "m1m2_accuracy_l10": 0.1, "m1m2_alone_accuracy_l10": 0.1, "m1m2_validation_accuracy_l10": 0.1,
        "m1m2_dimensions_l10": 0, "m1m2_classes_l10": 1,
    }  # fmt: skip
    assert len(arrays["m1m2_curve_passes_l10"]) == 0


def test_a_loss_that_is_not_finite_is_no_result() -> None:
    few = few_of()
    broken = few._replace(codes=Codes(few.codes.mean / 0, few.codes.deviation))
    with pytest.raises(RuntimeError, match="the loss of the reader of codes is nan in pass 1"):
        train_reader(broken, (few.codes.mean, few.labels), TINY, seed=0)


def test_it_is_planned_once_for_each_number_of_labels_and_only_when_asked_for() -> None:
    run = run_spec("vae")
    asked = EvaluationRequest("few-labels", labels=(100, 600))
    planned, lacking = evaluation.plan([run], asked, "cnn2")
    assert [(spec.part, spec.settings.get("labels")) for spec in planned] == [
        ("few_labels", 100), ("few_labels", 600), ("iwae", None), ("probe", None),
    ]  # fmt: skip
    assert [spec.settings["hidden"] for spec in planned[:2]] == [300, 500]
    assert len({spec.run_id for spec in planned}) == 4
    assert not lacking
    full, _ = evaluation.plan([run], EvaluationRequest("full", labels=(100, 600)), "cnn2")
    assert full == planned[2:], "minutes of a CPU are not spent unasked"


def test_its_metrics_are_described() -> None:
    names = ["m1m2_accuracy_l600", "m1m2_classes_l100", "m1m2_alone_accuracy_l100", "m1m2_accuracy_l100", "kl", "seed"]
    assert metric_columns(names) == [
        "kl", "m1m2_accuracy_l100", "m1m2_alone_accuracy_l100", "m1m2_classes_l100", "m1m2_accuracy_l600",
    ]  # fmt: skip
    found = metric("m1m2_accuracy_l3000")
    assert found is not None
    assert (found.label, found.unit, found.higher_is_better, found.scale) == ("M1+M2 (3,000 labels)", "%", True, 100)
    assert "3,000 of them labelled" in found.definition
    held_out = metric("m1m2_validation_accuracy_l100")
    assert held_out is not None and held_out.higher_is_better is None, "what it was chosen by decides nothing"
    assert metric("m1m2_loudness_l100") is None
