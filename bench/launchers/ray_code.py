"""The code that travels to the nodes of a cluster: `archs/`, `bench/` and the plug-in files, and nothing large."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from archs.errors import UserError
from archs.foreign.plugins import load_plugin, without_repeats
from archs.identity.modules import known_as, reachable, source_path
from bench.machine.environment import ROOT

HOUSES = ("archs", "bench")


def stage(folder: Path, plugins: Sequence[str]) -> tuple[str, ...]:
    """Copy all the code into `folder`; return the paths of the plug-ins relative to it.

    Beside a plug-in go the files that it imports, of its own folder or of another that no library is installed in:
    those that are part of its fingerprint.

    Raises:
        UserError: a plug-in can't be loaded, or two of its files can't lie in one folder.
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
        for name in sorted(reachable(module.__name__) - {module.__name__}):
            helper = source_path(name)
            if helper is None or any(helper.is_relative_to(ROOT / house) for house in HOUSES):
                continue
            to = place_of(name, helper, place)
            if to.exists() and to.read_bytes() != helper.read_bytes():
                raise UserError(
                    f"plug-in {plugin}: of two modules that it imports both would be {to.relative_to(place)} on a "
                    f"node; rename {helper}"
                )
            copy(helper, to)
    return tuple(staged)


def place_of(name: str, file: Path, folder: Path) -> Path:
    """Return where a file goes so that what lies in `folder` imports it by the name that it is known as."""
    path = folder.joinpath(*known_as(name).lstrip(".").split("."))
    return path / "__init__.py" if file.stem == "__init__" else path.with_name(f"{path.name}.py")


def copy(path: Path, to: Path) -> None:
    """Copy a file, making the folders that it goes into."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)
