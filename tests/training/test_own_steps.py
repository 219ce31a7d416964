"""A training whose steps are its architecture's own ends where they do, within an epoch if need be."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from bench.spec.progress import Progress
from bench.tasks import get
from bench.training.loop import Trained, train, train_seeds
from bench.training.schedule import learning_rate
from bench.training.splits import split_on_device
from tests.conftest import arch_of
from tests.training.test_stacked import models_of, of_each, splits
from tests.training.test_train import DIGITS, spec_of, trained, without_time


def test_a_training_of_its_own_steps_ends_where_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four epochs of five steps and three steps of a fifth: the rate falls to nothing over all 23."""
    asked: list[tuple[int, int]] = []

    def noted(step: int, steps: int, peak: float) -> float:
        asked.append((step, steps))
        return learning_rate(step, steps, peak)

    monkeypatch.setattr("bench.training.loop.learning_rate", noted)
    shares: list[Progress] = []
    spec = spec_of(train_images=320, epochs=5, steps=23)
    task = get("vae")
    model = task.build(arch_of("cnn3"), 5, 0)
    splits = [split_on_device(DIGITS, part, 0, torch.device("cpu"), 320) for part in ("train", "val")]
    outcome = train(model, task, spec, *splits, report=shares.append)
    assert asked == [(step, 23) for step in range(23)]
    assert [row["epoch"] for row in outcome.history] == [1, 2, 3, 4, 5] and outcome.images == 23 * 64
    assert (shares[-1].done, shares[-1].epoch) == (1.0, 5)
    whole = trained(spec_of(train_images=320, epochs=5))[1]
    losses = [[row["train_loss"] for row in history] for history in (outcome.history, whole)]
    assert losses[0][4] == pytest.approx(losses[1][4], rel=0.2), "a mean over the steps that were taken"
    same = trained(spec_of(train_images=320, epochs=5, steps=25))[1]
    assert without_time(same) == without_time(whole), "whole epochs, however they are spelt"


def test_a_stack_ends_within_an_epoch_as_each_alone_does() -> None:
    """In float64: two epochs of five steps and one step of a third."""
    specs = [dataclasses.replace(spec_of("cnn3", "vae", seed), steps=11, epochs=3) for seed in (4, 7)]
    models = models_of("cnn3", "vae", [4, 7], torch.double)
    outcomes = train_seeds(models, get("vae"), specs, *of_each(specs))
    (alone,) = models_of("cnn3", "vae", [7], torch.double)
    expected = train(alone, get("vae"), specs[1], *splits("cpu", 7)[:2])
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(models[1].state_dict()[name], value, rtol=1e-10, atol=1e-10, msg=name)
    assert isinstance(outcomes[1], Trained) and outcomes[1].images == expected.images == 11 * 64
    for found, wanted in zip(without_time(outcomes[1].history), without_time(expected.history), strict=True):
        assert found == pytest.approx(wanted, rel=1e-10)
