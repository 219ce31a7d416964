"""A CVAE's label planes, computed without them: outputs and gradients of the planes, in float64, or the planes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.utils import parametrizations

from archs.blocks import Conv2d, Flatten
from archs.registry import discover
from bench.models.label_planes import encode_with_labels, split_of
from bench.models.streams import generator
from bench.tasks import get
from bench.worker.restore import to_device

CLASSES, IMAGES, CHANNELS = 10, 6, 11
LABELS = torch.tensor([3, 1, 4, 1, 5, 9])
REGISTERED = sorted(name for name, arch in discover().archs.items())
FAMILY = [
    "cnn:depth=2",
    "cnn:depth=1,kernel=4,stride=4",
    "cnn:kernel=5,padding=2",
    "cnn:depth=1,kernel=28,padding=valid",
]

Built = Callable[[], nn.Module]


def first(layer: nn.Module, *more: nn.Module) -> Built:
    """An encoder that begins with a layer, after which it is not linear."""
    return lambda: nn.Sequential(copy.deepcopy(layer), *map(copy.deepcopy, more), nn.Tanh(), nn.Flatten())


SPLIT: dict[str, Built] = {
    **{
        f"{name}": lambda name=name: discover().resolve([name]).archs[0].encoder(CHANNELS)
        for name in REGISTERED + FAMILY
    },
    "a stride": first(nn.Conv2d(CHANNELS, 4, 5, 3)),
    "without a bias": first(nn.Conv2d(CHANNELS, 4, 5, bias=False)),
    "ours without a bias": first(Conv2d(CHANNELS, 4, 5, 2, 1, bias=False)),
    "padding": first(nn.Conv2d(CHANNELS, 4, 5, 2, 2)),
    "padding wider than the kernel reaches": first(nn.Conv2d(CHANNELS, 4, 3, 2, 4)),
    "unequal sides": first(nn.Conv2d(CHANNELS, 4, (3, 5), (1, 2), (0, 2))),
    "padding by its name": first(nn.Conv2d(CHANNELS, 4, 4, padding="same")),
    "gaps": first(Conv2d(CHANNELS, 4, 3, dilation=2, padding=1)),
    "zeros around": first(nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(CHANNELS, 4, 5, 2, 1)),
    "rows cut off": first(nn.ZeroPad2d(-3), nn.Conv2d(CHANNELS, 4, 5, 2)),
    "within containers": first(nn.Sequential(nn.Sequential(nn.Conv2d(CHANNELS, 4, 5, 2), nn.ReLU()), nn.ReLU())),
    "the layer alone": lambda: nn.Conv2d(CHANNELS, 4, 5, 2),
    "as large as the image": first(Conv2d(CHANNELS, 4, 28)),
    "fully connected": first(nn.Flatten(), nn.Sequential(nn.Linear(CHANNELS * 784, 7))),
    "fully connected, ours, without a bias": first(Flatten(), nn.Linear(CHANNELS * 784, 7, bias=False)),
    "frozen weights": lambda: first(nn.Conv2d(CHANNELS, 4, 5))().requires_grad_(False),
}
"""Encoders whose first layer is split."""


class Doubled(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Backwards(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(1))


def changed(change: Callable[[nn.Sequential, nn.Module], object], *modules: nn.Module) -> Built:
    """An encoder, changed after it was built."""

    def built() -> nn.Module:
        encoder = first(*(modules or [nn.Conv2d(CHANNELS, 4, 5, 2)]))()
        change(encoder, encoder[0])
        return encoder

    return built


def doubles(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    return 2 * output


def flips(module: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
    return inputs[0].flip(1)


def with_other_forward(encoder: nn.Sequential, layer: nn.Module) -> None:
    layer.forward = lambda x: nn.Conv2d.forward(layer, x.flip(1))


PLAIN: dict[str, Built] = {
    "a hook of the layer": changed(lambda encoder, layer: layer.register_forward_hook(doubles)),
    "a hook before the layer": changed(lambda encoder, layer: layer.register_forward_pre_hook(flips)),
    "a hook of the container": changed(lambda encoder, layer: encoder.register_forward_hook(doubles)),
    "a hook before the container": changed(lambda encoder, layer: encoder.register_forward_pre_hook(flips)),
    "a hook of the padding": changed(
        lambda encoder, layer: layer.register_forward_hook(doubles), nn.ZeroPad2d(1), nn.Conv2d(CHANNELS, 4, 5)
    ),
    "a hook backward": changed(lambda encoder, layer: layer.register_full_backward_hook(lambda *of: None)),
    "parametrized": changed(lambda encoder, layer: parametrizations.orthogonal(layer)),
    "weight norm": changed(lambda encoder, layer: parametrizations.weight_norm(layer)),
    "another forward": changed(with_other_forward),
    "to be compiled": changed(lambda encoder, layer: setattr(encoder, "_compiled_call_impl", doubled_call(encoder))),
    "a derived class": first(Doubled(CHANNELS, 4, 5)),
    "a container of a derived class": lambda: Backwards(nn.Conv2d(CHANNELS, 4, 5), nn.Tanh(), nn.Flatten()),
    "groups": first(nn.Conv2d(CHANNELS, 22, 5, groups=11)),
    "a reflected border": first(nn.Conv2d(CHANNELS, 4, 5, padding=2, padding_mode="reflect")),
    "a circular border": first(Conv2d(CHANNELS, 4, 5, padding=2, padding_mode="circular")),
    "a norm before": first(nn.BatchNorm2d(CHANNELS), nn.Conv2d(CHANNELS, 4, 5)),
    "ones around": first(nn.ConstantPad2d(1, 1.0), nn.Conv2d(CHANNELS, 4, 5)),
    "columns apart": first(nn.Flatten(2), nn.Linear(784, 7)),
    "rows": first(nn.Linear(28, 7)),
    "nothing": lambda: nn.Sequential(),
}
"""Encoders that are given the planes."""


def doubled_call(module: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda x: 2 * module.forward(x)


def as_it_is(x: Tensor) -> Tensor:
    return x


def planes_of(labels: Tensor) -> Tensor:
    return F.one_hot(labels, CLASSES)[:, :, None, None].expand(-1, -1, 28, 28).double()


def images() -> Tensor:
    return torch.rand(IMAGES, 1, 28, 28, generator=generator(0, "x"), dtype=torch.double).requires_grad_()


def gradients(encoder: nn.Module, x: Tensor, features: Tensor) -> list[Tensor | None]:
    upstream = torch.randn(features.shape, generator=generator(0, "upstream"), dtype=torch.double)
    wanted = [x, *(parameter for parameter in encoder.parameters() if parameter.requires_grad)]
    return list(torch.autograd.grad(features, wanted, upstream, allow_unused=True))


def assert_equal_to_the_planes(encoder: nn.Module, labels: Tensor = LABELS) -> None:
    """Features and the gradients of all parameters and of the image, in training."""
    x, copies = images(), len(labels) // IMAGES
    expected = encoder(torch.cat([x.repeat(copies, 1, 1, 1), planes_of(labels)], 1))
    found = encode_with_labels(encoder, x, labels, CLASSES, as_it_is)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    pairs = zip(gradients(encoder, x, found), gradients(encoder, x, expected), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def built(build: Built) -> nn.Module:
    torch.manual_seed(0)
    encoder = build().double()
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return encoder


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["plain", "channels last"])
@pytest.mark.parametrize("name", SPLIT)
def test_two_terms_are_what_the_planes_give(name: str, layout: torch.memory_format) -> None:
    encoder = built(SPLIT[name]).to(memory_format=layout)
    assert split_of(encoder, CHANNELS) is not None
    assert_equal_to_the_planes(encoder)


@pytest.mark.parametrize("name", SPLIT)
def test_all_labels_of_an_image_share_a_term(name: str) -> None:
    encoder = built(SPLIT[name])
    assert_equal_to_the_planes(encoder, torch.arange(CLASSES).repeat_interleave(IMAGES))


@pytest.mark.parametrize("name", PLAIN)
def test_whoever_might_compute_something_else_is_given_the_planes(name: str) -> None:
    encoder = built(PLAIN[name])
    assert split_of(encoder, CHANNELS) is None
    assert_equal_to_the_planes(encoder)


def test_a_convolution_of_what_was_flattened_is_not_one_of_the_image() -> None:
    assert split_of(nn.Sequential(nn.Flatten(2), nn.Conv2d(CHANNELS, 4, 1)), CHANNELS) is None


def test_whoever_follows_the_calls_sees_those_of_the_network_as_it_is_declared() -> None:
    encoder, seen = built(SPLIT["cnn3"]), list[tuple[int, ...]]()
    hook = nn.modules.module.register_module_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape))
    try:
        encode_with_labels(encoder, images(), LABELS, CLASSES, as_it_is)
    finally:
        hook.remove()
    assert seen[:2] == [(IMAGES, CHANNELS, 28, 28)] * 2


def test_a_layer_that_is_used_again_gets_both_gradients() -> None:
    conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
    inner = nn.Sequential(conv, nn.Tanh())
    for shared in (nn.Sequential(conv, nn.Tanh(), conv), nn.Sequential(inner, inner), nn.Sequential(inner, conv)):
        encoder = shared.double()
        assert split_of(encoder, CHANNELS) is not None
        assert_equal_to_the_planes(encoder)


@pytest.mark.parametrize("name", ["cnn2", "cnn3", "mlp", "cnn:depth=2", "padding by its name"])
def test_a_stack_gives_what_each_gives_alone(name: str) -> None:
    encoders = [SPLIT[name]().double() for _ in range(3)]
    parameters, _ = stack_module_state(encoders)
    x = torch.rand(3, IMAGES, 1, 28, 28, dtype=torch.double)
    labels = torch.stack([LABELS, LABELS.flip(0), (LABELS + 1) % CLASSES])

    class Encode(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoders[0]

        def forward(self, x: Tensor, labels: Tensor) -> Tensor:
            return encode_with_labels(self.encoder, x, labels, CLASSES, as_it_is)

    module = Encode()

    def one(state: dict[str, Tensor], x: Tensor, labels: Tensor) -> Tensor:
        result: Tensor = functional_call(
            module, {f"encoder.{name}": value for name, value in state.items()}, (x, labels)
        )
        return result

    together = vmap(one)(parameters, x, labels)
    upstream = torch.randn_like(together)
    stacked = torch.autograd.grad(together, list(parameters.values()), upstream)
    for index, encoder in enumerate(encoders):
        alone = encode_with_labels(encoder, x[index], labels[index], CLASSES, as_it_is)
        torch.testing.assert_close(together[index], alone, rtol=1e-11, atol=1e-11)
        gradients = torch.autograd.grad(alone, list(encoder.parameters()), upstream[index])
        for found, expected in zip(stacked, gradients, strict=True):
            torch.testing.assert_close(found[index], expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("task", ["cvae", "m2"])
@pytest.mark.parametrize("name", ["cnn2", "cnn3", "mlp", "cnn2-k4", "cnn:depth=2"])
def test_a_model_s_loss_is_that_with_the_planes(name: str, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parameters keep their names and shapes, and it is evaluated alike."""
    (arch,) = discover().resolve([name]).archs
    model = to_device(get(task).new_model(arch, 5, 0), torch.device("cpu")).double()
    shape = next(iter(model.encoder.state_dict().values())).shape  # type: ignore[operator,union-attr]
    assert shape[1] in (CHANNELS, CHANNELS * 784)
    assert split_of(model.encoder, CHANNELS) is not None  # type: ignore[arg-type]
    x, more = images().detach().round(), {"labelled": 2, "known": 20, "images": 100} if task == "m2" else {}
    noise = torch.randn(sum(get(task).noise_rows(IMAGES, 2)), 5, dtype=torch.double)
    found = []
    for plain in (False, True):
        if plain:
            monkeypatch.setattr("bench.models.label_planes.split_of", lambda *of: None)
        model.train()
        loss = get(task).loss(model, x, LABELS, noise, **more)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        model.eval()
        with torch.no_grad():
            scores = get(task).score(model, x, LABELS, noise[:IMAGES])
        found.append([loss, *gradients, *(value.double() for value in scores.values())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
