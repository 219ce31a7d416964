"""Networks of other people's kinds: a stack trains each as it is trained alone, or is refused with the reason."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from archs.foreign.random_states import RandomStates
from bench.tasks import get
from bench.training.loop import Trained, train, train_seeds
from bench.training.scores import evaluate
from bench.training.stack_obstacles import state_without_tensors
from bench.training.stackable import same_states, why_not_stack
from tests.job.test_job import job
from tests.job.test_stack_job import records
from tests.training.odd import ARCHS, FILES
from tests.training.test_stacked import of_each, splits
from tests.training.test_train import spec_of, without_time

SEEDS = (4, 7)
TASK = get("classifier")

REASONS = {
    "attention": None,
    "backward-hook": "encoder.3 has a backward hook, <lambda>",
    "batch-norm-1d": None,
    "batch-norm-2d": None,
    "batch-norm-of-all-batches": ".item()",
    "batch-norm-without-statistics": None,
    "batch-norm-without-weights": None,
    "bias-before-norm": None,
    "buffer-changed": None,
    "buffer-replaced": None,
    "closure-on-itself": "a copy of it still uses encoder.3.norm.weight of the original",
    "drawn-by-its-own-generator": "encoder.3.generator['state']['state'] is changed by the training",
    "drawn-by-python": "it draws random numbers",
    "dropout": "random",
    "embedding": None,
    "forward-hook": "encoder.3 has a forward hook, <lambda>",
    "forward-pre-hook": "encoder.3 has a forward pre-hook, <lambda>",
    "frozen-by-train": None,
    "frozen-layer": None,
    "frozen-norm": None,
    "frozen-now-and-then": None,
    "frozen-parameter": None,
    "frozen-parameter-that-follows": None,
    "group-norm": None,
    "gru-cell-by-cell": None,
    "hook-after-gradient": "parameter encoder.3.weight has a hook on its gradient",
    "hook-on-activation": "its gradient of encoder.1.weight stacked is not that alone",
    "hook-on-gradient": "parameter encoder.3.weight has a hook on its gradient",
    "instance-norm": None,
    "instance-norm-with-statistics": None,
    "layer-in-a-list": "encoder.3.layers[0].weight differs between seeds, and is neither a parameter nor a buffer",
    "layer-norm": None,
    "layer-of-all-seeds": "is one tensor in several seeds",
    "layer-used-twice": None,
    "list-changed": "encoder.3.seen['sizes'] is changed by the training, and is neither a parameter nor a buffer",
    "lstm": "lstm",
    "new-spectral-norm": "out=",
    "new-weight-norm": None,
    "number-changed": "encoder.3.calls is changed by the training, and is neither a parameter nor a buffer",
    "number-made": "encoder.3.calls is changed by the training, and is neither a parameter nor a buffer",
    "old-spectral-norm": "encoder.3 has a forward pre-hook, SpectralNorm",
    "old-weight-norm": "encoder.3 has a forward pre-hook, WeightNorm",
    "output-kept": "encoder.3.last",
    "own-autograd-function": "autograd.Function",
    "parameter-of-a-class": "parameter encoder.3.weight is of the class Doubled",
    "parameter-with-attribute": "parameter encoder.3.weight has attributes of its own: scale",
    "parametrized": None,
    "plain-tensor": None,
    "plain-tensor-changed": "encoder.3.mean is changed by the training, and is neither a parameter nor a buffer",
    "plain-tensor-of-its-seed": "encoder.3.plain differs between seeds, and is neither a parameter nor a buffer",
    "pruned": "encoder.3 has a forward pre-hook, RandomUnstructured",
    "scripted": "a copy of it still uses encoder.3.linear.weight of the original",
    "shared-memory": "encoder.3.weight and encoder.4.weight share memory",
    "straight-through": None,
    "tied-weights": None,
    "transformer": None,
    "unused-parameter": None,
}
"""Network → what its refusal says; None: it is trained as a stack."""

FROZEN = {
    "frozen-by-train": ["encoder.3.weight"],
    "frozen-layer": ["encoder.1.weight", "encoder.1.bias"],
    "frozen-parameter": ["encoder.3.weight"],
    "unused-parameter": ["encoder.3.weight"],
}
"""Network → its parameters that no training moves."""

IN_A_JOB = ["batch-norm-2d", "buffer-replaced", "hook-on-gradient", "layer-used-twice", "number-changed"]


def built(name: str, seed: int) -> nn.Module:
    return TASK.build(ARCHS[f"odd-{name}"], None, seed)


def refusal(name: str) -> str | None:
    return why_not_stack([built(name, seed) for seed in SEEDS], TASK, spec_of("cnn2", "classifier"))


def tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers, those too that no checkpoint holds."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def test_every_network_is_here() -> None:
    assert [f"odd-{name}" for name in REASONS] == sorted(ARCHS)


@pytest.mark.filterwarnings("ignore")  # of torch, of old ways to norm weights and of what vmap is slow at
@pytest.mark.parametrize("name, reason", [(name, reason) for name, reason in REASONS.items() if reason])
def test_a_refusal_names_what_is_in_the_way(name: str, reason: str) -> None:
    assert reason in str(refusal(name))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, reason in REASONS.items() if reason is None])
def test_a_stack_trains_each_seed_as_it_is_trained_alone(name: str) -> None:
    """In float64, over a whole training: every parameter and buffer, the history, every evaluated image."""
    assert refusal(name) is None
    specs = [spec_of("cnn2", "classifier", seed) for seed in SEEDS]
    models = [built(name, seed).double() for seed in SEEDS]
    outcomes = train_seeds(models, TASK, specs, *of_each(specs))
    tolerance = 1e-8 if name == "bias-before-norm" else 1e-10  # rounding alone, made larger by Adam, but for its ε
    for seed, spec, model, outcome in zip(SEEDS, specs, models, outcomes, strict=True):
        alone = built(name, seed).double()
        before = {key: value.detach().clone() for key, value in tensors(alone).items()}
        data, validation, test = splits(seed=seed)
        expected = train(alone, TASK, spec, data, validation)
        assert isinstance(outcome, Trained)
        for key, value in tensors(alone).items():
            torch.testing.assert_close(tensors(model)[key], value, rtol=tolerance, atol=tolerance, msg=key)
            if key in dict(alone.named_parameters()) and (alone_stays := torch.equal(value, before[key])):
                assert alone_stays == torch.equal(tensors(model)[key], before[key])
                assert key in FROZEN[name]
        for found, wanted in zip(without_time(outcome.history), without_time(expected.history), strict=True):
            assert found == pytest.approx(wanted, rel=1e-7)
        scores = [evaluate(each, TASK, test, spec, "test").values["accuracy"] for each in (model, alone)]
        assert (scores[0] == scores[1]).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REASONS)
def test_the_trial_changes_nothing(name: str) -> None:
    """Neither parameters and buffers, nor gradients, numbers in Python, hooks or anybody's random numbers."""
    models = [built(name, seed) for seed in SEEDS]
    states = [copy.deepcopy(model.state_dict()) for model in models]
    numbers, draws = [state_without_tensors(model) for model in models], RandomStates.now()
    why_not_stack(models, TASK, spec_of("cnn2", "classifier"))
    assert same_states(draws, RandomStates.now())
    for model, state, held in zip(models, states, numbers, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())
        assert state_without_tensors(model) == held


@pytest.mark.filterwarnings("ignore")
def test_a_job_with_stacks_gives_the_records_that_it_gives_without(tmp_path: Path) -> None:
    """A run whose stack was refused is the same to the bit, and its record says why."""
    wanted = [*(f"--plugin={path}" for path in FILES), "--tasks", "classifier", "--seeds", "2", "--workers", "1",
              "--train-images", "128", "--epochs", "1", "--archs", *(f"odd-{name}" for name in IN_A_JOB)]  # fmt: skip
    assert job(tmp_path / "alone", *wanted) == job(tmp_path / "together", *wanted, "--stack", "2")
    alone, together = records(tmp_path / "alone"), records(tmp_path / "together")
    assert set(alone) == set(together)
    assert len(alone) == 2 * len(IN_A_JOB)
    for key, record in together.items():
        reason = REASONS[key[0].removeprefix("odd-")]
        assert (record.status, record.run_id) == (alone[key].status, alone[key].run_id)
        if record.status != "finished":
            continue
        numbers = [each.metrics["accuracy"] for each in (record, alone[key])]
        if reason is None:
            assert record.environment["stack"] == 2, record.environment["stack_refused"]
            assert numbers[0] == pytest.approx(numbers[1], abs=0.01), key
        else:
            assert record.environment["stack"] == 1
            assert record.environment["stack_refused"]
            assert numbers[0] == numbers[1], key
