"""The semi-supervised task: its objective against sums written out, its labels, and that it learns from them."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.evaluation.importance import importance_bound
from bench.models.streams import generator
from bench.tasks import get, m2
from bench.training import labelled
from bench.training.loop import train
from bench.training.splits import splits_of
from tests.conftest import arch_of
from tests.training.test_train import DIGITS, spec_of, trained

MODEL = get("m2").build(arch_of("cnn3"), 4, 0).eval()
X = torch.rand(5, 1, 28, 28, generator=generator(0, "x")).round()
LABELS = torch.tensor([3, 1, 4, 1, 5])


def zero_variance(model: m2.M2) -> None:
    """q(z|x, y) so narrow that the noise can't be seen: bounds become functions of x and y alone."""
    torch.nn.init.zeros_(model.head.log_variance.weight)
    torch.nn.init.constant_(model.head.log_variance.bias, -30.0)


def bound(x: Tensor, y: int) -> float:
    """L(x, y) of one image [1, 1, 28, 28]."""
    return float(m2.joint_bound(MODEL, x, torch.tensor([y]), generator(0, "z")))


@torch.no_grad()
@pytest.mark.parametrize(("weight", "alpha"), [(0.1, 0.1), (2.0, 2.0), (0.0, 0.0), (None, 0.1 * 20)])
def test_the_objective_is_the_paper_s_sum_divided_by_the_images(weight: float | None, alpha: float) -> None:
    """Without a weight it is what older runs were trained with: 0.1 × labels."""
    zero_variance(MODEL)
    rest, few = X[:3], X[3:]
    expected = 0.0
    for image in rest:
        q = F.softmax(MODEL.reader(image[None])[0], 0)
        terms = sum(float(q[y]) * (bound(image[None], y) - math.log(float(q[y]))) for y in range(10))
        expected -= terms / 3
    for image, y in zip(few, LABELS[3:].tolist(), strict=True):
        # 20 labelled of 100 images: each labelled image of this batch of two stands for ten
        log_q = float(F.log_softmax(MODEL.reader(image[None])[0], 0)[y])
        expected -= 10 * bound(image[None], y) / 100
        expected -= alpha * 100 * log_q / 2 / 100  # α = weight × 100 images, times the mean over the two
    found = m2.loss(MODEL, X, LABELS, generator(0, "z"), labelled=2, known=20, images=100, weight=weight)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def summed_out(model: m2.M2, x: Tensor, noise: Tensor) -> Tensor:
    """−Σ_y q(y|x) L(x, y) − H(q(y|x)), mean over the images [B, 1, 28, 28], all labels with the noise [B, Z]."""
    log_q = F.log_softmax(model.reader(x), 1)
    bounds = [m2.joint_bound(model, x, torch.full((len(x),), y), noise) for y in range(10)]
    return (log_q.exp() * (log_q - torch.stack(bounds, 1))).sum(1).mean()


@pytest.mark.parametrize("name", ["cnn3", "mlp"])
def test_the_gradient_of_one_drawn_label_is_on_average_that_of_all(name: str) -> None:
    """Each label is drawn from q(y|x): the gradients with each of them, weighted so, are that of the sum."""
    model = get("m2").new_model(arch_of(name), 3, 0).double()
    torch.nn.init.normal_(model.reader.head.weight, std=0.1, generator=generator(0, "head"))  # no two labels alike
    x, y, weights = X[:2].double(), LABELS[:2], list(model.parameters())
    noise = torch.randn(3, 3, generator=generator(0, "z"), dtype=torch.double)
    q = F.softmax(model.reader(x[:1])[0], 0).detach()
    ends = q.cumsum(0)
    found = [torch.zeros_like(weight) for weight in weights]
    for label in range(10):
        noise[2, 0] = torch.special.ndtri(ends[label] - q[label] / 2)  # draws this label
        loss = m2.loss(model, x, y, noise, labelled=1, known=20, images=100, weight=0.5)
        for total, own in zip(found, torch.autograd.grad(loss, weights), strict=True):
            total += q[label] * own
    few = -20 / 100 * m2.joint_bound(model, x[1:], y[1:], noise[1:2]) + 0.5 * F.cross_entropy(
        model.reader(x[1:]), y[1:]
    )
    exact = summed_out(model, x[:1], noise[:1]) + few.sum()
    torch.testing.assert_close(loss, exact, rtol=1e-11, atol=1e-11)  # the value is exact, whatever was drawn
    for one, other in zip(found, torch.autograd.grad(exact, weights), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_labels_of_the_unlabelled_are_never_looked_at() -> None:
    losses = {
        float(
            m2.loss(
                MODEL,
                X,
                torch.cat([other, LABELS[3:]]),
                generator(0, "z"),
                labelled=2,
                known=20,
                images=100,
                weight=1.0,
            ).detach()
        )
        for other in (LABELS[:3], torch.tensor([0, 0, 0]), torch.tensor([-1, -1, -1]))
    }
    assert len(losses) == 1


def test_the_labelled_subset_is_balanced_fixed_by_the_seed_and_grows_to_all() -> None:
    labels = torch.from_numpy(DIGITS.labels)
    found = labelled.choose_labelled(labels, 100, seed=1)
    assert torch.bincount(labels[found]).tolist() == [10] * 10
    assert len(set(found.tolist())) == 100
    assert torch.equal(found, labelled.choose_labelled(labels, 100, seed=1))
    assert not torch.equal(found, labelled.choose_labelled(labels, 100, seed=2))
    with pytest.raises(ValueError, match="2000 labels need 200 images of each class; class 0 has"):
        labelled.choose_labelled(labels, 2_000, seed=0)


def test_every_batch_is_followed_by_labelled_images() -> None:
    rows = torch.arange(12).view(3, 4)
    known = torch.tensor([100, 101])
    found = labelled.append_labelled(rows, known, 5, generator(0, "d"))
    assert torch.equal(found[:, :4], rows)
    assert set(found[:, 4:].flatten().tolist()) == {100, 101}


def test_it_reads_digits_from_a_hundred_labels() -> None:
    metrics, history = trained(spec_of("cnn3", "m2", epochs=2, labels=100))
    assert metrics["accuracy"] > 0.5  # one in ten by chance
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert metrics["elbo"] == pytest.approx(-(metrics["reconstruction"] + metrics["kl"]), rel=1e-5)


def test_the_weight_is_part_of_a_run_and_reaches_its_loss() -> None:
    spec = spec_of("cnn3", "m2", epochs=1, labels=100, train_images=256, classification_weight=0.1)
    heavy = dataclasses.replace(spec, classification_weight=50.0)
    old = dataclasses.replace(spec, classification_weight=None)
    assert len({spec.run_id, heavy.run_id, old.run_id}) == 3
    assert "classification_weight" not in old.content(), "a record from before keeps its identity"
    (_, light), (_, heavier), (as_before, unweighted) = map(trained, (spec, heavy, old))
    assert len({history[0]["train_loss"] for history in (light, heavier, unweighted)}) == 3
    assert trained(dataclasses.replace(spec, classification_weight=10.0))[0] == as_before


def seen_by(name: str) -> list[tuple[Tensor, Tensor]]:
    """The labelled images and their labels in each step of a short training of a task, and its reader's weights."""
    task, seen = get(name), list[tuple[Tensor, Tensor]]()

    def loss(
        model: torch.nn.Module, x: Tensor, labels: Tensor, noise: Tensor, labelled: int, **others: float
    ) -> Tensor:
        if not seen:
            seen.extend(
                (own.detach().clone(), own.new_zeros(0)) for own in getattr(model, "reader", model).parameters()
            )
        seen.append((x[-labelled:], labels[-labelled:]))
        found: Tensor = task.loss(model, x, labels, noise, labelled, **others)
        return found

    watched = dataclasses.replace(task, loss=loss)
    dim = {} if task.uses_latent_dim else {"latent_dim": None}
    spec = spec_of("cnn3", name, epochs=2, labels=20, train_images=300, **dim)
    model = task.new_model(arch_of("cnn3"), spec.latent_dim, spec.seed)
    splits = splits_of(DIGITS, spec, torch.device("cpu"))
    train(model, watched, spec, splits["train"], splits["val"])
    return seen


def test_the_reader_alone_starts_as_m2_s_and_sees_the_same_labelled_images_in_the_same_order() -> None:
    alone, within = seen_by("reader"), seen_by("m2")
    assert len(alone) == len(within) > 8
    for one, other in zip(alone, within, strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_the_reader_alone_never_looks_at_other_images() -> None:
    reader = get("reader")
    model = reader.new_model(arch_of("cnn3"), None, 0)
    losses = {
        float(
            reader.loss(
                model, torch.cat([other, X[3:]]), LABELS, torch.zeros(0, 0), labelled=2, known=20, images=100
            ).detach()
        )
        for other in (X[:3], X[:3] * torch.nan)
    }
    assert len(losses) == 1 and reader.noise_rows(228, 100) == (0,)


def test_its_code_is_that_of_a_cvae() -> None:
    """The importance bound, and with it every part of an evaluation, applies to it as it stands."""
    with torch.no_grad():
        mean, log_variance = MODEL.encode(X, LABELS)
        found = importance_bound(mean, log_variance, lambda z: z.new_zeros(z.shape[:2]), 3, generator(0, "n"), 2)
    assert found.iwae.shape == (5,)
