"""What --list prints, made from the registry."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from archs.base import Arch
from archs.errors import UserError, one_line
from archs.foreign.raised import said
from archs.foreign.time_limit import Endless
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
    sizes = dict(zip([task.name for task in able], sizes_of(arch, able, problems), strict=False))
    counts = ", ".join(f"{task.name}\N{NO-BREAK SPACE}{sizes.get(task.name, '–')}" for task in able)
    lines = [" ".join(arch.summary.split()), f"parameters: {counts}", f"source: {' '.join(arch.source.split())}"]
    filled = (fill(line, indent=INDENT * 2, first=INDENT) for line in lines)
    return printable("\n".join([name, *filled])).replace("\N{NO-BREAK SPACE}", " ")


def sizes_of(arch: Arch, tasks: Sequence[Task], problems: dict[str, None]) -> Iterator[str]:
    """Yield how many parameters an architecture has in each task, up to one in which it can't be built in time."""
    for task in tasks:
        try:
            model = task.new_model(arch, DEFAULT_LATENT if task.uses_latent_dim else None, 0)
            yield f"{parameter_count(model):,}"
        except (Exception, SystemExit) as error:  # whatever others' code raises
            problems[one_line(error) if isinstance(error, UserError) else f"{arch.name}: {said(error)}"] = None
            if isinstance(error, Endless):
                return
            yield "–"
