"""Tables as CSV: in ASCII where names are, marked as UTF-8 where they aren't, and read the same in any case."""

from __future__ import annotations

import codecs
import csv
from pathlib import Path

import pandas as pd
import pytest

import reports
from bench.statistics.tables import read_table
from reports.__main__ import main
from tests.conftest import ROOT
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")


def written(folder: Path, *names: str) -> Path:
    report = write_experiment(folder, list(names))
    reports.build(report)
    return report


def test_tables_of_ascii_names_are_ascii(tmp_path: Path) -> None:
    """Excel takes anything else for the system's old encoding, and a mark is a part of a heading to some readers."""
    for path in written(tmp_path, "plug_fac", "other").glob("*.csv"):
        assert path.read_bytes().isascii(), path.name


def test_tables_of_other_names_are_marked_and_read_the_same(tmp_path: Path) -> None:
    report = written(tmp_path, "größe", "网络×2")
    for name in ("records", "summary", "comparisons", "layers"):
        path = report / f"{name}.csv"
        assert path.read_bytes().startswith(codecs.BOM_UTF8)
        for frame in (read_table(path, name), pd.read_csv(path)):
            assert not [column for column in frame if "\ufeff" in column]
            assert set(frame["arch"]) <= {"größe", "网络×2"}  # a name is not ours to spell otherwise
        with open(path, encoding="utf-8-sig", newline="") as file:
            assert "arch" in next(csv.reader(file))
    assert "conv 3x3, stride 2, 1->8" in (report / "layers.csv").read_text(encoding="utf-8-sig")


def test_reports_are_compared_whether_their_tables_are_marked_or_not(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """An earlier version marked none."""
    report = written(tmp_path / "new", "größe", "other")
    old = written(tmp_path / "old", "größe", "other")
    path = old / "records.csv"
    path.write_bytes(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    assert main(["compare", str(old), str(report), "--fail-on", "worse"]) == 0
    assert "größe" not in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted((ROOT / "reports" / "published").glob("*/*.csv")), ids=lambda path: path.name)
def test_published_tables_are_ascii(path: Path) -> None:
    assert path.read_bytes().isascii()
