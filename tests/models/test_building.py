"""Building a network: it is tried out on a copy, starts from its seed alone, and what it may not be is one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from archs.base import Arch
from archs.errors import UserError
from bench.models.trying import takes_channels_last, untouched
from bench.tasks import get


def flat(channels: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784 * channels, 8))


def to_image(features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 784), nn.Unflatten(1, (1, 28, 28)))


def normed(features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 784), nn.BatchNorm1d(784), nn.Unflatten(1, (1, 28, 28)))


def lazy(channels: int) -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(4, 5, 4), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(8))


def rows(channels: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(1), nn.Unflatten(1, (28, 28 * channels)), nn.LSTM(28 * channels, 8))


class CountsItsCalls(nn.Module):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.flatten(1)[:, :8]


class LongerInTraining(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, : 9 if self.training else 8]


def arch(encoder: Callable = flat, decoder: Callable = to_image) -> Arch:
    return Arch(name="mine", summary="", source="test", encoder=encoder, decoder=decoder)


@pytest.mark.parametrize("task", ["vae", "cvae", "m2", "classifier"])
def test_no_layer_has_seen_an_image_before_the_training(task: str) -> None:
    """Blank images used to pass through the model itself: a batch norm began with their mean."""
    model = get(task).new_model(arch(encoder=lazy, decoder=normed), 5, 0)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert len(norms) >= (1 if task == "classifier" else 2)
    for norm in norms:
        assert int(norm.num_batches_tracked) == 0
        assert not norm.running_mean.any()
        assert (norm.running_var == 1).all()
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("task", ["vae", "classifier"])
def test_a_state_in_python_is_that_of_a_new_network(task: str) -> None:
    model = get(task).new_model(arch(encoder=lambda channels: CountsItsCalls()), 5, 0)
    assert model.encoder.calls == 0


@pytest.mark.parametrize("task", ["vae", "classifier"])
def test_lazy_layers_start_from_the_seed(task: str) -> None:
    torch.manual_seed(1)
    first = get(task).new_model(arch(encoder=lazy), 5, 0).state_dict()
    torch.manual_seed(2)
    again, other = (get(task).new_model(arch(encoder=lazy), 5, seed).state_dict() for seed in (0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["encoder.0.weight"], other["encoder.0.weight"])


@pytest.mark.parametrize(
    "broken, words",
    [
        (arch(encoder=lambda channels: None), "what builds its encoder returns None, expected a torch.nn.Module"),
        (arch(decoder=lambda features: torch.relu), "what builds its decoder returns a builtin_function_or_method"),
        (arch(encoder=rows), "its encoder gives a tuple of 2, expected one tensor"),
        (
            arch(encoder=lambda channels: LongerInTraining()),
            "its encoder gives [2, 9] in training and [2, 8] in evaluation, expected the same",
        ),
        (arch(encoder=lambda channels: nn.Conv2d(channels, 2, 28)), "gives [2, 2, 1, 1] for 2 images, expected [2, f"),
        (arch(decoder=lambda features: nn.Linear(features, 784)), "expected [2, 1, 28, 28]"),
    ],
)
def test_what_a_network_may_not_be_is_one_line_that_says_what_is_expected(broken: Arch, words: str) -> None:
    with pytest.raises(UserError) as raised:
        get("vae").new_model(broken, 5, 0)
    assert words in str(raised.value)
    assert str(raised.value).startswith("mine: ")
    assert "\n" not in str(raised.value)


def test_a_model_that_can_t_be_copied_is_left_as_it_was() -> None:
    """The old weight norm holds a tensor that was computed, which torch refuses to copy."""
    with pytest.warns(FutureWarning):
        model = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 4)), nn.BatchNorm1d(4))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(0)
    with untouched(model) as lent:
        lent.train()(torch.randn(5, 3))
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class CallsView(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 5, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).view(len(x), -1)


@pytest.mark.parametrize("task", ["vae", "cvae", "classifier"])
def test_a_network_that_calls_view_keeps_the_plain_layout(task: str) -> None:
    model = get(task).new_model(arch(encoder=CallsView), 5, 0)
    x = torch.rand(3, 1, 28, 28)
    assert model(x, torch.arange(3)).shape[0] == 3
    assert not takes_channels_last(model)
    assert takes_channels_last(get(task).new_model(arch(), 5, 0))
