"""How encoders are told the label, which is part of what their runs are: see `bench.models.label_input`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import ParamSpec, TypeVar

from torch import nn

from archs.base import Arch
from archs.foreign.process_state import left_as_found
from archs.foreign.random_states import seeded
from archs.foreign.time_limit import Endless
from bench.models.built import feature_count
from bench.models.label_input import weighs_all_pixels
from bench.tasks import Task

P = ParamSpec("P")
Returned = TypeVar("Returned")


def label_inputs(archs: Sequence[Arch], tasks: Sequence[Task], latent_dim: int) -> dict[tuple[str, str], str]:
    """Return `bench.spec.run.RunSpec.label_input` by architecture and task, where it isn't None.

    What can't be built is not in it: its runs will say why.
    """
    telling = [task for task in tasks if task.has_code and task.bounds != "log p(x)"]  # which needs no label
    found = {}
    for arch in archs if telling else ():
        if quietly(begins_fully_connected, arch):  # a hundred are looked at in a second, and few are built
            for task in telling:
                told = quietly(of_task, arch, task, latent_dim)
                if told is not None:
                    found[arch.name, task.name] = told
    return found


def quietly(function: Callable[P, Returned], *arguments: P.args, **options: P.kwargs) -> Returned | None:
    """Return what a function returns that runs an architecture's code; None if that raises. It prints nothing.

    Raises:
        Endless: that code takes too long.
    """
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            return function(*arguments, **options)
    except Endless:
        raise
    except (Exception, SystemExit):
        return None


def begins_fully_connected(arch: Arch) -> bool:
    """Return whether an architecture's encoder begins with a layer that weighs all pixels at once."""
    with left_as_found(arch.name), seeded(0):
        encoder = arch.encoder(1)
        feature_count(arch, encoder, 1)  # a lazy layer gets its weights
    return weighs_all_pixels(encoder, 1)


def of_task(arch: Arch, task: Task, latent_dim: int) -> str | None:
    """Return how an architecture's encoder is told the label in a task."""
    return label_input_of(task.new_model(arch, latent_dim if task.uses_latent_dim else None, 0))


def label_input_of(model: nn.Module) -> str | None:
    """Return how the encoder of a model, or of one within it, is told the label; None for planes and if it isn't."""
    told = (getattr(module, "label_input", None) for module in model.modules())
    return next((how for how in told if isinstance(how, str)), None)
