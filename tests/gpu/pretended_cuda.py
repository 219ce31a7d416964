"""What stands in for `torch.cuda`: each public name here replaces the one of that name there, and means the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from tests.gpu.pretended_graph import CUDAGraph, graph
from tests.gpu.pretended_machine import Generator, now
from tests.gpu.pretended_streams import Event, Stream, current_stream, stream

__all__ = [
    "CUDAGraph", "Event", "Stream", "current_device", "current_stream", "default_stream", "device", "device_count",
    "empty_cache", "get_device_capability", "get_device_name", "get_device_properties", "get_rng_state",
    "get_rng_state_all", "get_sync_debug_mode", "graph", "graph_pool_handle", "init", "initial_seed", "is_available",
    "is_current_stream_capturing", "is_initialized", "manual_seed", "manual_seed_all", "max_memory_allocated",
    "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_reserved", "reset_peak_memory_stats", "seed",
    "seed_all", "set_device", "set_rng_state", "set_rng_state_all", "set_stream", "set_sync_debug_mode", "stream",
    "synchronize",
]  # fmt: skip

MEMORY = 80 * 2**30  # bytes of each GPU
DEBUG_MODES = {"default": 0, "warn": 1, "error": 2}


def number(device: Any) -> int:
    """The number of a GPU, however it is named."""
    return now().resolved(device).index


# Devices


def init() -> None:
    pass


def is_available() -> bool:
    return True


def is_initialized() -> bool:
    return True


def device_count() -> int:
    return now().gpus


def current_device() -> int:
    return now().current


def set_device(device: Any) -> None:
    now().current = number(device)


@contextlib.contextmanager
def device(device: Any) -> Iterator[None]:
    before = current_device()
    set_device(device)
    try:
        yield
    finally:
        set_device(before)


def get_device_name(device: Any = None) -> str:
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    found = get_device_properties(device)
    return found.major, found.minor


def get_device_properties(device: Any = None) -> SimpleNamespace:
    return SimpleNamespace(
        name="Pretended GPU",
        major=9,
        minor=0,
        total_memory=MEMORY,
        multi_processor_count=132,
        L2_cache_size=50 * 2**20,
        uuid=f"pretended-{number(device)}",
    )


# Streams


def default_stream(device: Any = None) -> Stream:
    return now().default_streams[number(device)]


def set_stream(stream: Stream) -> None:
    now().current = stream.device.index
    now().streams[stream.device.index] = stream


def synchronize(device: Any = None) -> None:
    now().wait("torch.cuda.synchronize", debugged=False)


def is_current_stream_capturing() -> bool:
    return current_stream().is_capturing()


def graph_pool_handle() -> tuple[int, int]:
    return (0, id(object()))


def set_sync_debug_mode(debug_mode: int | str) -> None:
    now().sync_debug = DEBUG_MODES[debug_mode] if isinstance(debug_mode, str) else debug_mode


def get_sync_debug_mode() -> int:
    return now().sync_debug


# Random numbers


def default_generator(device: Any) -> Generator:
    return now().generators[number(device)]


def manual_seed(seed: int) -> None:
    default_generator(None).manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    for generator in now().generators:
        generator.manual_seed(seed)


def seed() -> None:
    default_generator(None).seed()


def seed_all() -> None:
    for generator in now().generators:
        generator.seed()


def initial_seed() -> int:
    return default_generator(None).initial_seed()


def get_rng_state(device: Any = "cuda") -> Tensor:
    return default_generator(device).get_state()


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    default_generator(device).set_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    return [generator.get_state() for generator in now().generators]


def set_rng_state_all(new_states: list[Tensor]) -> None:
    for generator, state in zip(now().generators, new_states, strict=True):
        generator.set_state(state)


# Memory: what live tensors take, to the byte; a graph keeps all that was born in its capture


def memory_allocated(device: Any = None) -> int:
    return now().allocated[number(device)]


def max_memory_allocated(device: Any = None) -> int:
    return now().peak[number(device)]


def reset_peak_memory_stats(device: Any = None) -> None:
    now().peak[number(device)] = memory_allocated(device)


memory_reserved, max_memory_reserved = memory_allocated, max_memory_allocated


def mem_get_info(device: Any = None) -> tuple[int, int]:
    return MEMORY - memory_allocated(device), MEMORY


def empty_cache() -> None:
    pass
