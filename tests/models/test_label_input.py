"""How an encoder is told the label: as planes that are not drawn, or beside the pixels; in float64 as in full."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bench.models.label_input import ONE_HOT, encode_with_labels, split_of, with_one_hot
from bench.models.latent import build_latent_model
from bench.models.streams import generator
from bench.tasks import get
from bench.worker.restore import to_device
from tests.conftest import arch_of
from tests.models.label_encoders import BESIDE_THE_PIXELS, CHANNELS, PLAIN, SPLIT, Built, doubles, first

CLASSES, IMAGES = 10, 6
LABELS = torch.tensor([3, 1, 4, 1, 5, 9])


def beside_the_pixels(name: str) -> nn.Module:
    encoder = built(lambda: BESIDE_THE_PIXELS[name](1))
    encoder(images())  # a lazy layer needs it
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    told = with_one_hot(encoder, CLASSES)
    assert told is not None and list(told.state_dict()) == list(before)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items()), "it may be kept"
    return told


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
    assert_equal(encoder, labels, False, lambda x: torch.cat([x, planes_of(labels)], 1))


def assert_equal_to_one_hot(encoder: nn.Module, labels: Tensor = LABELS) -> None:
    """The same, of one that takes the label beside the pixels."""
    assert_equal(
        encoder, labels, True, lambda x: torch.cat([x.flatten(1), F.one_hot(labels, CLASSES)], 1)[..., None, None]
    )


def assert_equal(encoder: nn.Module, labels: Tensor, one_hot: bool, whole: Callable[[Tensor], Tensor]) -> None:
    x, copies = images(), len(labels) // IMAGES
    expected = encoder(whole(x.repeat(copies, 1, 1, 1)))
    found = encode_with_labels(encoder, x, labels, CLASSES, one_hot, as_it_is)
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
    assert split_of(encoder, CLASSES, False) is not None
    assert_equal_to_the_planes(encoder)


@pytest.mark.parametrize("name", SPLIT)
def test_all_labels_of_an_image_share_a_term(name: str) -> None:
    encoder = built(SPLIT[name])
    assert_equal_to_the_planes(encoder, torch.arange(CLASSES).repeat_interleave(IMAGES))


@pytest.mark.parametrize("copies", [1, CLASSES])
@pytest.mark.parametrize("name", BESIDE_THE_PIXELS)
def test_a_label_beside_the_pixels_is_a_column_of_weights(name: str, copies: int) -> None:
    encoder = beside_the_pixels(name)
    labels = LABELS if copies == 1 else torch.arange(CLASSES).repeat_interleave(IMAGES)
    assert split_of(encoder, CLASSES, True) is not None
    assert_equal_to_one_hot(encoder, labels)
    encoder.register_forward_pre_hook(lambda module, inputs: None)  # whoever looks gets to see the whole input
    assert split_of(encoder, CLASSES, True) is None
    assert_equal_to_one_hot(encoder, labels)


def test_the_weights_of_the_label_are_spread_as_those_of_the_pixels() -> None:
    """Whoever draws small weights draws small ones for the label too; the pixels' are those of the VAE."""
    arch = arch_of("mlp")
    plain, told = (build_latent_model(arch, 5, 3, classes) for classes in (0, CLASSES))
    weights = [next(iter(model.encoder.parameters())).detach() for model in (plain, told)]
    assert [each.shape for each in weights] == [(500, 784), (500, 794)]
    assert torch.equal(weights[0], weights[1][:, :784])
    assert float(weights[1][:, 784:].std(correction=0)) == pytest.approx(1 / 28 / math.sqrt(3), rel=0.02)
    assert float(weights[1][:, 784:].abs().max()) < 1.02 / 28
    again, other = (build_latent_model(arch, 5, seed, CLASSES).state_dict() for seed in (3, 4))
    assert all(torch.equal(value, again[name]) for name, value in told.state_dict().items())
    assert not torch.equal(told.state_dict()["encoder.1.weight"][:, 784:], other["encoder.1.weight"][:, 784:])
    assert (plain.label_input, told.label_input) == (None, ONE_HOT)


def test_only_a_layer_of_its_own_gets_more_inputs() -> None:
    assert with_one_hot(nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten()), CLASSES) is None
    assert with_one_hot(first(nn.Flatten(), nn.Linear(CHANNELS * 784, 7))(), CLASSES) is None
    square = nn.Linear(784, 784)
    assert with_one_hot(nn.Sequential(nn.Flatten(), square, nn.ReLU(), square), CLASSES) is None
    tied = nn.Sequential(nn.Flatten(), nn.Linear(784, 784), nn.Linear(784, 784))
    tied[2].weight = tied[1].weight
    assert with_one_hot(tied, CLASSES) is None
    hooked = nn.Sequential(nn.Flatten(), nn.Linear(784, 7))
    hooked[1].register_forward_hook(doubles)
    assert with_one_hot(hooked, CLASSES) is None


def test_what_can_t_take_it_beside_the_pixels_is_given_planes() -> None:
    def tied(channels: int) -> nn.Module:
        layer = nn.Linear(channels * 784, channels * 784)
        return nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer)

    arch = dataclasses.replace(arch_of("mlp"), encoder=tied)
    model = build_latent_model(arch, 5, 0, CLASSES)
    assert model.label_input is None
    assert model.encode(torch.rand(IMAGES, 1, 28, 28), LABELS)[0].shape == (IMAGES, 5)


@pytest.mark.parametrize("name", PLAIN)
def test_whoever_might_compute_something_else_is_given_the_planes(name: str) -> None:
    encoder = built(PLAIN[name])
    assert split_of(encoder, CLASSES, False) is None
    assert_equal_to_the_planes(encoder)


def test_a_convolution_of_what_was_flattened_is_not_one_of_the_image() -> None:
    assert split_of(nn.Sequential(nn.Flatten(2), nn.Conv2d(CHANNELS, 4, 1)), CLASSES, False) is None


def test_whoever_follows_the_calls_sees_those_of_the_network_as_it_is_declared() -> None:
    encoder, seen = built(SPLIT["cnn3"]), list[tuple[int, ...]]()
    hook = nn.modules.module.register_module_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape))
    try:
        encode_with_labels(encoder, images(), LABELS, CLASSES, False, as_it_is)
    finally:
        hook.remove()
    assert seen[:2] == [(IMAGES, CHANNELS, 28, 28)] * 2


def test_a_layer_that_is_used_again_gets_both_gradients() -> None:
    conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
    inner = nn.Sequential(conv, nn.Tanh())
    for shared in (nn.Sequential(conv, nn.Tanh(), conv), nn.Sequential(inner, inner), nn.Sequential(inner, conv)):
        encoder = shared.double()
        assert split_of(encoder, CLASSES, False) is not None
        assert_equal_to_the_planes(encoder)


@pytest.mark.parametrize("name", ["cnn2", "cnn3", "mlp", "cnn:depth=2", "padding by its name"])
def test_a_stack_gives_what_each_gives_alone(name: str) -> None:
    one_hot = name in BESIDE_THE_PIXELS
    encoders = [beside_the_pixels(name) if one_hot else SPLIT[name]().double() for _ in range(3)]
    parameters, _ = stack_module_state(encoders)
    x = torch.rand(3, IMAGES, 1, 28, 28, dtype=torch.double)
    labels = torch.stack([LABELS, LABELS.flip(0), (LABELS + 1) % CLASSES])

    class Encode(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoders[0]

        def forward(self, x: Tensor, labels: Tensor) -> Tensor:
            return encode_with_labels(self.encoder, x, labels, CLASSES, one_hot, as_it_is)

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
        alone = encode_with_labels(encoder, x[index], labels[index], CLASSES, one_hot, as_it_is)
        torch.testing.assert_close(together[index], alone, rtol=1e-11, atol=1e-11)
        gradients = torch.autograd.grad(alone, list(encoder.parameters()), upstream[index])
        for found, expected in zip(stacked, gradients, strict=True):
            torch.testing.assert_close(found[index], expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("task", ["cvae", "m2"])
@pytest.mark.parametrize("name", ["cnn2", "cnn3", "mlp", "cnn2-k4", "cnn:depth=2"])
def test_a_model_s_loss_is_that_with_the_whole_input(name: str, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parameters keep their names and shapes, and it is evaluated alike."""
    arch = arch_of(name)
    model = to_device(get(task).new_model(arch, 5, 0), torch.device("cpu")).double()
    shape = next(iter(model.encoder.state_dict().values())).shape  # type: ignore[operator,union-attr]
    assert shape[1] == (794 if name == "mlp" else CHANNELS)
    assert split_of(model.encoder, CLASSES, name == "mlp") is not None  # type: ignore[arg-type]
    x, more = images().detach().round(), {"labelled": 2, "known": 20, "images": 100} if task == "m2" else {}
    noise = torch.randn(sum(get(task).noise_rows(IMAGES, 2)), 5, dtype=torch.double)
    found = []
    for plain in (False, True):
        if plain:
            monkeypatch.setattr("bench.models.label_input.split_of", lambda *of: None)
        model.train()
        loss = get(task).loss(model, x, LABELS, noise, **more)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        model.eval()
        with torch.no_grad():
            scores = get(task).score(model, x, LABELS, noise[:IMAGES])
        found.append([loss, *gradients, *(value.double() for value in scores.values())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
