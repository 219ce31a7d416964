"""The contract that every architecture must keep, over the whole registry and samples of each family."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archs.base import Arch
from archs.layers import count, layer_table, parameter_count
from archs.registry import discover
from bench.models.streams import generator
from bench.tasks import Task, get, names

SPECS = [
    "*", "cnn2+cnn3", "cnn3+cnn2", "pool4+cnn2", "mlp+cnn3",
    "cnn", "cnn:kernel=5-4-3,stride=3-2-1,channels=8-24-12,padding=same-1-valid,activation=silu",
    "cnn:depth=1,kernel=28,stride=28,padding=valid", "cnn:kernel=1,stride=5,channels=4",
    "cnn:stride=2-1-1,channels=4-4-2,skip=yes",
]  # fmt: skip
GRID = "cnn:depth=1/2/3,kernel=1/2/3/4/5,stride=1/2/3,channels=3,padding=same/valid/1"
ARCHS = discover().resolve(SPECS).archs
PAIRS = [(arch, get(name)) for arch in ARCHS for name in names() if arch.decoder or not get(name).needs_decoder]
LATENT = 7

each = pytest.mark.parametrize("arch, task", PAIRS, ids=[f"{arch.name}-{task.name}" for arch, task in PAIRS])


def build(arch: Arch, task: Task, seed: int = 0) -> nn.Module:
    return task.build(arch, LATENT if task.uses_latent_dim else None, seed)


def batch(size: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(size, 1, 28, 28, generator=generator(0, "test/x")).round()
    return x, torch.arange(size) % 10


def test_the_registry_holds_the_reference_networks() -> None:
    assert {"cnn2", "cnn2-k4", "cnn3", "mlp", "pool4"} <= set(discover().archs)
    assert len(PAIRS) >= 30


@each
def test_finite_gradients_reach_every_parameter(arch: Arch, task: Task) -> None:
    model, (x, labels) = build(arch, task).train(), batch()
    more = {"labelled": 1, "known": 10, "images": 100} if task.needs_labels else {}
    task.loss(model, x, labels, generator(0, "test/noise"), **more).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@each
def test_output_shapes_and_scores_per_image(arch: Arch, task: Task) -> None:
    model, (x, labels) = build(arch, task).eval(), batch(3)
    shape = (3, 1, 28, 28) if task.needs_decoder else (3, 10)
    assert model(x, labels).shape == shape
    scores = task.score(model, x, labels, generator(0, "test/noise"))
    code = {name: scores.pop(name) for name in ("mean", "log_variance") if task.has_code}
    assert set(scores) == set(task.scores)
    assert all(value.shape == (3, LATENT) for value in code.values())
    assert all(value.shape == (3,) for value in scores.values())


@each
def test_layer_table_adds_up_to_the_model(arch: Arch, task: Task) -> None:
    model, (x, labels) = build(arch, task), batch(1)
    rows = layer_table(model, lambda: model(x, labels))
    assert count(rows) == parameter_count(model) == sum(closed_form(module) for module in model.modules())
    assert {row.part for row in rows} <= {"encoder", "head", "decoder", "reader"}


def closed_form(module: nn.Module) -> int:
    """Parameters by formula, from the sizes alone."""
    if isinstance(module, nn.Linear):
        return (module.in_features + 1) * module.out_features
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        height, width = module.kernel_size
        return module.in_channels * module.out_channels * height * width + module.out_channels
    return 0


@each
def test_same_seed_builds_the_same_weights(arch: Arch, task: Task) -> None:
    torch.manual_seed(1)
    first = build(arch, task).state_dict()
    torch.manual_seed(2)  # the surrounding random state must not matter
    again, other = build(arch, task).state_dict(), build(arch, task, seed=1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_building_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    build(ARCHS[0], PAIRS[0][1])
    assert torch.equal(torch.rand(1), expected)


def test_a_crossing_starts_from_the_weights_of_its_parents() -> None:
    registry, vae = discover(), get("vae")
    crossed, encoder, decoder = (
        vae.build(registry.resolve([name]).archs[0], LATENT, 0).state_dict() for name in ("cnn2+cnn3", "cnn2", "cnn3")
    )
    assert {name.split(".")[0] for name in crossed} >= {"encoder", "head", "decoder"}
    assert all(torch.equal(crossed[name], encoder[name]) for name in crossed if name.startswith(("encoder", "head")))
    assert all(torch.equal(crossed[name], decoder[name]) for name in crossed if name.startswith("decoder"))


@pytest.mark.parametrize("arch", [*discover().resolve([GRID]).archs, *(a for a in ARCHS if a.name.startswith("cnn:"))],
                         ids=lambda arch: arch.name)  # fmt: skip
def test_decoder_of_the_family_mirrors_its_encoder(arch: Arch) -> None:
    """Read backwards, the decoder's layers have the encoder's kernels, strides, channels and image sizes."""
    assert arch.decoder is not None
    encoder, decoder = arch.encoder(1), arch.decoder(LATENT)
    down = trace(encoder, nn.Conv2d, torch.zeros(1, 1, 28, 28))
    up = trace(decoder, nn.ConvTranspose2d, torch.zeros(1, LATENT))
    assert len(down) == len(up) == int(arch.factors["depth"])
    inputs = [28, *(size for _, size in down[:-1])]
    for (conv, _), size, (mirror, mirrored) in zip(down, inputs, reversed(up), strict=True):
        assert (conv.kernel_size, conv.stride) == (mirror.kernel_size, mirror.stride)
        assert (conv.in_channels, conv.out_channels) == (mirror.out_channels, mirror.in_channels)
        assert mirrored == size


def test_a_shortcut_passes_on_what_a_layer_of_zeros_would_swallow() -> None:
    """With zeros in the layers that have one, on both sides, the network is the one without those layers."""
    deep, short = discover().resolve(
        ["cnn:stride=2-1-1-1,channels=3-3-3-2,skip=yes", "cnn:stride=2-1,channels=3-2"]
    ).archs  # fmt: skip
    assert deep.decoder is not None and short.decoder is not None
    for ours, theirs, x in (
        (deep.encoder(1), short.encoder(1), torch.rand(2, 1, 28, 28)),
        (deep.decoder(LATENT), short.decoder(LATENT), torch.randn(2, LATENT)),
    ):
        layers = [module for module in ours.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
        square = [layer for layer in layers if tuple(layer.weight.shape[:2]) == (3, 3)]
        assert len(square) == 2
        for parameter in (parameter for layer in square for parameter in layer.parameters()):
            nn.init.zeros_(parameter)
        others = [parameter for layer in layers if layer not in square for parameter in layer.parameters()]
        nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(others), theirs.parameters())
        assert torch.equal(ours(x), theirs(x))


def trace(model: nn.Module, kind: type, x: torch.Tensor) -> list:
    """The modules of `kind` in the order in which `x` passes them, with the output size of each."""
    seen: list = []
    for module in model.modules():
        if isinstance(module, kind):
            module.register_forward_hook(lambda module, _, y: seen.append((module, y.shape[-1])))
    model(x)
    return seen
