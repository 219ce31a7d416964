"""What --list prints, made from the registry."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from archs.base import Arch
from archs.errors import UserError
from archs.foreign.raised import one_line, said
from archs.layers import parameter_count
from archs.registry import Registry
from bench.spec.defaults import DEFAULT_LATENT
from bench.spec.output.lines import printable
from bench.spec.output.width import fill
from bench.tasks import Task, get, names

INDENT = "    "


def listing(registry: Registry) -> tuple[str, list[str]]:
    """Return every entry with its summary, its parameters for each of its tasks, and its source, as text.

    With it come the reasons for which architectures can't be built, whose parameters are not known then.
    """
    problems: dict[str, None] = {}
    tasks = []
    for name in names(registry.plugins):
        try:
            tasks.append(get(name, registry.plugins))
        except UserError as error:
            problems[f"{error}; left out"] = None
    entries = [entry(arch, arch.name, tasks, problems) for _, arch in sorted(registry.archs.items())]
    for _, family in sorted(registry.families.items()):
        try:
            member = registry.member(family, {})
        except UserError as error:
            problems[f"{registry.origin[family.name]}: {error}"] = None
            continue
        example = dataclasses.replace(member, summary=family.summary, source=family.source)
        entries.append(entry(example, f"{family.name}:…", tasks, problems))
    return "\n\n".join(entries), list(problems)


def entry(arch: Arch, name: str, tasks: Sequence[Task], problems: dict[str, None]) -> str:
    """Return what is shown of an architecture; the width is the terminal's."""
    able = [task for task in tasks if arch.decoder or not task.needs_decoder]
    counts = ", ".join(f"{task.name}\N{NO-BREAK SPACE}{size(arch, task, problems)}" for task in able)
    lines = [" ".join(arch.summary.split()), f"parameters: {counts}", f"source: {' '.join(arch.source.split())}"]
    filled = (fill(line, indent=INDENT * 2, first=INDENT) for line in lines)
    return printable("\n".join([name, *filled])).replace("\N{NO-BREAK SPACE}", " ")


def size(arch: Arch, task: Task, problems: dict[str, None]) -> str:
    try:
        model = task.new_model(arch, DEFAULT_LATENT if task.uses_latent_dim else None, 0)
    except (Exception, SystemExit) as error:  # whatever others' code raises
        problems[one_line(error) if isinstance(error, UserError) else f"{arch.name}: {said(error)}"] = None
        return "–"
    return f"{parameter_count(model):,}"
