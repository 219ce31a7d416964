"""What a person names is found, or the message names what is there: stores, runs by the beginning of an id, reports."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import bench
from archs.errors import UserError
from bench.store.lookup import find_run, open_store
from bench.store.store import Store
from bench.verify import main as verify
from tests.store.one_run import RECORD

IDS = ("aaaa000000000001", "aaaa000000000002", "bbbb000000000001")


def store_in(folder: Path, *run_ids: str) -> Store:
    """A store with a run of each id."""
    store = Store(folder)
    for run_id in run_ids:
        store.write(dataclasses.replace(RECORD, run_id=run_id))
    return store


def refused(folder: Path) -> str:
    """What `bench.load` says of a folder."""
    with pytest.raises(UserError) as found:
        bench.load(folder)
    return str(found.value)


def test_a_run_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    store = store_in(tmp_path / "runs", *IDS)
    for text, expected in [("b", IDS[2]), (IDS[0], IDS[0]), ("aaaa000000000002", IDS[1])]:
        assert find_run(store, text).run_id == expected


def test_ids_that_begin_alike_are_named_and_only_some_of_many(tmp_path: Path) -> None:
    store = store_in(tmp_path / "runs", *IDS)
    with pytest.raises(UserError, match=rf"^run 'aa': 2 ids in \S+ begin so: {IDS[0]}, {IDS[1]}; give more of it$"):
        find_run(store, "aa")
    store_in(tmp_path / "runs", *(f"cccc00000000000{n}" for n in range(7)))
    with pytest.raises(UserError, match=r"7 ids in \S+ begin so: (c+0+\d, ){5}…; give more of it$"):
        find_run(store, "c")


@pytest.mark.parametrize("text", ["", "x", "../../etc", "bbbb000000000002"])
def test_an_id_that_is_not_there_is_an_error(text: str, tmp_path: Path) -> None:
    store = store_in(tmp_path / "runs", *IDS)
    with pytest.raises(UserError, match="has an id that begins so"):
        find_run(store, text)


def test_a_model_and_a_run_to_verify_are_found_in_one_way(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """`bench.load_model` says what `python -m bench.verify` says, of each wrong id and of a store that isn't there."""
    store_in(tmp_path / "runs", *IDS)
    for folder, text in (("runs", "aa"), ("runs", "x"), ("rums", "aa")):
        with pytest.raises(UserError) as found:
            bench.load_model(tmp_path / folder, text)
        assert verify([text, "--runs-dir", str(tmp_path / folder)]) == 2
        assert capsys.readouterr().err == f"error: {found.value}\n"


def test_a_folder_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    store_in(tmp_path / "runs", *IDS)
    (tmp_path / "rung").mkdir()  # nearer, but no store
    begun = f"runs folder {tmp_path / 'rum'}: no such folder; "
    assert refused(tmp_path / "rum") == f"{begun}did you mean {str(tmp_path / 'runs')!r}?"
    store_in(tmp_path / "other", *IDS)
    assert refused(tmp_path / "xyz").endswith(f"; choose from {tmp_path / 'other'}, {tmp_path / 'runs'}")
    assert refused(tmp_path / "rung" / "nope").endswith(
        "; expected the folder that a job wrote its runs into (--runs-dir)"
    )


def test_what_is_no_store_is_said_to_be_none(tmp_path: Path) -> None:
    store_in(tmp_path / "work" / "runs", *IDS)
    found = f"; did you mean {str(tmp_path / 'work' / 'runs')!r}?"
    assert refused(tmp_path / "work") == f"runs folder {tmp_path / 'work'}: holds no record of a run{found}"
    (tmp_path / "file").touch()
    assert "is no folder" in refused(tmp_path / "file")


@pytest.mark.parametrize("name", [None, ".claims", "step_seconds"])
def test_a_store_may_be_empty_as_long_as_a_job_has_finished_nothing(name: str | None, tmp_path: Path) -> None:
    if name:
        (tmp_path / name).mkdir()
    assert open_store(tmp_path).run_ids() == []
    for table in ("runs", "history", "summary", "layers"):
        assert bench.load(tmp_path, table).empty


def test_a_report_folder_stands_for_the_runs_that_it_shows(tmp_path: Path) -> None:
    store_in(tmp_path / "runs", *IDS)
    report = tmp_path / "reports" / "one"
    report.mkdir(parents=True)
    manifest = report / "manifest.json"
    manifest.write_text(json.dumps({"runs_dir": "../../runs", "run_ids": [*IDS[1:], "dddd000000000001"]}))
    assert list(bench.load(report)["run_id"]) == list(IDS[1:])
    manifest.write_text(json.dumps({"runs_dir": "../../runs", "run_ids": "all"}))
    assert refused(report).endswith("is no manifest of a report: run_ids is 'all': expected `array`, got `str`")
    manifest.write_text(json.dumps({"runs_dir": "../nowhere", "run_ids": []}))
    assert "no runs directory" in refused(report)
    manifest.write_text("{")
    assert f"{manifest} can't be read: " in refused(report)
