"""The pretended GPU: random numbers, streams, events and memory."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.gpu.pretence.capture import captured, on
from tests.gpu.pretended_machine import State

STUCK = "Offset increment outside graph capture encountered unexpectedly."


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
