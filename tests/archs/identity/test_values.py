"""What is bound to a builder, as text: it tells one builder from another, and is the same text everywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from archs.identity.structure import structure
from archs.identity.values import bound

Builder = Callable[[int], Any]


@dataclass(frozen=True)
class Config:
    width: int
    rates: tuple[float, ...] = (0.1,)
    where: Path = Path("somewhere")


class Point(NamedTuple):
    x: int


class Kind(Enum):
    A = 1
    B = 2


class Maker:
    __slots__ = ("width",)

    def __init__(self, width: int) -> None:
        self.width = width

    def __call__(self, channels: int) -> nn.Module:
        return nn.Linear(channels, self.width)


def build(channels: int, *given: Any, **more: Any) -> nn.Module:
    return nn.Linear(channels, 4)


def closing_over(value: Any) -> Builder:
    return lambda channels: build(channels, value)


VALUES: list[tuple[Any, Any]] = [
    (8, 9), (8, 8.0), (1, True), (0.1, 0.2), ("a", "b"), ("a", b"a"), (None, False), (1j, 2j), (..., None),
    ((1, 2), [1, 2]), ([1, 2], [2, 1]), ({"a": 1}, {"a": 2}), ({1, 2}, {1, 3}), (Config(4), Config(5)),
    (Config(4), Config(4, (0.2,))), (Config(4), Config(4, where=Path("else"))), (Point(1), Point(2)), (Kind.A, Kind.B),
    (Maker(4), Maker(5)), (nn.ReLU, nn.SiLU), (torch.relu, torch.tanh), (len, max), (np.int64(1), np.int64(2)),
    (SimpleNamespace(a=1), SimpleNamespace(a=2)), (torch.float32, torch.float64), (np.float32(1), np.float32(2)),
    (functools.partial(build, a=1), functools.partial(build, a=2)), (Maker(4).__call__, Maker(5).__call__),
    (functools.cache(closing_over(1)), functools.cache(closing_over(2))),
    (closing_over(closing_over(1)), closing_over(closing_over(2))),
]  # fmt: skip


@pytest.mark.parametrize("one, other", VALUES)
def test_what_is_bound_to_a_builder_tells_it_from_another(one: Any, other: Any) -> None:
    for bind in (
        closing_over,
        lambda value: functools.partial(build, given=value),
        lambda value: functools.partial(functools.partial(build, 1), value),
    ):
        texts = [bound(bind(value)).text for value in (one, other)]
        assert texts[0] != texts[1]
        assert " at 0x" not in texts[0]
        assert bound(bind(one)).text == texts[0]


def test_what_is_bound_says_no_address_no_folder_and_no_device() -> None:
    loop: list[Any] = [object(), torch.ones(3), nn.Linear(3, 4)]
    loop.append(loop)
    here, there = (
        functools.partial(build, loop, Path(f"/{folder}/weights.pt"), f"/{folder}/weights.pt", device=device)
        for folder, device in (("a", "cpu"), ("b", "cuda:1"))
    )
    assert bound(here).text == bound(there).text
    assert "0x7" not in bound(here).text


def test_what_is_bound_is_told_without_order_where_there_is_none_and_without_what_can_not_be_read() -> None:
    assert bound(closing_over({"a": 1, "b": {2, 3}})).text == bound(closing_over({"b": {3, 2}, "a": 1})).text

    class Unreadable:
        def __getattr__(self, name: str) -> None:
            raise RuntimeError(name)

    assert "Unreadable" in bound(closing_over(Unreadable())).text


def test_what_is_bound_is_what_was_bound_before_any_call() -> None:
    class Counts:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, channels: int) -> nn.Module:
            self.calls += 1
            return nn.Linear(channels, 4)

    builder = Counts()
    before = bound(builder)
    structure(builder, 1)
    assert builder.calls == 2
    assert bound(builder) == before


def test_the_modules_of_what_is_bound_are_read() -> None:
    from tests.archs.identity import specimens, test_fingerprint

    read = bound(functools.partial(build, {"a": [specimens.write]}, key=closing_over(test_fingerprint.print_of)))
    assert {__name__, "tests.archs.identity.specimens", "tests.archs.identity.test_fingerprint"} <= read.modules
