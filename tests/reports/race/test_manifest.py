"""A manifest's entry on a race that contradicts itself is refused, by name of the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archs.errors import UserError
from reports.reading.manifest import read_manifest

ARCHS = ["cnn2", "cnn3", "mlp"]
ENTRY = {
    "task": "vae", "epochs": 3, "first_seeds": 3, "max_seeds": 10, "max_minutes": None, "at_once": 1, "archs": ARCHS,
    "run_ids": ["a", "b"], "planned": 9, "ended": "one left", "winner": "cnn3", "confirmed": 5, "full_grid": 30,
}  # fmt: skip


def read(folder: Path, **values: Any) -> dict[str, Any]:
    race = {name: value for name, value in {**ENTRY, **values}.items() if value != "gone"}
    manifest = {"runs_dir": "runs", "run_ids": ["c"], "archs": ["cnn2", "cnn3"], "tasks": ["vae"], "baseline": "cnn2"}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "race": race}), encoding="utf-8")
    return read_manifest(folder)


def test_a_sound_entry_is_read(tmp_path: Path) -> None:
    assert read(tmp_path)["race"] == ENTRY
    assert read(tmp_path, labels=None, seeds=5, factors={"cnn2": {}})["race"]["seeds"] == 5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"winner": "cnn4"}, r"race: winner 'cnn4' is not among archs; did you mean"),
        ({"winner": None}, r'race: winner is missing, expected one of archs for a race that ended by "one left"'),
        ({"archs": ["cnn2", "cnn3", "cnn2"]}, r"race: archs has 'cnn2' twice, expected each once"),
        ({"archs": ["cnn2"]}, r"race\.archs"),
        ({"archs": ["cnn2", 3, "cnn3"]}, r"race\.archs\[1\] is 3"),
        ({"task": "cvae"}, r"race: task 'cvae' is not among the report's"),
        ({"first_seeds": 11}, r"race: first_seeds is 11, expected at most max_seeds, 10"),
        ({"first_seeds": 0}, r"race\.first_seeds is 0"),
        ({"max_seeds": 10**9}, r"race\.max_seeds is 1000000000"),
        ({"full_grid": 40}, r"race: full_grid is 40, expected 3 archs × 10 max_seeds, 30"),
        ({"planned": 1}, r"race: planned is 1, expected at least the 2 of run_ids"),
        ({"ended": "won"}, r"race\.ended is 'won'"),
        ({"confirmed": -1}, r"race\.confirmed is -1"),
        ({"run_ids": "gone"}, r"race .*run_ids"),
        ({"max_minutes": 0}, r"race\.max_minutes is 0"),
        ({"factors": ["depth"]}, r"race\.factors is \['depth'\]"),
        ({"factors": {"cnn3": {"depth": 3}}}, r"race\.factors"),
    ],
)
def test_a_broken_entry_is_refused_by_name(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as found:
        read(tmp_path, **values)
    assert str(tmp_path / "manifest.json") in str(found.value) and "\n" not in str(found.value)


def test_a_race_without_a_winner_may_have_none(tmp_path: Path) -> None:
    assert read(tmp_path, winner=None, ended="all failed")["race"]["winner"] is None
    assert read(tmp_path, winner=None, ended="stopped")["race"]["winner"] is None
