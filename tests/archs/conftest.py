"""Shared by the tests of architectures, many of which write a file, load it and write it again."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python takes bytecode for that of a source of the same size and second, so that an edit would not be seen."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
