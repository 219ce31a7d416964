"""The pretended GPU: graphs, and training by them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from tests.gpu.pretence.capture import captured, on
from tests.gpu.pretended_machine import State


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


def test_an_operation_on_another_gpu_in_a_capture_is_an_error(gpu: State) -> None:
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


def test_models_stacked_under_vmap_are_captured_and_replayed(gpu: State) -> None:
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
