"""A CVAE's operations are counted with its label planes, which nobody computes: where MFU stands, the page says so."""

from __future__ import annotations

from pathlib import Path

import pytest

import reports
from tests.reports.synthetic import write_experiment
from tests.reports.test_reports_speed import write_speeds


@pytest.mark.usefixtures("unmade")
@pytest.mark.parametrize("task, is_said", [("cvae", True), ("vae", False)])
def test_the_mfu_of_a_task_that_is_told_labels_is_called_too_high(task: str, is_said: bool, tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=(task,), n_test=10)
    write_speeds(folder, ["cnn2", "cnn3"], tasks=(task,))
    page = reports.build(folder).read_text(encoding="utf-8")
    assert "each layer in its direct form" in page
    assert ("label planes as if they were drawn, which makes the MFU of a CVAE too high" in page) == is_said
