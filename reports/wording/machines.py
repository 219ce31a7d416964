"""Say on which machines runs were trained, and what that means for a comparison of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reports.findings.machines import Machine
from reports.markup.escape import md
from reports.wording.formatting import natural_list, plural

MEASURE_ON_ONE = (
    "To compare speeds, run the command again on one machine with `--throughput quick`: it trains nothing that is "
    "finished, and times all architectures in turns."
)
SEVERAL = "machines or versions of torch"
ROUNDING = (
    "Each rounds in its own way, which moves a result by next to nothing or, where training is chaotic, by much of "
    "what another seed would"
)


def machine_in_words(machine: Machine) -> str:
    """Return a machine as Markdown, such as "AMD EPYC, 1 thread, torch 2.15.0"."""
    name = machine.device_name or f"a {machine.device or 'device'} without a name"
    threads = "unknown threads" if machine.threads is None else plural(machine.threads, "thread")
    return md(f"{name}, {threads}, torch {machine.torch or 'unknown'}")


def machines_in_words(machines: Iterable[Machine]) -> str:
    """Return machines as Markdown, in a definite order."""
    return "; ".join(sorted(map(machine_in_words, machines)))


def machines_with_archs(machines: Mapping[Machine, Sequence[str]]) -> str:
    """Return machines, each with the architectures that were trained on it, as Markdown."""
    return "; ".join(
        f"{machine_in_words(machine)} ({natural_list([md(arch) for arch in archs])})"
        for machine, archs in machines.items()
    )


def about_rounding(machines: Mapping[Machine, Sequence[str]]) -> str:
    """Say what it means for every result that its runs are of several machines; empty if they are of one."""
    if len(machines) < 2:
        return ""
    return f"The runs are of {len(machines)} {SEVERAL}: {machines_with_archs(machines)}. {ROUNDING}."
