"""What is over a limit on its size is left out; counts against PyTorch's own, and by hand."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from archs.base import Arch
from archs.errors import UserError
from archs.registry import discover
from bench import tasks
from bench.worker.sizes import Limits, within

LATENT = 20
SMALL = "cnn:depth=4,channels=4"
PLUGIN = """
from torch import nn
from archs.base import Arch
from archs.registry import discover

cnn2 = discover().archs["cnn2"]


def fails(channels):
    raise ValueError("no")


FAILS = Arch("fails", "fails to build", "test", fails, cnn2.decoder)
"""


def archs(*names: str) -> tuple[Arch, ...]:
    return discover().resolve(names).archs


def params(name: str, task: str) -> int:
    (arch,) = archs(name)
    model = tasks.get(task).new_model(arch, None if task == "classifier" else LATENT, 0)
    return sum(parameter.numel() for parameter in model.parameters())


def left_out(names: str, task_names: str, *, params: int | None = None, macs: int | None = None) -> dict[str, str]:
    wanted = [tasks.get(name) for name in task_names.split()]
    return within(archs(*names.split()), wanted, LATENT, Limits(params, macs), names.split()[0]).left_out


def test_what_has_as_many_as_allowed_stays_and_what_has_one_more_is_left_out() -> None:
    most = params("cnn3", "vae")
    assert left_out(f"mlp cnn3 {SMALL}", "vae", params=most) == {}
    found = left_out(f"mlp cnn3 {SMALL}", "vae", params=most - 1)
    assert found == {"cnn3": f"{most:,} parameters of the task VAE, at most {most - 1:,}"}


def test_the_largest_of_the_tasks_that_it_can_do_counts() -> None:
    small, large = params("cnn3", "vae"), params("cnn3", "cvae")
    assert params("cnn3", "classifier") < small < large
    found = left_out(f"mlp cnn3 {SMALL} pool4", "classifier vae cvae", params=small)
    assert found["cnn3"] == f"{large:,} parameters of the task CVAE, at most {small:,}"
    assert found["pool4"] == f"{params('pool4', 'classifier'):,} parameters of the task classifier, at most {small:,}"


def test_multiply_accumulates_are_those_of_one_image_forward() -> None:
    """By hand: cnn2's classifier is 12 × 12 × 25 × 16, 4 × 4 × 25 × 16 × 32 and 512 × 10."""
    by_hand = 57_600 + 204_800 + 5_120
    assert left_out(f"mlp cnn2 {SMALL}", "classifier", macs=by_hand) == {}
    found = left_out(f"mlp cnn2 {SMALL}", "classifier", macs=by_hand - 1)
    assert found["cnn2"] == f"{by_hand:,} multiply-accumulates of the task classifier, at most {by_hand - 1:,}"


def test_the_baseline_stays_and_that_is_said() -> None:
    wanted, limits = [tasks.get("vae")], Limits(params("cnn3", "vae"), None)
    found = within(archs("mlp", "cnn3", "cnn:channels=64"), wanted, LATENT, limits, "mlp")
    assert [arch.name for arch in found.archs] == ["mlp", "cnn3"]
    assert found.said.startswith("left out, 1 of 3: cnn:depth=2,channels=64 (")
    assert f"; the baseline mlp stays, with {params('mlp', 'vae'):,} parameters of the task VAE" in found.said
    assert within(archs("mlp"), wanted, LATENT, limits, "mlp").left_out == {}, "if it was asked for alone it is trained"
    assert within(archs("mlp", "cnn3"), wanted, LATENT, Limits(None, None), "mlp").said == ""


def test_if_nothing_else_is_left_one_line_says_so() -> None:
    with pytest.raises(UserError) as caught:
        left_out("cnn2 cnn3 mlp", "vae", params=1_000)
    assert str(caught.value).startswith("--max-params 1000: nothing but the baseline cnn2 is left; cnn3 has 40,")
    assert "\n" not in str(caught.value)


def test_what_cannot_be_built_stays_for_its_runs_to_say_why(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(PLUGIN)
    registry = tasks.registry([str(tmp_path / "fails.py")])
    named = registry.resolve(["cnn2", "fails", "cnn3"]).archs
    found = within(named, [tasks.get("vae")], LATENT, Limits(10**6, 10**9), "cnn2")
    assert [arch.name for arch in found.archs] == ["cnn2", "fails", "cnn3"]


def test_sixty_cells_are_counted_in_a_few_seconds_and_no_thread_is_left_behind() -> None:
    named = archs("cnn2", "cnn:depth=1/2/3,kernel=3/5,channels=2/4/6/8/16,activation=relu/silu")
    assert len(named) == 61
    threads, begun = torch.get_num_threads(), time.process_time()
    within(named, [tasks.get("vae")], LATENT, Limits(60_000, 10**7), "cnn2")
    assert time.process_time() - begun < 10
    assert torch.get_num_threads() == threads
