"""The pretended GPU: where tensors are, which devices mix, and that nothing is left behind."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import vmap

from bench.machine.child import call_in_child
from tests.gpu.pretence.capture import captured, on
from tests.gpu.pretended_gpu import pretended
from tests.gpu.pretended_machine import State

# Where tensors are


def test_tensors_say_where_they_are(gpu: State) -> None:
    x = torch.zeros(3, device="cuda")
    assert (x.device, x.is_cuda, x.is_cpu, x.get_device()) == (torch.device("cuda:0"), True, False, 0)
    assert {x[1:].device, x.data.device, x.view(3, 1).device, x.double().device, (x + 1).device} == {x.device}
    assert x.cpu().device == x.to("cpu").device == torch.device("cpu") and not x.cpu().is_cuda
    assert x.cpu().cuda(1).device == x.to(device="cuda:1").device == torch.device("cuda:1")
    assert x.to(torch.float64).device == x.device and x.to(x.device) is x
    torch.cuda.set_device(1)
    assert torch.cuda.current_device() == 1
    made = [torch.tensor([1.0], device="cuda"), torch.arange(3, device="cuda"), x.new_zeros(2, device="cuda")]
    made += [torch.empty_like(x, device="cuda"), torch.as_tensor([1], device="cuda"), torch.ones(2).cuda()]
    assert {one.device for one in made} == {torch.device("cuda:1")}, "the current one is meant"
    assert {torch.zeros_like(x).device, x.new_ones(2).device, x.new_tensor([1.0]).device} == {x.device}
    assert torch.zeros(3).device == torch.device("cpu")


def test_modules_and_gradients_are_where_their_parameters_are(gpu: State) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to("cuda:1", memory_format=torch.channels_last)
    copied = copy.deepcopy(model)
    copied(on("cuda:1", 4, 3)).max(0).values.sum().backward()
    every = [*copied.parameters(), *copied.buffers(), *(parameter.grad for parameter in copied.parameters())]
    assert {x.device for x in every} == {torch.device("cuda:1")}
    start = torch.ones(3, requires_grad=True)
    (start.cuda() * 2).sum().cpu().backward()
    assert start.grad is not None and start.grad.device == torch.device("cpu") and start.grad.tolist() == [2, 2, 2]


def test_what_vmap_hands_on_says_where_it_is(gpu: State) -> None:
    def inner(x: Tensor) -> Tensor:
        assert x.device == torch.device("cuda:0")
        return x + torch.ones(3, device=x.device)

    assert vmap(inner)(on("cuda", 2, 3)).tolist() == [[2.0] * 3] * 2
    with pytest.raises(RuntimeError, match="two devices"):
        vmap(lambda x: x + torch.ones(3))(on("cuda", 2, 3))


def test_a_gpu_that_is_not_there_is_an_error(gpu: State) -> None:
    assert (torch.cuda.device_count(), torch.cuda.is_available(), gpu.gpus) == (2, True, 2)
    assert torch.cuda.get_device_properties(1).name == torch.cuda.get_device_name("cuda:1")
    for fault in (lambda: on("cuda:2", 1), lambda: torch.cuda.set_device(2), lambda: torch.Generator("cuda:2")):
        with pytest.raises(RuntimeError, match="invalid device ordinal"):
            fault()


# What an operation refuses

TWO = "Expected all tensors to be on the same device, but found at least two devices"
REFUSED = {  # the fault, the right version, what is said
    "two GPUs": (lambda: on("cuda", 3) + on("cuda:1", 3), lambda: on("cuda", 3) + on("cuda:1", 3).to("cuda:0"), TWO),
    "the CPU": (lambda: on("cuda", 3) + on("cpu", 3), lambda: on("cuda", 3) + on("cpu"), TWO),
    "a number changed": (lambda: on("cpu").add_(on("cuda")), lambda: on("cuda").add_(on("cpu")), TWO),
    "a list": (lambda: torch.stack([on("cuda"), on("cpu")]), lambda: torch.stack([on("cuda"), on("cuda")]), TWO),
    "weights": (
        lambda: F.linear(on("cuda", 2, 3), on("cpu", 4, 3)),
        lambda: F.linear(on("cuda", 2, 3), on("cuda", 4, 3)),
        TWO,
    ),
    "rows": (
        lambda: on("cuda", 3).index_select(0, torch.tensor([1])),
        lambda: on("cuda", 3).index_select(0, torch.tensor([1]).cuda()),
        TWO,
    ),
    "rows on a GPU": (lambda: on("cpu", 3)[on("cuda", 2).long()], lambda: on("cuda", 3)[on("cpu", 2).long()], TWO),
    "numpy": (lambda: on("cuda", 3).numpy(), lambda: on("cuda", 3).cpu().numpy(), "can't convert cuda:0"),
    "pinning": (lambda: on("cuda", 3).pin_memory(), lambda: on("cpu", 3).pin_memory(), "only dense CPU tensors"),
}


@pytest.mark.parametrize("fault, right, said", REFUSED.values(), ids=REFUSED)
def test_devices_do_not_mix(gpu: State, fault: Callable, right: Callable, said: str) -> None:
    with pytest.raises((RuntimeError, TypeError), match=said):
        fault()
    right()


@pytest.mark.parametrize("of, wrong", [("cuda:0", "cpu"), ("cuda:0", "cuda:1"), ("cpu", "cuda:0")])
def test_a_generator_draws_on_its_own_device(gpu: State, of: str, wrong: str) -> None:
    generator = torch.Generator(device=of).manual_seed(1)
    assert generator.device == torch.device(of)
    for device in (of, wrong):
        for draw in (
            lambda: torch.randn(3, generator=generator, device=device),  # noqa: B023
            lambda: torch.empty(3, device=device).bernoulli_(0.5, generator=generator),  # noqa: B023
        ):
            if device == of:
                draw()
            else:
                with pytest.raises(RuntimeError, match="device type for generator but found"):
                    draw()


# The pretence itself


def names_of_torch() -> dict[str, Any]:
    """What the names mean that could be patched."""
    owners = {"torch": torch, "cuda": torch.cuda, "accelerator": torch.accelerator, "Tensor": Tensor, "functional": F}
    return {f"{owner}.{name}": value for owner, of in owners.items() for name, value in vars(of).items()}


def test_nothing_is_left_behind_even_after_an_error() -> None:
    before, kept = names_of_torch(), None
    with pytest.raises(ZeroDivisionError), pretended():
        kept = torch.ones(3, device="cuda")
        with torch.cuda.stream(torch.cuda.Stream()):
            torch.cuda.CUDAGraph().capture_begin()
            1 / 0  # noqa: B018
    assert names_of_torch() == before
    assert kept is not None and kept.device == torch.device("cpu") and (kept + torch.ones(3)).sum().item() == 6
    with pretended(gpus=1) as state:
        assert torch.cuda.device_count() == 1 and state.waits == state.replays == state.launches == 0
        with pytest.raises(RuntimeError, match="pretended already"), pretended():
            pass
        assert torch.zeros(1, device="cuda").is_cuda


def compiler_after_a_pretended_graph() -> bool:
    with pretended():
        model = nn.Linear(3, 2).cuda()
        graph, _ = captured(lambda: model(on("cuda", 4, 3)).sum().backward())
        graph.replay()
    return "torch._dynamo" in sys.modules


def test_it_does_not_import_torchs_compiler() -> None:
    """Which takes a second or more, and would keep what is patched."""
    assert not call_in_child(compiler_after_a_pretended_graph)
