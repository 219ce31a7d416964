"""Transposed convolutions against torch's own full output, cropped by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from archs.blocks import TransposedConv2d

# in channels, out channels, kernel, stride, in size, size, rows dropped at the start
CASES = [
    (32, 16, 4, 3, 1, 3, 0), (16, 8, 4, 3, 3, 7, 1), (8, 8, 5, 2, 7, 14, 1), (8, 1, 5, 2, 14, 28, 1),
    (8, 1, 4, 4, 7, 28, 0), (4, 1, 4, 2, 14, 28, 1), (4, 1, 3, 2, 13, 28, 0), (4, 1, 1, 2, 14, 28, 0),
    (4, 3, 1, 5, 6, 28, 0), (4, 1, 1, 5, 6, 28, 0), (4, 1, 3, 1, 28, 28, 1),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_equals_the_cropped_full_output(case: tuple[int, ...]) -> None:
    inputs, outputs, kernel, stride, in_size, size, start = case
    torch.manual_seed(0)
    block = TransposedConv2d(inputs, outputs, kernel, stride=stride, in_size=in_size, size=size).double()
    x = torch.randn(2, inputs, in_size, in_size, dtype=torch.double)
    full = F.conv_transpose2d(x, block.weight, None, stride)
    missing = max(0, start + size - full.shape[-1])
    expected = F.pad(full, (0, missing, 0, missing))[..., start : start + size, start : start + size]
    torch.testing.assert_close(block(x), expected + block.bias[:, None, None], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if case[1] == 1])
def test_interleaved_form_has_the_gradients_of_the_direct_one(case: tuple[int, ...]) -> None:
    inputs, outputs, kernel, stride, in_size, size, _ = case
    torch.manual_seed(0)
    block = TransposedConv2d(inputs, outputs, kernel, stride=stride, in_size=in_size, size=size).double()
    x = torch.randn(2, inputs, in_size, in_size, dtype=torch.double)
    weights = torch.randn(2, outputs, size, size, dtype=torch.double)
    found = []
    for interleaves in (block.interleaves, False):
        block.interleaves = interleaves
        block.zero_grad()
        (block(x) * weights).sum().backward()
        assert block.weight.grad is not None
        found.append((block.weight.grad.clone(), block.bias.grad.clone()))  # type: ignore[union-attr]
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-12)


def test_a_size_out_of_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="make 17 rows, not 20"):
        TransposedConv2d(1, 1, 5, stride=2, in_size=7, size=20)
