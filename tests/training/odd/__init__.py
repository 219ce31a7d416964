"""Small encoders of other people's kinds. Each file is a plug-in too: `--plugin tests/training/odd/state.py`."""

from __future__ import annotations

from archs.base import Arch
from tests.training.odd import layers, parameters, state

MODULES = (layers, parameters, state)

ARCHS = {arch.name: arch for module in MODULES for arch in vars(module).values() if isinstance(arch, Arch)}
"""By name; each has an encoder alone, of `tests.training.odd.building.WIDTH` features."""

FILES = [str(module.__file__) for module in MODULES]
"""To be named with `--plugin`."""
