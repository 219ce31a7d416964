"""The table that --list prints, made from the registry."""

from __future__ import annotations

from tabulate import tabulate

from archs.base import Arch
from archs.layers import parameter_count
from archs.registry import Registry
from bench.spec.defaults import DEFAULT_LATENT
from bench.tasks import Plugins, Task, get, names

HEADERS = ["name", "summary", "tasks", "parameters", "source"]
WIDTHS = [None, 44, None, None, 40]


def table(registry: Registry) -> str:
    """Return every entry with its tasks, its parameters for each of them, and its source, as text."""
    rows = [row(arch, registry.plugins) for _, arch in sorted(registry.archs.items())]
    for _, family in sorted(registry.families.items()):
        example = family.build({})
        rows.append([f"{family.name}:…", family.summary, *row(example, registry.plugins)[2:4], family.source])
    return tabulate(rows, HEADERS, disable_numparse=True, maxcolwidths=WIDTHS)


def row(arch: Arch, plugins: Plugins) -> list[str]:
    tasks = [get(name, plugins) for name in names(plugins)]
    able = [task for task in tasks if arch.decoder or not task.needs_decoder]
    counts = "\n".join(f"{size(arch, task):,}" for task in able)
    return [arch.name, arch.summary, "\n".join(task.name for task in able), counts, arch.source]


def size(arch: Arch, task: Task) -> int:
    return parameter_count(task.new_model(arch, DEFAULT_LATENT if task.uses_latent_dim else None, 0))
