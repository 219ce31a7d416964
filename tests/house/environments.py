"""Python environments of their own for tests, which find the libraries of this one."""

from __future__ import annotations

import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path


def new_environment(folder: Path, with_pip: bool) -> tuple[Path, Path]:
    """Make an environment; return its Python and the folder of its own packages."""
    venv.create(folder, with_pip=with_pip, symlinks=True)
    scheme: Mapping[str, str] = {"base": str(folder), "platbase": str(folder)}
    library, scripts = (Path(sysconfig.get_path(name, "venv", scheme)) for name in ("purelib", "scripts"))
    libraries = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (library / "libraries.pth").write_text("\n".join(sorted(libraries)), encoding="utf-8")
    return scripts / "python", library
