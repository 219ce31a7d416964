"""The pretended GPU refuses what CUDA refuses, and does the rest.

Each promise of `tests.gpu.pretended_gpu` has a planted fault here, which is caught, and the right version, which passes.
"""

from __future__ import annotations

import copy
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from tests.gpu.pretended_gpu import pretended
from tests.gpu.pretended_machine import State

NOT_IN_CAPTURE = "not permitted when stream is capturing|unless the CPU tensor is pinned"
STUCK = "Offset increment outside graph capture encountered unexpectedly."


@pytest.fixture
def gpu() -> Iterator[State]:
    with pretended() as state:
        yield state


def captured(body: Callable[[], Any], *generators: torch.Generator, **how: Any) -> tuple[torch.cuda.CUDAGraph, Any]:
    """A graph of what `body` does, and what it returned."""
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    with torch.cuda.graph(graph, **how):
        out = body()
    return graph, out


def on(device: str, *shape: int) -> Tensor:
    return torch.ones(shape, device=device)


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


def test_a_device_that_is_not_there(gpu: State) -> None:
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


# Waiting

WAITING = {  # what, on a GPU's tensor: the host waits for each
    "item": lambda x: x.sum().item(),
    "a condition": lambda x: bool(x.sum() > 0),
    "tolist": lambda x: x.tolist(),
    "cpu": lambda x: x.cpu(),
    "numpy": lambda x: x.cpu().numpy(),
    "a copy from the CPU": lambda x: torch.ones(3).to("cuda"),
    "a new tensor": lambda x: torch.tensor([1.0], device="cuda"),
    "copy_": lambda x: x.copy_(torch.ones(3)),
    "nonzero": lambda x: x.nonzero(),
    "masked_select": lambda x: x.masked_select(x > 0),
    "a mask": lambda x: x[x > 0],
    "rows on the CPU": lambda x: x[torch.tensor([0, 1])],
    "equal": lambda x: torch.equal(x, x),
    "unique": lambda x: x.unique(),
    "inv": lambda x: torch.linalg.inv(x.diag()),
    "stream": lambda x: torch.cuda.current_stream().synchronize(),
}
UNSEEN = {  # by set_sync_debug_mode
    "synchronize": lambda x: torch.cuda.synchronize(),
    "event": lambda x: torch.cuda.Event().synchronize(),
}


@pytest.mark.filterwarnings("ignore:The CUDA Graph is empty")
@pytest.mark.parametrize("look", [*WAITING.values(), *UNSEEN.values()], ids=[*WAITING, *UNSEEN])
def test_a_wait_is_counted_and_no_part_of_a_capture(gpu: State, look: Callable[[Tensor], Any]) -> None:
    x = on("cuda", 3)
    look(x)
    assert gpu.waits == 1
    with pytest.raises(RuntimeError) as raised:
        captured(lambda: look(x))
    first = raised.value.__context__ if "previous error" in str(raised.value) else raised.value
    assert re.search(NOT_IN_CAPTURE, str(first))


@pytest.mark.parametrize("look", WAITING.values(), ids=WAITING)
def test_set_sync_debug_mode_finds_who_waits(gpu: State, look: Callable[[Tensor], Any]) -> None:
    x = on("cuda", 3)
    torch.cuda.set_sync_debug_mode("error")
    with pytest.raises(RuntimeError, match="called a synchronizing CUDA operation"):
        look(x)
    torch.cuda.set_sync_debug_mode("warn")
    with pytest.warns(UserWarning, match="called a synchronizing CUDA operation"):
        look(x)
    torch.cuda.set_sync_debug_mode("default")
    look(x)
    assert torch.cuda.get_sync_debug_mode() == 0


def test_what_does_not_wait(gpu: State) -> None:
    """Kernels, fills, copies among GPUs, and copies from and to pinned memory that are told not to wait."""
    torch.cuda.set_sync_debug_mode("error")
    x, pinned = on("cuda", 3), torch.empty(3, pin_memory=True)
    assert pinned.is_pinned() and pinned.device == torch.device("cpu") and not torch.empty(3).is_pinned()
    pinned.copy_(x, non_blocking=True)
    assert pinned.tolist() == [1.0] * 3
    torch.ones(3).pin_memory().to("cuda", non_blocking=True)
    assert x.to("cpu", non_blocking=True).is_pinned()
    x.to("cuda:1")
    x.fill_(2.0)
    torch.full((2,), 0.5, device="cuda")
    F.one_hot(torch.arange(3, device="cuda"), 4)
    assert gpu.waits == 0
    x.to("cuda:1").cuda().copy_(torch.ones(3), non_blocking=True)
    assert gpu.waits == 1, "memory that is not pinned is waited for, whatever is said"


def test_an_epoch_waits_only_where_it_looks(gpu: State) -> None:
    x, total = torch.rand(8, device="cuda"), torch.zeros((), device="cuda")
    graph, _ = captured(lambda: total.add_(x.sum()))
    before, launched = gpu.waits, gpu.launches
    for step in range(20):
        graph.replay()
        if step % 10 == 9:
            total.item()
    assert (gpu.waits - before, gpu.replays, gpu.launches - launched) == (2, 20, 0)
    x.view(2, 4).mul_(2).sum()
    assert gpu.launches - launched == 2, "a view is none"


# Graphs


def test_a_capture_computes_nothing_and_a_replay_everything(gpu: State) -> None:
    x, before = on("cuda", 3), on("cuda", 3)

    def body() -> tuple[Tensor, Tensor]:
        before.add_(x)
        return before * 2, torch.arange(3, device="cuda") + 1

    graph, (after, count) = captured(body)
    assert before.tolist() == [1.0] * 3 and after.isnan().all() and count.tolist() == [0] * 3
    graph.replay()
    assert before.tolist() == [2.0] * 3 and after.tolist() == [4.0] * 3 and count.tolist() == [1, 2, 3]
    x.fill_(10)
    graph.replay()
    assert before.tolist() == [12.0] * 3 and after.tolist() == [24.0] * 3
    with pytest.raises(RuntimeError, match="already owns a captured graph"), torch.cuda.graph(graph):
        pass
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        torch.cuda.CUDAGraph().replay()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_graph_captured_without_gradients_is_replayed_anywhere(gpu: State, mode: Callable) -> None:
    model, x = nn.Linear(3, 2).cuda(), torch.rand(4, 3, device="cuda")
    with mode():
        graph, out = captured(lambda: model(x).relu_())
    graph.replay()
    assert torch.equal(out, model(x).relu())


def test_a_number_of_the_host_is_repeated_as_it_was(gpu: State) -> None:
    """A learning rate kept on the CPU never changes in a graph; one on the device, or in pinned memory, does."""
    on_host, on_device = torch.tensor(1.0), on("cuda")
    pinned, carried = torch.ones(1).pin_memory(), on("cuda", 1)

    def body() -> Tensor:
        carried.copy_(pinned, non_blocking=True)
        return torch.stack([on_device * on_host, on_device * 1.0, carried[0]])

    graph, out = captured(body)
    graph.replay()
    assert out.tolist() == [1.0, 1.0, 1.0]
    for changed in (on_host, on_device, pinned):
        changed.fill_(3.0)
    graph.replay()
    assert out.tolist() == [3.0, 3.0, 3.0]
    on_device.fill_(1.0)
    graph.replay()
    assert out.tolist() == [1.0, 1.0, 3.0], "not 3, 1, 3: the host's number is still 1"


def test_an_empty_graph_is_noticed(gpu: State) -> None:
    x = on("cuda", 3)
    with pytest.warns(UserWarning, match="The CUDA Graph is empty"):
        graph, _ = captured(lambda: (x.view(3, 1), torch.empty(3, device="cuda"), torch.ones(3) + 1))
    graph.replay()
    assert graph.empty and graph.operations == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph, _ = captured(lambda: x + 1)
    assert not graph.empty and len(graph.operations) == 1


def test_another_gpu_has_no_part_in_a_capture(gpu: State) -> None:
    x, other = on("cuda:0", 3), on("cuda:1", 3)
    captured(lambda: x + 1)
    for fault in (lambda: other + 1, lambda: other.to("cuda:0"), lambda: x.to("cuda:1")):
        with pytest.raises(RuntimeError, match="operation on cuda:1 during a capture on cuda:0"):
            captured(lambda: (x + 1, fault()))  # noqa: B023
    torch.cuda.set_device(1)
    with pytest.raises(RuntimeError, match="capture on a stream of cuda:0 while cuda:1 is current"):
        captured(lambda: other + 1)  # torch's own stream was made for the first capture
    with pytest.raises(RuntimeError, match="capture on a stream of cuda:0 while cuda:1 is current"):
        captured(lambda: other + 1, stream=torch.cuda.Stream("cuda:0"))
    graph, out = captured(lambda: other + 1, stream=torch.cuda.Stream(), capture_error_mode="thread_local")
    graph.replay()
    assert out.tolist() == [2.0] * 3


class Doubled(torch.autograd.Function):
    """Twice x, whose derivative draws on the device and takes the draw away again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        noise = torch.randn(gradient.shape, device=gradient.device)
        return gradient * 2 + noise - noise


def various(x: Tensor, rows: Tensor) -> Sequence[Tensor]:
    """Operations of all sorts, forward and backward."""
    x = x.detach().requires_grad_()
    picked = Doubled.apply(x).index_select(0, rows)  # [2, 3, 3]
    y = torch.baddbmm(picked, picked, picked) + torch.bmm(picked, picked).as_strided((2, 3, 3), (9, 1, 3))
    y.max(-1).values.sum().backward()
    assert x.grad is not None
    many = [x.grad.clone(), y.detach().clone()]
    torch._foreach_add_(many, 1.5)
    torch._foreach_mul_(many, [2.0, 0.5])
    return [x.grad, *many, F.one_hot(rows, 4), x.detach()[rows], torch.where(y > 0, y, 0.0).detach()]


def test_a_replay_is_the_same_operations_to_the_bit(gpu: State) -> None:
    x, rows = torch.rand(4, 3, 3, device="cuda"), torch.tensor([2, 0], device="cuda")
    graph, out = captured(lambda: various(x, rows), pool=torch.cuda.graph_pool_handle())
    for _ in range(2):
        x.copy_(torch.rand(4, 3, 3, device="cuda"))
        graph.replay()
        torch.cuda.manual_seed(7)  # noise cancels but in the last bit
        eager = [one.clone() for one in various(x, rows)]
        torch.cuda.manual_seed(7)
        graph.replay()
        assert all(torch.equal(one, other) for one, other in zip(out, eager, strict=True))


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(4 * 6 * 6, 5)]
    return nn.Sequential(*layers).cuda()


def trained(graphed: bool, steps: int = 4, seed: int = 3) -> list[Tensor]:
    """Losses and weights of a net with dropout and a generator of its own, after steps of a fused Adam."""
    model, noise = network(), torch.Generator(device="cuda").manual_seed(seed)
    parameters, images, labels = list(model.parameters()), torch.empty(8, 1, 8, 8, device="cuda"), on("cuda", 8).long()
    means, squares = ([torch.zeros_like(parameter) for parameter in parameters] for _ in range(2))
    counts, rate = list(torch.zeros(len(parameters), device="cuda").unbind()), torch.zeros((), device="cuda")

    def step() -> Tensor:
        for parameter in parameters:
            parameter.grad = None
        x = images + torch.randn(images.shape, generator=noise, device="cuda")
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        torch._foreach_add_(counts, 1)
        with torch.no_grad():
            torch._fused_adam_(
                parameters, [parameter.grad for parameter in parameters], means, squares, [], counts, lr=rate,
                beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False,
            )  # fmt: skip
        return loss.detach()

    torch.manual_seed(seed)
    losses = []
    if graphed:
        graph, loss = captured(step, noise)
    for index in range(steps):
        images.fill_(index / steps)
        rate.fill_(0.01 / (1 + index))
        if graphed:
            graph.replay()
        else:
            loss = step()
        losses.append(loss.clone())
    return [*losses, *model.state_dict().values()]


def test_training_by_graph_is_training_to_the_bit(gpu: State) -> None:
    """Dropout, registered noise, batch norm's averages, Adam's counts, a rate and images that change."""
    eager, graphed, other = trained(False), trained(True), trained(False, seed=4)
    assert gpu.replays == 4
    assert all(torch.equal(one, same) for one, same in zip(eager, graphed, strict=True))
    assert not torch.equal(eager[3], other[3]) and len({loss.item() for loss in graphed[:4]}) == 4


def test_models_stacked_under_vmap_in_a_graph(gpu: State) -> None:
    models, x = [nn.Linear(3, 2).cuda() for _ in range(3)], torch.rand(3, 5, 3, device="cuda")
    names = [name for name, _ in models[0].named_parameters()]
    each = [dict(model.named_parameters()) for model in models]
    stacked = {name: torch.stack([own[name].detach() for own in each]).requires_grad_() for name in names}

    def step() -> dict[str, Tensor]:
        out = vmap(lambda own, x: functional_call(models[0], own, (x,)).square().mean())(stacked, x)
        return dict(zip(names, torch.autograd.grad(out.sum(), list(stacked.values())), strict=True))

    graph, gradients = captured(step)
    graph.replay()
    for index, model in enumerate(models):
        model(x[index]).square().mean().backward()
        for name, parameter in model.named_parameters():
            assert torch.allclose(gradients[name][index], parameter.grad, atol=1e-6)


# Random numbers


def test_a_graph_draws_afresh_from_generators_that_it_knows(gpu: State) -> None:
    def draws(generator: torch.Generator) -> Tensor:
        return torch.stack([torch.rand(3, generator=generator, device="cuda"), torch.rand(3, device="cuda")])

    own = torch.Generator("cuda").manual_seed(1)
    with pytest.raises(RuntimeError, match="not in capture mode"):
        captured(lambda: (torch.rand(3, device="cuda"), draws(own)))
    torch.cuda.manual_seed(2)
    expected = [draws(own) for _ in range(2)]
    torch.cuda.manual_seed(2)
    graph, out = captured(lambda: draws(own), own.manual_seed(1))
    for wanted in expected:
        graph.replay()
        assert torch.equal(out, wanted)
    assert not torch.equal(expected[0], expected[1])
    with pytest.raises(RuntimeError, match="device type for generator but found 'cpu'"):
        torch.cuda.CUDAGraph().register_generator_state(torch.Generator())
    with pytest.raises(RuntimeError, match="during CUDA graph capture"):
        captured(lambda: (draws(own), own.manual_seed(2)), own)


def test_each_device_has_a_default_generator_and_a_state(gpu: State) -> None:
    torch.manual_seed(5)
    first = torch.rand(3, device="cuda:0")
    state = torch.cuda.get_rng_state("cuda:1")
    assert torch.equal(torch.rand(3, device="cuda:1").cpu(), first.cpu()), "seeded all alike, drawn from apart"
    assert torch.equal(torch.rand(3), first.cpu())
    torch.cuda.set_rng_state(state, torch.device("cuda:1"))
    again = torch.rand(3, generator=torch.cuda.default_generators[1], device="cuda:1")
    assert torch.equal(again.cpu(), first.cpu())
    with torch.random.fork_rng(devices=[torch.device("cuda:0")]):
        inside = F.dropout(on("cuda", 64))
    assert torch.equal(F.dropout(on("cuda", 64)), inside)


def test_a_broken_capture_leaves_its_generators_and_stream_behind(gpu: State) -> None:
    """As torch 2.11 does: the fault is to go on in the same process."""
    own, apart = torch.Generator("cuda"), torch.Generator("cuda")
    x, before = on("cuda", 3), torch.cuda.current_stream()
    earlier, _ = captured(lambda: x.mul_(2))
    with pytest.raises(torch.AcceleratorError, match="previous error during capture"):
        captured(lambda: x.add_(1).sum().item(), own)
    assert x.tolist() == [1.0] * 3 and torch.cuda.current_stream() is not before
    for draw in (
        lambda: torch.rand(3, device="cuda"),
        lambda: torch.rand(3, generator=own, device="cuda"),
        earlier.replay,  # which has the default generator too
    ):
        with pytest.raises(RuntimeError, match=STUCK):
            draw()
    torch.rand(3, generator=apart, device="cuda")


def test_an_error_that_is_not_cudas_breaks_nothing(gpu: State) -> None:
    x, before = on("cuda", 3), torch.cuda.current_stream()
    with pytest.raises(ZeroDivisionError):
        captured(lambda: (x.add_(1), 1 / 0))
    assert x.tolist() == [1.0] * 3 and torch.cuda.current_stream() is before
    torch.rand(3, device="cuda")


# Streams, events, memory


def test_streams_belong_to_a_device(gpu: State) -> None:
    assert torch.cuda.Stream().device == torch.device("cuda:0")
    assert torch.cuda.current_stream("cuda:1") is torch.cuda.default_stream(1)
    side = torch.cuda.Stream(torch.device("cuda:1"))
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        assert torch.cuda.current_device() == 1 and torch.cuda.current_stream() is side
        assert not torch.cuda.is_current_stream_capturing()
    assert torch.cuda.current_device() == 0 and torch.cuda.current_stream(1) is torch.cuda.default_stream(1)
    graph = torch.cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="non-default stream"):
        graph.capture_begin()


def test_streams_join_a_capture_and_have_to_be_waited_for(gpu: State) -> None:
    x, side = on("cuda", 3), torch.cuda.Stream()

    def forked(joins: bool, is_joined: bool) -> Tensor:
        assert torch.cuda.is_current_stream_capturing()
        y = x + 1
        if joins:
            side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            y = y * 2
        if is_joined:
            torch.cuda.current_stream().wait_event(side.record_event())
        return y

    graph, out = captured(lambda: forked(True, True))
    graph.replay()
    assert out.tolist() == [4.0] * 3
    with pytest.raises(RuntimeError, match="no part in the capture"):
        captured(lambda: forked(False, True))
    with pytest.raises(torch.AcceleratorError, match="unjoined work"):
        captured(lambda: forked(True, False))


def test_an_event_is_over_when_the_host_has_waited(gpu: State) -> None:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    end.record(torch.cuda.current_stream())
    with pytest.raises(ValueError, match="must be completed"):
        start.elapsed_time(end)
    end.synchronize()
    assert start.elapsed_time(end) >= 0 and end.query() and gpu.waits == 1
    with pytest.raises(ValueError, match="must be recorded"):
        start.elapsed_time(torch.cuda.Event(enable_timing=True))
    with pytest.raises(ValueError, match="enable_timing"):
        start.elapsed_time(torch.cuda.Event())


def test_memory_is_counted_while_it_lives(gpu: State) -> None:
    x = torch.zeros(1000, device="cuda:1")
    view = x[:10]
    del x
    assert torch.cuda.memory_allocated("cuda:1") == 4000 and torch.cuda.memory_allocated() == 0
    y = torch.zeros(500, device="cuda:1", dtype=torch.float64)
    del y, view
    torch.cuda.empty_cache()
    assert torch.cuda.memory_allocated(1) == 0 and torch.cuda.max_memory_allocated(1) == 8000
    torch.cuda.reset_peak_memory_stats(1)
    assert torch.cuda.max_memory_allocated(1) == 0


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


def test_it_does_not_import_torchs_compiler() -> None:
    """Which takes a second or more, and would keep what is patched."""
    code = (
        "import sys, torch; from tests.gpu.pretended_gpu import pretended\n"
        "with pretended():\n"
        "    model = torch.nn.Linear(3, 2).cuda(); graph = torch.cuda.CUDAGraph()\n"
        "    with torch.cuda.graph(graph): model(torch.ones(4, 3, device='cuda')).sum().backward()\n"
        "    graph.replay()\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
