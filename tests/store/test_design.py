"""design.json is written once: whole, by the first who comes, and never again."""

from __future__ import annotations

import datetime
import errno
import json
import os
import threading
from pathlib import Path

import msgspec
import pytest

from archs.errors import UserError
from bench.spec.run import PROTOCOL
from bench.store import design as designs
from bench.store.design import FILE, Design, read, write_once

DESIGN = Design(
    version=designs.VERSION,
    created=datetime.datetime(2026, 11, 28, 4, 15, tzinfo=datetime.UTC),
    architectures=[designs.PlannedArchitecture("cnn2", "0" * 16, ["vae"])],
    baseline="cnn2",
    dataset=designs.PlannedData("mnist", "d" * 16),
    tasks=[designs.PlannedTask("vae", None, "elbo", True, 0.5, None)],
    recipe=designs.PlannedRecipe("dynamic", 10, 128, 0.008, 20, None, 0.1, "cpu", 1, None, PROTOCOL),
    seeds=[0, 1, 2],
    evaluation=designs.PlannedEvaluation("full", [designs.PlannedPart("iwae", {"samples": 64, "images": None}, 2)]),
    stopping=designs.Stopping("fixed", 3),
    runs=designs.PlannedRuns(3, 0),
)


def with_seeds(count: int) -> Design:
    return msgspec.structs.replace(DESIGN, seeds=list(range(count)))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    written = write_once(tmp_path, DESIGN)
    assert written.design == DESIGN and read(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_the_first_design_stays(tmp_path: Path) -> None:
    first = write_once(tmp_path, DESIGN)
    before = (tmp_path / FILE).read_bytes()
    assert write_once(tmp_path, with_seeds(9)) == first
    assert (tmp_path / FILE).read_bytes() == before


def test_of_several_that_come_at_once_one_counts_for_all(tmp_path: Path) -> None:
    found: list[str] = []
    at_once = threading.Barrier(8)

    def come(count: int) -> None:
        at_once.wait()
        found.append(write_once(tmp_path, with_seeds(count)).identity)

    threads = [threading.Thread(target=come, args=(count,)) for count in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_file_system_without_hard_links_keeps_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*unused: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    first = write_once(tmp_path, DESIGN)
    assert write_once(tmp_path, with_seeds(9)) == first
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_folder_that_can_t_be_written_to_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*unused: object, **others: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError) as caught:
        write_once(tmp_path, DESIGN)
    reason = os.strerror(errno.ENOSPC)
    assert str(caught.value) == f"report folder {tmp_path}: {FILE}: {reason}; name a writable one with --out"
    assert not list(tmp_path.iterdir())


def test_a_field_of_a_later_version_is_ignored_but_for_the_identity(tmp_path: Path) -> None:
    written = write_once(tmp_path, DESIGN)
    content = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    (tmp_path / FILE).write_text(json.dumps({**content, "tuning_of_tomorrow": {"trials": 5}}), encoding="utf-8")
    later = read(tmp_path)
    assert later is not None and later.design == DESIGN and later.identity != written.identity
