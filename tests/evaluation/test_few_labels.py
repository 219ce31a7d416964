"""M1+M2 on codes made by hand: what is learnt and from which labels, named outcomes, what is planned and described."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench import evaluation
from bench.evaluation import EvaluationRequest
from bench.evaluation.code_reader import initialise, mlp
from bench.evaluation.code_training import Few, Recipe, is_point, read, train_alone, train_reader
from bench.evaluation.codes import Codes, live_dimensions
from bench.evaluation.parts import few_labels
from bench.models.streams import generator
from bench.spec.metrics import metric, metric_columns
from bench.training.labelled import choose_labelled
from bench.training.schedule import learning_rate
from tests.evaluation.test_evaluation import Coder, run_spec, subject


def circle(images: int, spread: float = 0.15, fixed: bool = False) -> tuple[Codes, Tensor]:
    """Codes in ten clusters around a circle, and their labels."""
    labels = torch.arange(images) % 10
    angle = labels * 2 * math.pi / 10
    centre = 2 * torch.stack([angle.cos(), angle.sin()], 1)
    mean = centre + spread * torch.randn(images, 2, generator=generator(1, "clusters"))
    return Codes(mean, torch.full_like(mean, 0.0 if fixed else 0.05)), labels


TINY = Recipe(passes=40, batch=50, rate=1e-2, hidden=20, alone_steps=200)


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
        optimiser.param_groups[0]["lr"] = learning_rate(step, TINY.alone_steps, TINY.rate)
        optimiser.zero_grad()
        weights = sum((p.square().sum() for p in model.parameters() if p.ndim == 2), torch.zeros(()))
        (F.cross_entropy(model(x), y) + 0.5 * weights / len(y)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    torch.testing.assert_close(found(few.codes.mean), model(few.codes.mean), rtol=0, atol=5e-3)


def test_live_dimensions_are_those_whose_mean_moves_by_more_than_a_tenth() -> None:
    mean = torch.tensor([[0.101, 0.099, 3.0], [-0.101, -0.099, 3.0]])
    assert live_dimensions(Codes(mean, torch.ones(2, 3))).tolist() == [0]


def settings(**changes: Any) -> dict[str, Any]:
    (chosen,) = few_labels.settings(EvaluationRequest("few-labels", labels=(10,)))
    return {**chosen, "passes": 30, "rate": 1e-2, "hidden": 20, "alone_steps": 200, **changes}


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
    both, _ = evaluation.plan([run, dataclasses.replace(run, arch="cnn3")], asked, "cnn2")
    assert [spec.part for spec in both].count("few_labels") == 4, "each VAE has its own"
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


def test_an_encoder_trained_on_coins_is_shown_the_grey_levels() -> None:
    """They are what the coins are on average; a pixel that is 0.4 would be 0 for an encoder of thresholded images."""
    seen: list[Tensor] = []

    class Watching(Sure):
        def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(x.max())
            return super().encode(x, labels)

    base = subject(Watching(), run=run_spec("vae"), settings=settings(passes=1, alone_steps=1))
    dim = dataclasses.replace(base.train, images=base.train.images // 5 * 2)
    for likelihood, expected in (("dynamic", 0.4), ("grey", 0.4), ("static", 0.0)):
        seen.clear()
        run = dataclasses.replace(base.run, likelihood=likelihood)
        few_labels.run(dataclasses.replace(base, run=run, train=dim, validation=dim, test=dim))
        assert [float(value) for value in seen] == pytest.approx([expected] * 3)
