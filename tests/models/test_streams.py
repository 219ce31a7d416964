"""Random streams: those of one seed and of different seeds never begin alike on the device that draws from them."""

from __future__ import annotations

import ast
from itertools import product

import torch

from bench.models.streams import generator, stream_seed
from tests.conftest import ROOT

CPU_BITS = 32
EXPANSIONS = {
    "split": ("train", "validation", "test"),
    "spec.part": ("iwae", "probe", "bayes", "samples", "few_labels"),
}
"""What stands in braces in a stream's name → all that it can be."""


def streams_in_use() -> set[tuple[str, int]]:
    """(Name, seed) of every stream that bench begins: of seeds 0 to 999, or of the one that stands in the code."""
    found = set()
    for path in (ROOT / "bench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("stream_seed", "generator"):
                seed, name = node.args[:2]
                seeds = range(1000) if not isinstance(seed, ast.Constant) else [seed.value]
                found |= set(product(_expanded(name), seeds))
    return found  # type: ignore[return-value]


def _expanded(name: ast.expr) -> list[str]:
    """All texts that a literal or an f-string stands for; none of a variable."""
    if isinstance(name, ast.Constant):
        return [str(name.value)]
    if not isinstance(name, ast.JoinedStr):
        return []
    choices = [
        (str(part.value),) if isinstance(part, ast.Constant) else EXPANSIONS[ast.unparse(part.value)]  # type: ignore[attr-defined]
        for part in name.values
    ]
    return ["".join(parts) for parts in product(*choices)]


def test_streams_differ_in_the_bits_that_a_cpu_uses() -> None:
    streams = streams_in_use()
    assert {("order", 999), ("binarise", 0), ("init/encoder", 5), ("layers/test", 7), ("pictures", 0)} <= streams
    assert ("pictures", 1) not in streams
    seeds = {stream: stream_seed(stream[1], stream[0]) for stream in streams}
    assert len({seed % 2**CPU_BITS for seed in seeds.values()}) == len(streams)
    assert all(0 <= seed < 2**63 for seed in seeds.values())


def test_torch_s_generator_on_a_cpu_takes_the_lower_32_bits_of_a_seed() -> None:
    """If a later torch takes more, the docstring of `stream_seed` is to say so."""
    first, other = (torch.Generator().manual_seed(seed) for seed in (5, 5 + 2**CPU_BITS))
    assert torch.equal(torch.rand(9, generator=first), torch.rand(9, generator=other))
    assert not torch.equal(
        torch.rand(9, generator=generator(0, "order")), torch.rand(9, generator=generator(1, "order"))
    )
