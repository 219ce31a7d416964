"""The same command after an edit of this project's code: what is done stays done, and that is said."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from unittest.mock import patch

import pytest

from bench.machine.provenance import provenance
from bench.store.store import Store
from tests.job.test_job import job

COMMAND = ("--archs", "cnn3", "--tasks", "classifier", "--seeds", "1")


def test_runs_that_other_code_has_made_are_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """As after β = 4 was written into a loss."""
    assert job(tmp_path, *COMMAND) == 0
    ours = provenance()
    assert ours.code is not None
    (record,) = Store(tmp_path / "runs").records()
    assert record.environment["code"] == ours.code
    assert "other code" not in capsys.readouterr().err

    edited = dataclasses.replace(ours, changed=("bench/tasks/vae.py",), code={**ours.code, "tasks": "edited"})
    with patch("bench.job.perform.provenance", return_value=edited):
        assert job(tmp_path, *COMMAND) == 0
    said = capsys.readouterr().err
    assert "1 of 1 run is done already" in said
    assert "WARNING: 1 of 1 record was made by other code than this: bench/tasks differs (" in said
    manifest = json.loads((tmp_path / "report" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["provenance"]["code"]["tasks"] == "edited"
