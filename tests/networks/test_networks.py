"""Networks of other people's kinds, each through every task: trained, counted, repeated, stored, stacked or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.evaluation import EvaluationRequest, plan
from bench.models.streams import generator
from bench.store.differences import differences
from bench.store.record import Record
from bench.store.store import Store
from bench.tasks import get
from bench.training.scores import evaluate
from bench.training.splits import split_on_device
from bench.worker.execute import execute
from bench.worker.restore import restore
from tests.networks.networks import (
    DIGITS,
    PLUGINS,
    REFUSED,
    TASKS,
    known,
    names,
    remarks,
    run,
    run_stacked,
    site_of,
    spec_of,
    trained_names,
)

torch.set_num_threads(1)
each = pytest.mark.parametrize("name, task", [(name, task) for name in trained_names() for task in TASKS])
each_once = pytest.mark.parametrize("name, task", [(name, "cvae") for name in trained_names()])
"""As a VAE each is trained in `test_seeds_are_different_and_together_give_what_they_give_alone`."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("runs"))


def record_of(name: str, task: str, store: Store) -> Record:
    """The record of a run, which is done if it isn't yet."""
    spec = spec_of(name, task)
    return store.load(spec.run_id) if spec.run_id in store.run_ids() else run(spec, Path(store.folder))


def test_there_are_many_kinds() -> None:
    assert len(trained_names()) >= 24
    assert set(REFUSED) <= set(names())


@pytest.mark.parametrize("task", ["vae", "classifier"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_can_t_be_trained_or_kept_is_refused_before_the_training(name: str, task: str, tmp_path: Path) -> None:
    record = run(spec_of(name, task), tmp_path)
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.startswith(f"UserError: {REFUSED[name]}"), record.error
    assert not record.history


@each
def test_it_is_trained_and_what_is_special_is_remarked(name: str, task: str, store: Store) -> None:
    record = record_of(name, task, store)
    assert (record.status, record.error) == ("finished", None)
    assert set(record.environment.get("conduct", {})) == remarks(name, task)
    assert len(record.history) == 1


@each
def test_all_its_parameters_are_in_the_layer_table(name: str, task: str, store: Store) -> None:
    record = record_of(name, task, store)
    model = get(task).new_model(known().archs[name], spec_of(name, task).latent_dim, 0)
    counted = sum(row["weights"] + row["biases"] for row in record.layers)
    assert counted == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", trained_names())
def test_its_operations_are_those_that_torch_counts(name: str, store: Store) -> None:
    """As a VAE, for one image; torch counts no LSTM of mkldnn and no fused attention, so both are switched off."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode  # here: it loads triton, for a second

    counted = [row["macs"] for row in record_of(name, "vae", store).layers]
    model = get("vae").new_model(known().archs[name], 5, 0).eval()
    model = getattr(model, "_orig_mod", model)
    with (
        torch.backends.mkldnn.flags(enabled=False),
        sdpa_kernel(SDPBackend.MATH),
        torch.jit.optimized_execution(False),
        FlopCounterMode(display=False) as torchs,
    ):
        model(torch.zeros(1, 1, 28, 28), torch.zeros(1, dtype=torch.long))
    assert 2 * sum(counted) == torchs.get_total_flops()


@each_once
def test_the_same_run_gives_the_same_bits(name: str, task: str, store: Store, tmp_path: Path) -> None:
    """Whatever the process has drawn and trained before: this one has trained all others meanwhile."""
    first = record_of(name, task, store)
    torch.rand(3)
    assert differences(first, run(spec_of(name, task), tmp_path)) == []


def test_a_later_evaluation_of_a_network_that_draws_gives_the_same_numbers(store: Store) -> None:
    spec = spec_of("always-drops", "vae")
    record_of("always-drops", "vae", store)
    asked = EvaluationRequest("full", iwae_samples=2, iwae_images=20)
    part = next(each for each in plan([spec], asked, "always-drops")[0] if each.part == "iwae")
    first = execute(part, site_of(Path(store.folder)))
    torch.rand(3)
    again = execute(part, site_of(Path(store.folder)))
    assert first.error is None
    assert first.metrics == again.metrics


@each_once
def test_its_stored_weights_score_what_was_recorded(name: str, task: str, store: Store) -> None:
    record, spec = record_of(name, task, store), spec_of(name, task)
    model = restore(record, PLUGINS)
    test = split_on_device(DIGITS, "test", 0, torch.device("cpu"))
    means = evaluate(model, get(task), test, spec, "test").means
    expected = {metric: record.metrics[metric] for metric in means}
    if name in ("counts", "counts-always"):  # as is remarked
        assert means != pytest.approx(expected, rel=1e-4)
    else:
        assert means == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", trained_names())
def test_seeds_are_different_and_together_give_what_they_give_alone(name: str, store: Store, tmp_path: Path) -> None:
    """Or the reason is recorded why they weren't trained together, and they are what they are alone, to the bit.

    Of the two it is seed 0 that is trained alone as well; tests/training does that with both, of its own networks.
    """
    task = "vae"
    alone = record_of(name, task, store)
    assert set(alone.environment.get("conduct", {})) == remarks(name, task)
    together = run_stacked([spec_of(name, task, seed) for seed in (0, 1)], tmp_path / "together")
    assert [record.error for record in together] == [None, None]
    assert together[0].metrics["elbo"] != together[1].metrics["elbo"]
    if together[0].environment["stack"] == 1:
        assert together[0].environment["stack_refused"]
        assert differences(alone, together[0]) == []
    else:
        metrics = {metric: alone.metrics[metric] for metric in get(task).scores}
        assert {metric: together[0].metrics[metric] for metric in metrics} == pytest.approx(metrics, rel=2e-3, abs=6e-3)


@pytest.mark.parametrize("name", ["lenet", "view-vae", "lstm"])
def test_a_network_that_calls_view_computes_the_same_in_either_layout(name: str) -> None:
    model = get("cvae").new_model(known().archs[name], 5, 0)
    x = torch.rand(4, 1, 28, 28, generator=generator(0, "x")).round()
    assert model(x, torch.arange(4)).shape == (4, 1, 28, 28)
