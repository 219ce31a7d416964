"""Convolutions and transposed ones, in each of their forms, against torch's own."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archs.blocks import Conv2d, Flatten, TransposedConv2d, Unflatten, faster_in_blocks
from archs.forms import Convolution
from archs.function import Function

# in channels, out channels, kernel, stride, in size, size, rows dropped at the start
CASES = [
    (32, 16, 4, 3, 1, 3, 0), (16, 8, 4, 3, 3, 7, 1), (8, 8, 5, 2, 7, 14, 1), (8, 1, 5, 2, 14, 28, 1),
    (8, 1, 4, 4, 7, 28, 0), (4, 1, 4, 2, 14, 28, 1), (4, 1, 3, 2, 13, 28, 0), (4, 1, 1, 2, 14, 28, 0),
    (4, 3, 1, 5, 6, 28, 0), (4, 1, 1, 5, 6, 28, 0),
    (4, 1, 3, 1, 28, 28, 1), (4, 3, 2, 4, 1, 3, 0), (5, 2, 7, 2, 1, 3, 2),
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


@pytest.mark.parametrize(
    "case, form", [(case, form) for case in CASES for form in FORMS if allowed(case, form) and form != "direct"]
)
@pytest.mark.parametrize("dtype, tolerance", [(torch.double, 1e-12), (torch.float, 1e-4)], ids=str)
def test_every_form_has_the_values_and_gradients_of_the_direct_one(
    case: tuple[int, ...], form: str, dtype: torch.dtype, tolerance: float
) -> None:
    inputs, outputs, _, _, in_size, size, _ = case
    torch.manual_seed(0)
    x = torch.randn(2, inputs, in_size, in_size, dtype=dtype, requires_grad=True)
    upstream = torch.randn(2, outputs, size, size, dtype=dtype)
    found = []
    for used in (form, "direct"):
        block = block_of(case, used).to(dtype)
        y = block(x)
        found.append((y, *torch.autograd.grad(y, [x, block.weight, block.bias], upstream)))
    torch.testing.assert_close(found[0], found[1], rtol=tolerance, atol=tolerance)


def test_a_size_out_of_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="make 17 rows, not 20"):
        TransposedConv2d(1, 1, 5, stride=2, in_size=7, size=20)


# in channels, out channels, kernel, stride, size, padding: rows left over, overlaps and gaps among them
CONVOLUTIONS = [
    (16, 32, 5, 2, 12, 0), (16, 3, 4, 2, 13, 0), (2, 3, 3, 2, 14, 1), (3, 2, 5, 3, 11, 2),
    (2, 3, 2, 2, 9, 0), (1, 4, 5, 2, 28, 0),
    (1, 4, 5, 2, 10, 2), (1, 4, 3, 2, 8, 1), (1, 4, 4, 2, 9, 0), (1, 4, 4, 2, 12, 0), (2, 3, 1, 2, 8, 0),
    (2, 2, 2, 4, 11, 1), (17, 2, 3, 2, 9, 1), (2, 3, 3, 1, 6, 1), (2, 3, 4, 2, 4, 0),
]  # fmt: skip


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("of_the_image", [False, True])
def test_a_convolution_and_its_gradients_equal_torch_s(case: tuple[int, ...], of_the_image: bool) -> None:
    """of_the_image: the gradient of the input is not asked for."""
    inputs, outputs, kernel, stride, size, padding = case
    torch.manual_seed(0)
    own = Conv2d(inputs, outputs, kernel, stride, padding).double()
    x = torch.randn(2, inputs, size, size, dtype=torch.double, requires_grad=not of_the_image)
    sought = [*own.parameters(), *([] if of_the_image else [x])]
    found = own(x)
    expected = F.conv2d(x, own.weight, own.bias, stride, padding)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    upstream = torch.randn_like(expected)
    gradients = [torch.autograd.grad(y, sought, upstream) for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"groups": 2}, {"dilation": 2}, {"padding_mode": "circular", "padding": 1}, {"bias": False}, {"stride": (2, 1)},
        {"kernel_size": (3, 2)}, {"padding": (1, 0)}, {"padding": "valid"}, {"padding": "same", "stride": 1},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_else_torch_s_convolution_can_do_this_one_can(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    own = Conv2d(4, 6, **{"kernel_size": 3, "stride": 2, **options}).double()
    torch_s = nn.Conv2d(4, 6, **{"kernel_size": 3, "stride": 2, **options}).double()
    torch_s.load_state_dict(own.state_dict())
    x = torch.randn(2, 4, 9, 9, dtype=torch.double, requires_grad=True)
    torch.testing.assert_close(own(x), torch_s(x), rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(conv(x).square().sum(), [x, conv.weight]) for conv in (own, torch_s)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_a_faster_form_is_used_where_there_is_one() -> None:
    x = torch.randn(2, 16, 12, 12, requires_grad=True)
    assert Conv2d(16, 32, 5, 2)(x).grad_fn.name() == "ConvolutionBackward"
    assert Conv2d(16, 32, 5, 2, bias=False)(x).grad_fn.name() == nn.Conv2d(16, 32, 5, 2)(x).grad_fn.name()
    assert faster_in_blocks(16, 2) and not faster_in_blocks(16, 1) and not faster_in_blocks(17, 2)
    assert TransposedConv2d(8, 8, 5, stride=2, in_size=7, size=14).form == "blocks"
    assert TransposedConv2d(64, 32, 3, stride=2, in_size=4, size=7).form == "direct"


def test_our_functions_are_called_without_a_look_at_their_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which torch takes at each call of a function with `setup_context`, for most of the time that the call takes."""

    def look(*of: Any, **options: Any) -> None:
        raise AssertionError("looked at a signature")

    monkeypatch.setattr(inspect, "signature", look)
    weight, x = torch.ones(3, 2, 3, 3), torch.ones(1, 2, 8, 8, requires_grad=True)
    Convolution.apply(x, weight, torch.ones(3), 2, 0, True).sum().backward()
    assert x.grad is not None
    with pytest.raises(AssertionError, match="signature"):  # as torch itself does, or the above shows nothing
        super(Function, Convolution).apply(x, weight, torch.ones(3), 2, 0, True)


def test_flatten_and_its_inverse_go_pixel_by_pixel_and_move_nothing_with_channels_last() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    flat = Flatten()(x)
    assert torch.equal(flat.view(2, 4, 4, 3)[1, 2, 3], x[1, :, 2, 3])
    assert torch.equal(Unflatten(3, 4)(flat), x)
    assert torch.equal(Flatten()(x.contiguous()), flat)
    assert x.data_ptr() == flat.data_ptr() == Unflatten(3, 4)(flat).data_ptr()
    assert Unflatten(3, 4)(flat).is_contiguous(memory_format=torch.channels_last)


def layouts(x: Tensor) -> dict[str, Tensor]:
    """The same numbers in other places: what comes from a kernel, or from whoever slices, need not lie in a row."""
    among = torch.zeros(x.shape[0], x.shape[1] + 3, x.shape[2] + 2, x.shape[3] + 1).to(x)
    part = among[:, 2:-1, 1:-1, 1:]
    part.copy_(x)
    return {
        "plain": x,
        "channels last": x.contiguous(memory_format=torch.channels_last),
        "part of another": part,
        "turned": x.transpose(2, 3).contiguous().transpose(2, 3),
    }


def under_nnpack(layer: nn.Module, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare a layer in float32 without oneDNN, where NNPACK leaves other layouts, with itself in float64."""
    wide, wide_x = copy.deepcopy(layer).double(), x.double().requires_grad_()
    expected = wide(wide_x)
    upstream = torch.randn(expected.shape)
    wanted = torch.autograd.grad(expected, [wide_x, *wide.parameters()], upstream.double())
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    for name, one in layouts(x).items():
        for layout in (torch.contiguous_format, torch.channels_last):
            layer = layer.to(memory_format=layout)
            one = one.detach().requires_grad_()
            y = layer(one)
            found = torch.autograd.grad(y, [one, *layer.parameters()], layouts(upstream)[name])
            for a, b in ((y, expected), *zip(found, wanted, strict=True)):
                torch.testing.assert_close(a.double(), b, rtol=1e-3, atol=1e-3, msg=name)


@pytest.mark.skipif(not torch.backends.nnpack.is_available(), reason="this torch has no NNPACK")
@pytest.mark.parametrize(
    "case, form", [(case, form) for case in CASES for form in FORMS if allowed(case, form)], ids=str
)
def test_without_onednn_a_transposed_convolution_is_the_same(
    case: tuple[int, ...], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From sixteen images on NNPACK convolves, and gives them with rows last however they came."""
    block = block_of(case, form).float()
    under_nnpack(block, torch.randn(16, case[0], case[4], case[4]), monkeypatch)


@pytest.mark.skipif(not torch.backends.nnpack.is_available(), reason="this torch has no NNPACK")
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_without_onednn_a_convolution_is_the_same(case: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, outputs, kernel, stride, size, padding = case
    torch.manual_seed(0)
    under_nnpack(Conv2d(inputs, outputs, kernel, stride, padding), torch.randn(16, inputs, size, size), monkeypatch)
