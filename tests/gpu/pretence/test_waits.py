"""The pretended GPU: what the host waits for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.gpu.pretence.capture import captured, on
from tests.gpu.pretended_machine import State

NOT_IN_CAPTURE = "not permitted when stream is capturing|unless the CPU tensor is pinned"


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


def test_kernels_fills_and_pinned_copies_do_not_wait(gpu: State) -> None:
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
