"""Transposed convolutions, in each of their forms, against torch's own full output, cropped by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from archs.blocks import TransposedConv2d

# in channels, out channels, kernel, stride, in size, size, rows dropped at the start
CASES = [
    (32, 16, 4, 3, 1, 3, 0), (16, 8, 4, 3, 3, 7, 1), (8, 8, 5, 2, 7, 14, 1), (8, 1, 5, 2, 14, 28, 1),
    (8, 1, 4, 4, 7, 28, 0), (4, 1, 4, 2, 14, 28, 1), (4, 1, 3, 2, 13, 28, 0), (4, 1, 1, 2, 14, 28, 0),
    (4, 3, 1, 5, 6, 28, 0), (4, 1, 1, 5, 6, 28, 0), (4, 1, 3, 1, 28, 28, 1), (4, 3, 2, 4, 1, 3, 0), (5, 2, 7, 2, 1, 3, 2),
]  # fmt: skip
FORMS = ["direct", "blocks", "matrix"]


def allowed(case: tuple[int, ...], form: str) -> bool:
    return form != "matrix" or case[4] == 1


each = pytest.mark.parametrize("case, form", [(case, form) for case in CASES for form in FORMS if allowed(case, form)])


def block_of(case: tuple[int, ...], form: str) -> TransposedConv2d:
    inputs, outputs, kernel, stride, in_size, size, _ = case
    torch.manual_seed(0)
    block = TransposedConv2d(inputs, outputs, kernel, stride=stride, in_size=in_size, size=size).double()
    block.form = form
    return block


@each
def test_equals_the_cropped_full_output(case: tuple[int, ...], form: str) -> None:
    inputs, _, _, stride, in_size, size, start = case
    block = block_of(case, form)
    x = torch.randn(2, inputs, in_size, in_size, dtype=torch.double)
    full = F.conv_transpose2d(x, block.weight, None, stride)
    missing = max(0, start + size - full.shape[-1])
    expected = F.pad(full, (0, missing, 0, missing))[..., start : start + size, start : start + size]
    torch.testing.assert_close(block(x), expected + block.bias[:, None, None], rtol=1e-12, atol=1e-12)


@each
def test_every_form_has_the_gradients_of_the_direct_one(case: tuple[int, ...], form: str) -> None:
    inputs, outputs, _, _, in_size, size, _ = case
    torch.manual_seed(0)
    x = torch.randn(2, inputs, in_size, in_size, dtype=torch.double, requires_grad=True)
    weights = torch.randn(2, outputs, size, size, dtype=torch.double)
    found = []
    for used in (form, "direct"):
        block = block_of(case, used)
        found.append(torch.autograd.grad((block(x) * weights).sum(), [x, block.weight, block.bias]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-12)


def test_a_size_out_of_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="make 17 rows, not 20"):
        TransposedConv2d(1, 1, 5, stride=2, in_size=7, size=20)
