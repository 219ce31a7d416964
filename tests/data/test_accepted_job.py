"""A job on data files that nobody published: refused, or done with `--accept-data` and a page that says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from run_ablation import main
from tests.data.conftest import IMAGES, Write


def arguments(tmp_path: Path) -> list[str]:
    return [
        "--archs", "mlp", "--tasks", "classifier", "--seeds", "1", "--epochs", "1", "--train-images", "200",
        "--throughput", "off", "--device", "cpu", "--dataset", "kmnist", "--data-dir", str(tmp_path),
        "--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "report"),
    ]  # fmt: skip


def test_a_job_refuses_data_that_nobody_published(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = write()
    assert main(arguments(tmp_path)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: data file {raw / IMAGES} is not the published one of kmnist: MD5 ")
    assert line.endswith(", or use it as it is with --accept-data")
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("unmade")
def test_a_page_of_accepted_data_says_so_at_the_top_and_in_its_data_line(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write()
    assert main([*arguments(tmp_path), "--accept-data"]) == 0
    said = f"not the published files of kmnist: {IMAGES} (MD5 "
    shown = capsys.readouterr()
    assert f"WARNING: data set kmnist: {said}" in shown.err
    assert f"warning: data set kmnist: {said}".split(": train")[0] in shown.out
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    top, (data_line,) = page.splitlines()[:6], [line for line in page.splitlines() if line.startswith("| data set ")]
    plain = said.replace("(", r"\(").partition(r" \(")[0]
    assert any(line.startswith("> ⚠ ") and plain in line for line in top)
    assert "images)" in data_line and plain in data_line
    (remark,) = json.loads((tmp_path / "report" / "manifest.json").read_text(encoding="utf-8"))["dataset"]["remarks"]
    assert remark.startswith(said)
