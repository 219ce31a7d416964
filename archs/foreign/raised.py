"""Says where an exception of others' code came from: the last line that is theirs, or the layer that was computed.

An architecture runs deep below the harness and far above torch: the line that raises is seldom the line to mend.
"""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import archs
from archs.base import Arch, Family
from archs.errors import UserError, message_of, one_line
from archs.identity.modules import HARNESS_PACKAGES, SITE_FOLDERS

OWN_PACKAGES: set[str] = set()
"""The top-level modules of the installed packages that architectures were loaded from."""

CONTRACT = {
    "encoder": "encoder(in_channels) is to return a torch.nn.Module whose forward gets images [B, in_channels, 28, 28] "
    "and returns features [B, F]",
    "decoder": "decoder(in_features) is to return a torch.nn.Module whose forward gets [B, in_features] and returns "
    "logits [B, 1, 28, 28]",
}
"""What an architecture's builders are to do, in a sentence each."""

HALF_MADE = "begin its __init__ with super().__init__()"


@contextmanager
def building(name: str, role: str) -> Iterator[None]:
    """Add to what others' code raises in the block what it is to do: code that builds a part, or tries it out.

    Args:
        name: of the architecture.
        role: "encoder" or "decoder".

    Raises:
        UserError: it calls `sys.exit`, say, which would end the process that others are trained in.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt, GeneratorExit):
        raise
    except Exception as error:
        error.add_note(HALF_MADE if "before Module.__init__() call" in message_of(error) else CONTRACT[role])
        raise
    except BaseException as error:
        text = f"{name}: its {role} ends the process: {type(error).__name__}: {one_line(error)}"
        raise UserError(located(error, text)) from error


def located(error: BaseException, text: str) -> str:
    """Return a text on an exception, with the place that it came from and what the code there is to do, if known."""
    if isinstance(error, UserError):  # which says it itself
        return text
    where = place(error) or layer(error)
    notes = [note for note in getattr(error, "__notes__", ()) if note in (HALF_MADE, *CONTRACT.values())]
    return "; ".join([f"{text} ({where})" if where else text, *notes[:1]])


def said(error: BaseException) -> str:
    """Return the kind, the message and the place of an exception on one line."""
    return located(error, f"{type(error).__name__}: {one_line(error)}")


def not_loaded(where: str, file: Path, error: BaseException) -> str:
    """Return why a file can't be loaded: the line of it, the kind and the message of the exception, on one line.

    Args:
        where: what it is called in the message.
    """
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    in_file = isinstance(error, SyntaxError) and error.filename in (None, str(file))
    line = error.lineno if in_file and isinstance(error, SyntaxError) else (own[-1] if own else None)
    at = f", line {line}" if line else ""
    last = place(error)
    deeper = f" ({last})" if last and not last.startswith(f"{label(file)}:") else ""
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    return f"{where}{at}: {kind}{one_line(error)}{deeper}{advice(error, file)}"


def advice(error: BaseException, file: Path) -> str:
    """Return what may help where a file imports what isn't there."""
    if not isinstance(error, ModuleNotFoundError) or not error.name or "." in error.name:
        return ""
    if is_in_archs(file):
        if file.with_name(f"{error.name}.py").is_file():
            return f"; write archs.{error.name}: a file in archs/ is a module of that package"
        return "; a module of yours goes into archs/ too, and is imported as archs.NAME"
    return f"; install it or, if it is a file of yours, put it beside {file.name}"


def lines(error: BaseException) -> list[str]:
    """Return the whole traceback of an exception, a line of text each."""
    return "".join(traceback.format_exception(error)).splitlines()


def place(error: BaseException) -> str:
    """Return the last line of others' own code that an exception passed: "mine.py:17 in encoder"; "" if none did."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno and is_own(error.filename):
        return f"{label(Path(error.filename))}:{error.lineno}"
    found = [(frame, line) for frame, line in frames(error) if is_own(frame.f_code.co_filename)]
    if not found:
        return ""
    return label_of_line(*found[-1])


def label_of_line(frame: FrameType, line: int) -> str:
    """Return what a line of a call is called in a message: "mine.py:17 in encoder"."""
    function = frame.f_code.co_qualname.rpartition("<locals>.")[2]
    within = "" if function == "<module>" else f" in {function}"
    return f"{label(Path(frame.f_code.co_filename))}:{line}{within}"


def layer(error: BaseException) -> str:
    """Return the layer that was computed when an exception came, for one that no line of others' own code called.

    "in layer 2, Linear(in_features=100, out_features=8, bias=True)"; "" if none was.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return ""
    held = [frame.f_locals.get("self") for frame, _ in frames(error)]
    called = [one for one in held if isinstance(one, torch.nn.Module)]
    if not called:
        return ""
    outer, inner = called[0], called[-1]
    name = next((name for name, one in outer.named_modules() if one is inner), "")
    return f"in {f'layer {name}, ' if name else ''}{described(inner)}"


def described(module: Any) -> str:
    """Return a layer as torch shows it, without those within it."""
    try:
        arguments = " ".join(module.extra_repr().split())[:80]
    except Exception:  # of a layer that is only half made
        arguments = ""
    return f"{type(module).__name__}({arguments})"


def frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Return the calls that an exception passed, the innermost last, each with its line."""
    return list(traceback.walk_tb(error.__traceback__))


def label(file: Path) -> str:
    """Return what a file is called in a message."""
    return f"archs/{file.name}" if is_in_archs(file) else file.name


def is_in_archs(file: Path) -> bool:
    """Return whether a file lies in the folder of the architectures, not in one within it."""
    return file.resolve().parent in [Path(folder).resolve() for folder in archs.__path__]


def is_own(file: str) -> bool:
    """Return whether a file holds code of an architecture or a task, and is no library's and no part of the harness.

    In `archs/` those are the files that declare something, and those that can't be loaded.
    """
    if file.startswith("<"):
        return False
    path = Path(file).resolve()
    if is_in_archs(path):
        module = sys.modules.get(f"archs.{path.stem}")
        return module is None or any(isinstance(value, Arch | Family) for value in list(vars(module).values()))
    root = Path(archs.__path__[0]).resolve().parent
    if any((root / house) in path.parents for house in ("archs", *HARNESS_PACKAGES)):
        return False
    if path.parent == root and path.stem == "run_ablation":
        return False
    if not SITE_FOLDERS.isdisjoint(path.parts):
        return not OWN_PACKAGES.isdisjoint(path.with_suffix("").parts)
    return Path(sysconfig.get_path("stdlib")).resolve() not in path.parents
