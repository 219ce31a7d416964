"""How a network behaves beside what it scores: whatever would make its numbers mean something else than they seem to.

Before a training, models of the same architecture are built and tried out (`examine`), once for all its seeds. What
can't be trained or kept at all is an error there. After it the trained model is compared with one that is loaded from
its weights (`after_training`). What can be trained, but should be known of, is a remark in the record, which a page
shows as a warning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from archs.base import IMAGE_SIZE, Arch
from archs.errors import UserError
from archs.foreign.random_states import seeded
from bench.models.streams import generator, stream_seed
from bench.models.trying import untouched
from bench.spec.conduct import Conduct
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.training.losses import Diverged
from bench.training.splits import Split
from bench.worker.restore import layers_of, to_device
from bench.worker.weights import load_into, to_bytes

IMAGES = 10
"""How many images an architecture is tried out with."""

TRAINED_IMAGES = 100
"""How many test images a trained model is tried with once more."""

TOLERANCE = 1e-4
"""Relative to the largest of some numbers: the same sum may be added in another order."""

EXTREME = 1e3
"""The size of pixels that drive a network as far as it goes: one that was hardly trained gives small logits else."""

SATURATED, SHARE_SATURATED = 0.99, 0.1
"""Above this size a logit that can't exceed 1 counts as at its end, and so large a share of them is no accident."""


class Examined(NamedTuple):
    """What is known of an architecture in a task before it is trained."""

    layers: list[dict[str, Any]]
    """Its layer table."""

    conduct: Mapping[Conduct, str]
    """Remarks, each with what it is about; empty if there is nothing to add."""


def examine(arch: Arch, task: Task, latent_dim: int | None, seed: int) -> Examined:
    """Try an architecture out on models that are built for it and thrown away.

    Raises:
        UserError: two models of one seed aren't the same or share a weight, or its state can't be stored.
    """
    first, second, other = task.new_models(arch, latent_dim, (seed, seed, seed + 1))
    check_reproducible(arch, first, second)
    try:
        to_bytes(first)
    except UserError as error:
        raise UserError(f"{arch.name}: {error}") from error
    conduct = {}
    if parts := starting_alike(first, other):
        conduct[Conduct.SAME_START] = " and ".join(parts)
    once, again, drawn_otherwise = outputs(first, False, (0, 0, 1))
    if not (agree(once, again) and agree(*(outputs(one, True, (0,))[0] for one in (first, second)))):
        conduct[Conduct.UNREPEATABLE] = ""
    elif not agree(once, drawn_otherwise):
        conduct[Conduct.RANDOM_EVALUATION] = ""
    return Examined(layers_of(first, task), conduct)


def check_reproducible(arch: Arch, first: nn.Module, second: nn.Module) -> None:
    """Raise `UserError` unless two models of one seed are equal, and are two."""
    places = {parameter.data_ptr() for parameter in first.parameters() if parameter.requires_grad}
    for name, parameter in second.named_parameters():
        if parameter.requires_grad and parameter.numel() and parameter.data_ptr() in places:
            raise UserError(
                f"{arch.name}: its {name} is the same tensor in every network that is built, so a run would start from "
                "the weights of the last; build a new one at each call, without functools.cache"
            )
    one, two = first.state_dict(), second.state_dict()
    for name in [*one, *two]:
        if name not in one or name not in two or not same_tensor(one[name], two[name]):
            raise UserError(
                f"{arch.name}: built twice with the same seed it differs in {name}; draw from torch, numpy.random or "
                "random themselves, which a run seeds, and keep nothing from one call to the next"
            )


def same_tensor(one: Any, two: Any) -> bool:
    """Return whether two entries of models' states are equal; what is no tensor is not compared."""
    if not (isinstance(one, Tensor) and isinstance(two, Tensor)):
        return type(one) is type(two)
    return one.shape == two.shape and bool(torch.equal(one.nan_to_num(), two.nan_to_num()))


def starting_alike(one: nn.Module, other: nn.Module) -> list[str]:
    """Return the parts of a model whose weights are drawn, but the same in two models of different seeds."""
    found = []
    for (name, part), counterpart in zip(one.named_children(), other.children(), strict=True):
        pairs = zip(part.parameters(), counterpart.parameters(), strict=True)
        drawn = [(a, b) for a, b in pairs if a.requires_grad and bool((a != a.flatten()[:1]).any())]
        if drawn and all(torch.equal(a, b) for a, b in drawn):
            found.append(name)
    return found


def outputs(model: nn.Module, training: bool, seeds: Sequence[int]) -> list[Tensor]:
    """Return what a model gives for the same images called once after the other, drawing from these seeds."""
    draw = generator(0, "conduct/images")
    x = torch.rand(IMAGES, 1, IMAGE_SIZE, IMAGE_SIZE, generator=draw).round()
    found = []
    with untouched(model) as lent:
        lent.train(training)
        for seed in seeds:
            with seeded(stream_seed(seed, "conduct/layers")):
                found.append(lent(x, torch.arange(IMAGES)))
    return found


def check_start(arch: str, model: nn.Module, x: Tensor, labels: Tensor) -> None:
    """Raise `Diverged` if a model gives what is no finite number for images before its first step.

    Args:
        x: [B, 1, 28, 28], on its device.
        labels: [B].
    """
    with torch.no_grad(), seeded(0, x.device):
        given = model.eval()(x, labels)
        if not isinstance(given, Tensor) or bool(given.isfinite().all()):
            return
        name = next(iter(not_finite(model, x, labels)), "network")
    kind = "nan" if bool(given.isnan().any()) else "inf"
    raise Diverged(f"{arch}: its {name} gives {kind} before any training; look for a division, a logarithm or a root")


def not_finite(model: nn.Module, x: Tensor, labels: Tensor) -> list[str]:
    """Return the parts of a model that give what is no finite number, in the order in which they are done."""
    found: list[str] = []
    with untouched(model) as lent:
        names = {module: name for name, module in lent.named_modules() if name}

        def look(module: nn.Module, _: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not bool(output.isfinite().all()):
                found.append(names[module])

        handles = [module.register_forward_hook(look) for module in names]
        try:
            lent(x, labels)
        finally:
            for handle in handles:
                handle.remove()
    return found


def hidden_weights(model: nn.Module) -> list[str]:
    """Return the weights of layers that a model keeps in lists, tuples and dicts, where torch doesn't see them."""
    registered, found = set(model.modules()), []
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute.startswith("_") or not isinstance(value, list | tuple | dict):
                continue
            for key, layer in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(layer, nn.Module) and layer not in registered:
                    found += [f"{name}.{attribute}[{key!r}].{weight}" for weight, _ in layer.named_parameters()]
    return found


def agree(one: Tensor, two: Tensor) -> bool:
    """Return whether two outputs are the same but for rounding; numbers that are none are ignored."""
    one, two = one.double().nan_to_num(), two.double().nan_to_num()
    return bool((one - two).abs().max() <= TOLERANCE * two.abs().max())


@torch.no_grad()
def after_training(
    model: nn.Module, weights: bytes, arch: Arch, task: Task, spec: RunSpec, test: Split
) -> dict[Conduct, str]:
    """Return the remarks on a trained model.

    Args:
        weights: what is stored of it.
        test: the test images, on its device.
    """
    conduct: dict[Conduct, str] = {}
    some = slice(TRAINED_IMAGES)
    x, labels = test.fixed_targets(spec.likelihood, "test", some), test.labels[some]
    rebuilt = to_device(task.new_model(arch, spec.latent_dim, spec.seed), x.device)
    start = dict(rebuilt.named_parameters())
    learning = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    hidden = hidden_weights(model)
    unmoved = [*hidden, *(name for name, parameter in learning.items() if torch.equal(parameter, start[name]))]
    if unmoved:
        more = f" and {len(unmoved) - 1} more" if len(unmoved) > 1 else ""
        conduct[Conduct.NEVER_MOVED] = f"{unmoved[0]}{more} of {len(hidden) + len(learning)}"
    load_into(rebuilt, weights)
    found = []
    for each in (model, rebuilt):
        with seeded(stream_seed(spec.seed, "conduct/trained"), x.device):
            found.append(each.eval()(x, labels))
    if not agree(*found):
        conduct[Conduct.NOT_RESTORED] = ""
    if task.needs_decoder and found[0].shape == x.shape and bool((x < 0.5).any()):
        extreme = EXTREME * torch.randn(x.shape, generator=generator(0, "conduct/extreme")).to(x)
        logits = torch.cat([found[0], model(extreme, labels)])
        if bool(logits.min() >= 0):
            conduct[Conduct.NO_NEGATIVE_LOGIT] = ""
        elif float(logits.abs().max()) <= 1 and float((logits.abs() > SATURATED).double().mean()) > SHARE_SATURATED:
            conduct[Conduct.LOGITS_END_AT_ONE] = ""
    return conduct
