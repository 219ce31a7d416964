"""Convolutions as batched products of matrices, against torch's own: outputs and gradients, in float64 and float32."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import vmap

from archs.forms import Shape, missing
from archs.products import convolution, transposed_convolution

# channels, outputs, kernel, stride, padding, size
CONVOLUTIONS = [
    (1, 16, 5, 2, 0, 28), (16, 32, 5, 2, 0, 12), (3, 4, 3, 1, 1, 7), (3, 4, 4, 2, 1, 9), (3, 5, 6, 3, 0, 28),
    (2, 3, 1, 2, 0, 7), (2, 3, 3, 4, 0, 10), (8, 16, 2, 2, 0, 3), (16, 8, 3, 1, 1, 1), (4, 4, 3, 2, 1, 2),
    (8, 4, 5, 1, 2, 1),
]  # fmt: skip
# channels, outputs, then archs.forms.Shape
TRANSPOSED = [
    (8, 8, Shape(5, 2, 1, 7, 14)), (8, 1, Shape(5, 2, 1, 14, 28)), (16, 8, Shape(4, 3, 1, 3, 7)),
    (8, 1, Shape(4, 4, 0, 7, 28)), (3, 2, Shape(3, 1, 1, 5, 5)), (3, 2, Shape(3, 2, 0, 3, 8)),
    (16, 16, Shape(3, 2, 1, 1, 2)), (4, 8, Shape(3, 1, 1, 1, 1)), (8, 4, Shape(4, 2, 1, 2, 4)),
]  # fmt: skip
DTYPES = [(torch.float64, 1e-12), (torch.float32, 1e-4)]


def numbers(*shape: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, dtype=dtype, requires_grad=True)


def compared(ours, theirs, inputs: list[Tensor], tolerance: float) -> None:  # type: ignore[no-untyped-def]
    """Of one model each, and of three by vmap."""
    y, z = vmap(theirs)(*inputs), vmap(ours)(*inputs)
    gradient = torch.randn_like(y)
    for found, expected in (
        (z, y),
        *zip(torch.autograd.grad(z, inputs, gradient), torch.autograd.grad(y, inputs, gradient), strict=True),
    ):
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * 10)
    one = [tensor.detach()[1].requires_grad_() for tensor in inputs]
    y, z = theirs(*one), ours(*one)
    gradient = torch.ones(()).to(y).expand_as(y)  # without memory of its own
    pairs = zip(torch.autograd.grad(z, one, gradient), torch.autograd.grad(y, one, gradient), strict=True)
    for found, expected in ((z, y), *pairs):
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * 10)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("images", [1, 4])
def test_a_convolution_is_torch_s(images: int, case: tuple[int, ...], dtype: torch.dtype, tolerance: float) -> None:
    channels, outputs, kernel, stride, padding, size = case
    torch.manual_seed(0)
    inputs = [
        numbers(3, images, channels, size, size, dtype=dtype),
        numbers(3, outputs, channels, kernel, kernel, dtype=dtype),
        numbers(3, outputs, dtype=dtype),
    ]

    def ours(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return convolution(x, w, b, stride, padding)

    def theirs(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return F.conv2d(x, w, b, stride, padding)

    compared(ours, theirs, inputs, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize("channels, outputs, shape", TRANSPOSED)
def test_a_transposed_convolution_is_torch_s(
    channels: int, outputs: int, shape: Shape, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    kernel, stride, start, in_size, size = shape
    inputs = [
        numbers(3, 2, channels, in_size, in_size, dtype=dtype),
        numbers(3, channels, outputs, kernel, kernel, dtype=dtype),
        numbers(3, outputs, dtype=dtype),
    ]

    def theirs(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return F.conv_transpose2d(x, w, b, stride, start, missing(shape))[..., :size, :size]

    compared(lambda x, w, b: transposed_convolution(x, w, b, shape), theirs, inputs, tolerance)


def test_weights_with_the_channels_last_and_an_input_that_wants_no_gradient() -> None:
    torch.manual_seed(0)
    x, w, b = (
        numbers(4, 8, 9, 9, dtype=torch.double).detach(),
        numbers(4, 8, 3, 3, dtype=torch.double),
        torch.zeros(4).double(),
    )
    w = w.detach().to(memory_format=torch.channels_last).requires_grad_()
    found = torch.autograd.grad(convolution(x, w, b, 2, 1).square().sum(), w)[0]
    expected = torch.autograd.grad(F.conv2d(x, w, b, 2, 1).square().sum(), w)[0]
    torch.testing.assert_close(found, expected)
    assert found.stride() == w.stride(), "so that the optimiser takes it as it is"


@pytest.mark.parametrize("channels", [2, 4])
def test_it_does_not_matter_where_the_numbers_lie(channels: int) -> None:
    """Numbers are moved sixteen bytes at a time, where they lie in a row; parts of other tensors do not."""
    torch.manual_seed(0)
    x, w, b = torch.randn(4, channels, 9, 9), torch.randn(4, channels, 3, 3), torch.randn(4)
    turned = torch.randn(channels, 4, 3, 3)
    shape = Shape(3, 2, 0, 9, 19)

    def results(x: Tensor, upstream: Callable[[Tensor], Tensor]) -> list[Tensor]:
        x = x.detach().requires_grad_()
        found = []
        for y in (convolution(x, w, b, 2, 1), transposed_convolution(x, turned, b, shape)):
            found += [y, *torch.autograd.grad(y, x, upstream(y.detach().cos()))]
        return found

    expected = results(x, lambda y: y)
    for change in (channels_last, part_of_another, turned_twice, from_one_further):
        for found, wanted in zip(results(change(x), change), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def part_of_another(x: Tensor) -> Tensor:
    return F.pad(x, (1, 2, 0, 1, 2, 1))[:, 2:-1, :-1, 1:-2]


def turned_twice(x: Tensor) -> Tensor:
    return x.transpose(2, 3).contiguous().transpose(2, 3)


def from_one_further(x: Tensor) -> Tensor:
    rows = torch.cat([torch.zeros(1), x.permute(0, 2, 3, 1).flatten()])[1:]
    return rows.view(x.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)


def test_a_second_derivative_is_an_error_not_a_wrong_number() -> None:
    x, w, b = (
        numbers(2, 1, 5, 5, dtype=torch.double),
        numbers(2, 1, 3, 3, dtype=torch.double),
        numbers(2, dtype=torch.double),
    )
    (first,) = torch.autograd.grad(convolution(x, w, b, 1, 0).square().sum(), w, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
