"""The code that travels to the nodes of a cluster: `archs/`, `bench/` and the plug-in files, and nothing large."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from archs.foreign.plugins import load_plugin, without_repeats
from archs.identity.fingerprint import reachable, source_path
from bench.machine.environment import ROOT

HOUSES = ("archs", "bench")


def stage(folder: Path, plugins: Sequence[str]) -> tuple[str, ...]:
    """Copy all the code into `folder`; return the paths of the plug-ins relative to it.

    Beside a plug-in go the files of its own folder that it imports, which are also part of its fingerprint.
    """
    for house in HOUSES:
        for path in (ROOT / house).rglob("*"):
            if path.suffix in (".py", ".json"):
                copy(path, folder / path.relative_to(ROOT))
    staged = []
    for number, plugin in enumerate(without_repeats(plugins)):
        module = load_plugin(plugin)  # first, since it says best what is wrong with a file
        path, place = plugin.resolve(), folder / "plugins" / str(number)
        copy(path, place / path.name)
        staged.append(f"plugins/{number}/{path.name}")
        for name in reachable(module.__name__):
            helper = source_path(name)
            if helper is None or any(helper.is_relative_to(ROOT / house) for house in HOUSES):
                continue
            if helper.is_relative_to(path.parent):
                copy(helper, place / helper.relative_to(path.parent))
    return tuple(staged)


def copy(path: Path, to: Path) -> None:
    """Copy a file, making the folders that it goes into."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)
