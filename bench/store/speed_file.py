"""The file throughput.json of a report folder: its name, its format, and how it is read. Loads nothing heavy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archs.errors import UserError

FILE = "throughput.json"
FORMAT = 1
"""The version of the file, raised when what is timed, or how it is written down, changes."""


def read(folder: Path) -> dict[str, Any] | None:
    """Return the content of a report folder's file; None if there is none, or one of another format.

    Raises:
        UserError: the file is not such a document.
    """
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {error}; remove it, or measure again") from None
    earlier = document.get("earlier", []) if isinstance(document, dict) else None
    is_whole = isinstance(earlier, list) and all(isinstance(each, dict) and "works" in each for each in earlier)
    if not is_whole or "format" not in document:
        raise UserError(f"{path} holds no throughput: expected what run_ablation.py wrote; remove it, or measure again")
    return document if document["format"] == FORMAT else None
