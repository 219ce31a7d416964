"""The table that --list prints, made from the registry."""

from __future__ import annotations

from tabulate import tabulate

from archs.base import Arch
from archs.errors import UserError
from archs.layers import parameter_count
from archs.registry import Registry
from bench.spec.defaults import DEFAULT_LATENT
from bench.tasks import Plugins, Task, get, names

HEADERS = ["name", "summary", "tasks", "parameters", "source"]
WIDTHS = [None, 44, None, None, 40]


def table(registry: Registry) -> tuple[str, list[str]]:
    """Return every entry with its tasks, its parameters for each of them, and its source, as text.

    With it come the reasons for which architectures can't be built, whose parameters are not known then.
    """
    problems: dict[str, None] = {}
    rows = [row(arch, registry.plugins, problems) for _, arch in sorted(registry.archs.items())]
    for _, family in sorted(registry.families.items()):
        example = row(family.build({}), registry.plugins, problems)
        rows.append([f"{family.name}:…", family.summary, *example[2:4], family.source])
    return tabulate(rows, HEADERS, disable_numparse=True, maxcolwidths=WIDTHS), list(problems)


def row(arch: Arch, plugins: Plugins, problems: dict[str, None]) -> list[str]:
    tasks = [get(name, plugins) for name in names(plugins)]
    able = [task for task in tasks if arch.decoder or not task.needs_decoder]
    counts = "\n".join(size(arch, task, problems) for task in able)
    return [arch.name, arch.summary, "\n".join(task.name for task in able), counts, arch.source]


def size(arch: Arch, task: Task, problems: dict[str, None]) -> str:
    try:
        model = task.new_model(arch, DEFAULT_LATENT if task.uses_latent_dim else None, 0)
    except Exception as error:  # whatever others' code raises
        text = " ".join(str(error).split())
        problems[text if isinstance(error, UserError) else f"{arch.name}: {type(error).__name__}: {text}"] = None
        return "–"
    return f"{parameter_count(model):,}"
