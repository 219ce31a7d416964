"""How encoders are told the label, which is part of what their runs are: see `bench.models.label_input`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from archs.base import Arch
from archs.foreign.process_state import left_as_found
from archs.foreign.random_states import seeded
from bench.models.label_input import weighs_all_pixels
from bench.models.latent import feature_count
from bench.tasks import Task


def label_inputs(archs: Sequence[Arch], tasks: Sequence[Task], latent_dim: int) -> dict[tuple[str, str], str]:
    """Return `bench.spec.run.RunSpec.label_input` by architecture and task, where it isn't None.

    What can't be built is not in it: its runs will say why.
    """
    telling = [task for task in tasks if task.has_code and task.bounds != "log p(x)"]  # which needs no label
    found = {}
    for arch in archs if telling else ():
        if not begins_fully_connected(arch):  # a hundred are looked at in a second, and few are built
            continue
        for task in telling:
            try:
                model = task.new_model(arch, latent_dim if task.uses_latent_dim else None, 0)
            except Exception:
                continue
            if (told := label_input_of(model)) is not None:
                found[arch.name, task.name] = told
    return found


def begins_fully_connected(arch: Arch) -> bool:
    """Return whether an architecture's encoder begins with a layer that weighs all pixels at once."""
    try:
        with left_as_found(arch.name), seeded(0):
            encoder = arch.encoder(1)
            feature_count(arch, encoder, 1)
        return weighs_all_pixels(encoder, 1)
    except Exception:
        return False


def label_input_of(model: nn.Module) -> str | None:
    """Return how the encoder of a model, or of one within it, is told the label; None for planes and if it isn't."""
    told = (getattr(module, "label_input", None) for module in model.modules())
    return next((how for how in told if isinstance(how, str)), None)
