"""The study of how the cost of a store grows, on a small one."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from bench.store.record import from_json, to_json, verified_content
from bench.studies import store_scaling


def test_it_prints_a_table_and_draws_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    figure = tmp_path / "figure.png"
    assert store_scaling.main(["--out", str(figure), "--records", "30", "10", "--rounds", "1"]) == 0
    rows = [line.split("|")[1:3] for line in capsys.readouterr().out.splitlines() if line.startswith("|")][2:]
    found = {(what.strip(), int(records)) for what, records in rows}
    assert found == {(what, size) for what in [*store_scaling.TABLES, store_scaling.PLANNING] for size in (10, 30)}
    assert figure.stat().st_size > 5_000


def test_its_records_are_records_and_read_as_a_job_s_are() -> None:
    for spec in islice(store_scaling.specs(), 0, 300, 50):
        text = to_json(store_scaling.record_of(spec)).encode()
        assert verified_content(text) is not None
        assert from_json(spec.run_id, text, Path("somewhere")).spec == spec.content()
