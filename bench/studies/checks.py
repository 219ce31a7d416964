"""What a study checks before it begins, so that minutes of measuring don't end with a mistake in its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archs.errors import UserError, nearest
from archs.registry import discover


def writable(path: Path, option: str) -> None:
    """Do nothing if a file can be written at `path`; its folder is made, and a file that is there stays as it is.

    Raises:
        UserError: it can't; the message begins with the option that named it.
    """
    is_new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
        if is_new:
            path.unlink()
    except OSError as error:
        reason = f"{path.parent} is not a folder" if path.parent.is_file() else error.strerror or error
        raise UserError(f"{option} {path}: {reason}; name one that can be written") from error


def figure_writable(path: Path, option: str) -> None:
    """Do nothing if a figure can be written at `path`, in the form that its name ends with.

    Raises:
        UserError: it can't; the message begins with the option that named it.
    """
    from matplotlib.backend_bases import FigureCanvasBase  # here: slow to import

    forms, form = FigureCanvasBase.get_supported_filetypes(), path.suffix.removeprefix(".")
    if form not in forms:
        raise UserError(f"{option} {path}: {form!r} is no form of a figure{nearest(form, forms)}")
    writable(path, option)


def vaes(names: Sequence[str]) -> list[str]:
    """Return the canonical names of architectures that can be trained as a VAE.

    Args:
        names: as `--archs` takes them: families, grids and wildcards too.

    Raises:
        UserError: one is unknown, or has no decoder.
    """
    archs = discover().resolve(names).archs
    for arch in archs:
        if not arch.decoder:
            raise UserError(f"architecture {arch.name!r} has no decoder: expected one that can be a VAE; leave it out")
    return [arch.name for arch in archs]
