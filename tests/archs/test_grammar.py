"""The spelling of architectures: canonical names, grids, wildcards, and one clear line for each mistake."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archs.errors import UserError
from archs.grammar import parse
from archs.registry import discover

REGISTRY = discover()


def names(*texts: str) -> list[str]:
    return [arch.name for arch in REGISTRY.resolve(texts).archs]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("cnn2", ["cnn2"]),
        ("CNN2", ["cnn2"]),
        ("cnn", ["cnn:depth=2"]),
        ("cnn:kernel=3-3,depth=2", ["cnn:depth=2"]),
        ("cnn:channels=16-32", ["cnn:depth=2"]),
        ("cnn:kernel=5-3", ["cnn:depth=2,kernel=5-3"]),
        ("cnn:kernel=5-5-5", ["cnn:depth=3,kernel=5"]),
        ("cnn:padding=valid,stride=1,kernel=05", ["cnn:depth=2,kernel=5,stride=1,padding=valid"]),
        ("cnn:depth=2/3,kernel=3/5",
         ["cnn:depth=2", "cnn:depth=2,kernel=5", "cnn:depth=3", "cnn:depth=3,kernel=5"]),
        ("cnn*", ["cnn2", "cnn2-k4", "cnn3"]),
        ("cnn2+cnn3", ["cnn2+cnn3"]),
        ("cnn2+cnn2", ["cnn2"]),
        ("cnn2/cnn3+cnn2/cnn3", ["cnn2", "cnn2+cnn3", "cnn3+cnn2", "cnn3"]),
        ("cnn3+cnn:depth=1/2", ["cnn3+cnn:depth=1", "cnn3+cnn:depth=2"]),
    ],
)  # fmt: skip
def test_canonical_names(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_a_canonical_name_is_its_own_canonical_name() -> None:
    grid = names(
        "cnn:depth=1/2/3,kernel=3/5,stride=1/2,padding=same/1,channels=4/16,activation=relu/silu", "*", "cnn2+mlp"
    )
    assert [names(name) for name in grid] == [[name] for name in grid]


def test_each_architecture_once_in_the_order_asked() -> None:
    assert names("cnn3", "cnn2", "cnn3", "cnn*") == ["cnn3", "cnn2", "cnn2-k4"]


def test_illegal_cells_of_a_grid_are_set_aside_with_the_reason() -> None:
    resolved = REGISTRY.resolve(["cnn:depth=2/4,kernel=3/5,padding=valid"])
    assert [arch.name for arch in resolved.archs] == ["cnn:depth=2,padding=valid", "cnn:depth=2,kernel=5,padding=valid"]
    assert resolved.illegal["cnn:depth=4,kernel=3,padding=valid"].startswith("cnn: layer 4 gets 2×2 pixels")


BAD = [
    ("", "empty architecture name"),
    ("cnn4", "unknown architecture 'cnn4'; did you mean"),
    ("cmm2", "did you mean 'cnn2'?"),
    ("zzz", "choose from cnn, cnn2"),
    ("cnm:depth=2", "unknown family 'cnm'; did you mean 'cnn'?"),
    ("mlp:depth=2", "unknown family 'mlp'"),
    ("cnn:", "'' is not an option; write key=value"),
    ("cnn:depth", "'depth' is not an option"),
    ("cnn:kernel=", "kernel= has an empty value"),
    ("cnn:kernel=3/", "kernel= has an empty value"),
    ("cnn:depth=0", "'0' is not a whole number from 1 to 8"),
    ("cnn:depth=2-3", "must be one number; write depth=2/3"),
    ("cnn:depth=1e3", "'1e3' is not a whole number"),
    ("cnn:depht=2", "unknown option 'depht'; did you mean 'depth'?"),
    ("cnn:depth=2,depth=3", "'depth' is given twice"),
    ("cnn:kernel=29", "from 1 to 28"),
    ("cnn:depth=3,kernel=7,padding=valid", "layer 3 gets 3×3 pixels: kernel 7 is larger than that; use at most 3"),
    ("cnn:depth=3,kernel=15", "layer 2 gets 14×14 pixels: kernel 15 is larger than that; use at most 14"),
    ("cnn:kernel=3-5,depth=3", "kernel lists 2 values for depth 3; give 1 or 3"),
    ("cnn:kernel=3-5,stride=1-2-1", "kernel lists 2 values for depth 3"),
    ("cnn:padding=3", "padding 3 needs a kernel larger than 3"),
    ("cnn:padding=full", "'full' is not a whole number"),
    ("cnn:activation=rlu", "did you mean 'relu'?"),
    ("cnn:stride=2-1,channels=8,skip=ja", "skip=ja is neither yes nor no"),
    ("cnn:stride=2-1,skip=yes", "no layer after the first keeps the size and the number of channels"),
    ("cnn:kernel=__import__('os')", "is not a value"),
    ("cnn2+pool4", "pool4 has no decoder"),
    ("cnn2+", "'' is not a name"),
    ("cnn2+cnn3+mlp", "has 2 '+'"),
    ("cnn2/cnn:depth=2", "is not a family name"),
    ("q*", "no architecture matches 'q*'"),
    ("ｃnn2", "holds a character"),
    ("cnn:kernel=" + "3-" * 600, "longer than 1000 characters"),
    ("cnn:" + ",".join(f"{key}=1/2/3/4/5/6/7/8/9" for key in "abcdef"), "spans more than"),
]  # fmt: skip


@pytest.mark.parametrize("text, expected", BAD, ids=lambda value: value[:30])
def test_a_mistake_is_one_clear_line(text: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        REGISTRY.resolve([text])
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="cnmlp234:=,/-+*?depthkrslaiov ", max_size=40) | st.text(max_size=20))
def test_any_text_gives_architectures_or_a_user_error(text: str) -> None:
    try:
        found = REGISTRY.resolve([text])
    except UserError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert found.archs


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="cnn23:=,/depthkr", max_size=30))
def test_the_parser_alone_never_raises_anything_else(text: str) -> None:
    with contextlib.suppress(UserError):
        parse(text)


@st.composite
def family_texts(draw: st.DrawFn) -> str:
    """Well-formed texts of the family, legal or not: any subset of its options in any order, with lists and grids."""
    numbers = st.integers(0, 30).map(str)
    lists = st.lists(numbers, min_size=1, max_size=4).map("-".join)
    values = {
        "depth": numbers,
        "kernel": lists,
        "stride": lists,
        "channels": lists,
        "padding": lists | st.sampled_from(["same", "valid", "same-valid"]),
        "activation": st.sampled_from(["relu", "silu", "tanh"]),
        "skip": st.sampled_from(["yes", "no"]),
    }
    keys = draw(st.lists(st.sampled_from(sorted(values)), unique=True, max_size=7))
    chosen = [f"{key}={'/'.join(draw(st.lists(values[key], min_size=1, max_size=2)))}" for key in keys]
    return "cnn:" + ",".join(chosen) if chosen else "cnn"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        family_texts() | st.sampled_from(["cnn2", "CNN3", "mlp", "cnn*", "pool4", "cnn2/cnn3"]), min_size=1, max_size=2
    )
)
def test_what_is_printed_parses_to_itself(sides: list[str]) -> None:
    """parse∘print is the identity: a canonical name spells the same architecture, with the same name and factors."""
    try:
        found = REGISTRY.resolve(["+".join(sides)])
    except UserError as error:
        assert len(str(error).splitlines()) == 1
        return
    for arch in found.archs[:5]:
        (again,) = REGISTRY.resolve([arch.name]).archs
        assert (again.name, again.factors) == (arch.name, arch.factors)
    for reason in found.illegal.values():
        assert len(reason.splitlines()) == 1
