"""The layer table of a model: the output shape, weights, biases and multiply-accumulates of each layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import nn
from torch.jit import ScriptModule
from torch.nn.parameter import Parameter, is_lazy
from torch.nn.utils.parametrize import type_before_parametrizations

from archs.counting.follow import PARAMETRIZATIONS, Passage, Work, follow, layer_of
from archs.errors import one_line

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

UNUSED = "not used in forward"
SHARED = "its weights are counted above"


@dataclass(frozen=True)
class Layer:
    """One layer: a module that owns parameters, or that multiplies in its own code."""

    part: str
    """The part of the model that holds it: encoder, head or decoder; "model" if it is in none."""

    layer: str
    """What it does: "conv 5×5, stride 2, 1→16"."""

    kind: str
    """conv, transposed conv, fc or other."""

    output_shape: str
    """Without the batch: "16x12x12"; of its first call; empty if it is not known."""

    weights: int
    biases: int
    macs: int | None
    """Multiply-accumulates for one image, of all its calls, in the direct form, before any cropping; None if unknown.

    Matrix products and convolutions count, as by `FlopCounterMode`: those of a normalisation or an embedding are none.
    """

    backward_macs: int | None = None
    """Those that a training step adds for the gradients of its weights and of its input, where they are computed."""

    note: str = ""
    """What is special about the row, in a few words: why `macs` is unknown, what it lacks, why it is 0."""


def layer_table(model: nn.Module, run: Callable[[], object]) -> list[Layer]:
    """Return a row for each module that owns parameters or multiplies, in the order in which an image reaches them.

    A parameter that two modules share is counted with the first, and one that no called module owns with the module
    around it. The rows add up to all parameters of the model, each counted once. If an image can't be followed through
    the model, a row stands for each module that owns parameters, and says why its operations are unknown.

    Args:
        run: passes one image through the model, on a CPU.
    """
    try:
        return rows_of(model, follow(model, run))
    except (Exception, SystemExit) as error:  # of a foreign model, whose training is not for a table to prevent
        reason = f"{type(error).__name__}: {one_line(error)}"[:120]
        owners: dict[str, Owned] = {}
        for name, key, parameter in owned_parameters(model):
            owners.setdefault(layer_of(name), Owned()).add(key, parameter)
        note, modules = f"not followed: {reason}", dict(model.named_modules())
        return [row(modules[name], name, own, Work(), note, unknown=True) for name, own in owners.items()]


@dataclass
class Owned:
    """The parameters that a row counts."""

    weights: int = 0
    biases: int = 0
    tensors: int = 0

    def add(self, key: str, parameter: Parameter) -> None:
        """Count a parameter that its module knows as `key`."""
        size = parameter_size(parameter)
        is_bias = key.startswith("bias") or key.endswith("bias")  # bias_ih_l0 and in_proj_bias are some, too
        self.weights, self.biases = self.weights + size * (not is_bias), self.biases + size * is_bias
        self.tensors += 1


def rows_of(model: nn.Module, passage: Passage) -> list[Layer]:
    """Return the rows of a model through which an image was followed."""
    modules = dict(model.named_modules())
    called = {name: Owned() for name in passage.works}
    unused: dict[str, Owned] = {}
    for name, key, parameter in owned_parameters(model):
        home = layer_of(name)
        if home not in called and id(parameter) in passage.used:
            home = around(home, called)
        (called if home in called else unused).setdefault(home, Owned()).add(key, parameter)
    rows = []
    for name, own in called.items():
        work = passage.works[name]
        shares = not own.tensors and next(modules[name].parameters(recurse=False), None) is not None
        if own.tensors or shares or work.macs or work.unknown or work.uncounted:
            rows.append(row(modules[name], name, own, work, note_of(work, shares), unknown=bool(work.unknown)))
    return rows + [row(modules[name], name, own, Work(), UNUSED) for name, own in unused.items()]


def row(module: nn.Module, name: str, own: Owned, work: Work, note: str, unknown: bool = False) -> Layer:
    """Return the row of a module that the model knows as `name`."""
    known_as = ".".join(part for part in name.split(".") if part != "_orig_mod")
    return Layer(
        part=known_as.partition(".")[0] or "model",
        layer=describe(known_as, module),
        kind=kind(module),
        output_shape=work.output_shape,
        weights=own.weights,
        biases=own.biases,
        macs=None if unknown else work.macs,
        backward_macs=None if unknown else work.backward_macs,
        note=note,
    )


def note_of(work: Work, shares: bool) -> str:
    """Return the note on the row of a module that was called."""
    notes = [SHARED] if shares else []
    if work.unknown:
        notes.append(f"what {', '.join(sorted(work.unknown))} computes is unknown")
    if work.uncounted:
        notes.append(f"without {', '.join(sorted(work.uncounted))}")
    return "; ".join(notes)


def owned_parameters(model: nn.Module) -> Iterable[tuple[str, str, Parameter]]:
    """Yield each parameter once, with the name of the first module that owns it and what it is there.

    A parametrized weight is called as in its layer, not "original".
    """
    seen: set[int] = set()
    for name, module in model.named_modules():
        for key, parameter in module.named_parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                _, _, of = f".{name}".partition(f".{PARAMETRIZATIONS}.")
                yield name, of.partition(".")[0] if of else key, parameter


def around(name: str, called: Iterable[str]) -> str:
    """Return the name of the innermost module around `name` that was called; `name` itself if none was."""
    outer, known = name, set(called)
    while outer not in known and outer:
        outer = outer.rpartition(".")[0]
    return outer if outer in known else name


def parameter_size(parameter: Parameter) -> int:
    """Return the number of elements of a parameter; 0 for one that waits for its first input to know."""
    return 0 if is_lazy(parameter) else parameter.numel()


def parameter_count(model: nn.Module) -> int:
    """Return the number of weights and biases of a model."""
    return sum(parameter_size(parameter) for parameter in model.parameters())


def kind(module: nn.Module) -> str:
    """Return the kind of a layer: conv, transposed conv, fc or other."""
    if isinstance(module, TRANSPOSED):
        return "transposed conv"
    if isinstance(module, CONVOLUTIONS):
        return "conv"
    return "fc" if isinstance(module, nn.Linear) else "other"


def describe(name: str, module: nn.Module) -> str:
    """Say in words what a layer does: its kind and sizes, after its own name if the model's author gave it one."""
    own = name.split(".")[-1]
    prefix = "" if own.isdigit() or "." not in name else f"{own}: "
    if isinstance(module, CONVOLUTIONS + TRANSPOSED):
        kernel = "×".join(map(str, module.kernel_size))
        more = [f"stride {sizes(module.stride)}"]
        more += [f"dilation {sizes(module.dilation)}"] if set(module.dilation) != {1} else []
        more += [f"groups {module.groups}"] if module.groups != 1 else []
        return f"{prefix}{kind(module)} {kernel}, {', '.join(more)}, {module.in_channels}→{module.out_channels}"
    if isinstance(module, nn.Linear):
        return f"{prefix}fc {module.in_features}→{module.out_features}"
    if isinstance(module, ScriptModule):
        return f"{prefix}{module.original_name} (TorchScript)"
    return f"{prefix}{type_before_parametrizations(module).__name__}"


def sizes(each: tuple[int, ...]) -> str:
    """Return sizes down and across: "2" if they are the same, else "2×1"."""
    return str(each[0]) if len(set(each)) == 1 else "×".join(map(str, each))


def count(rows: Iterable[Layer], *kinds: str) -> int:
    """Return the weights and biases of the rows of these kinds; of all rows if none is named."""
    return sum(row.weights + row.biases for row in rows if not kinds or row.kind in kinds)
