"""What is said of runs that other code has made than the one that shows them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bench.store.code_versions import made_by_other_code
from tests.store.one_run import RECORD

NOW = {"commit": "b" * 40, "dirty": False, "code": {"tasks": "11111111", "training": "22222222"}}
EDITED = {"tasks": "33333333", "training": "22222222"}


def made(*environments: dict[str, Any]) -> str | None:
    return made_by_other_code([dataclasses.replace(RECORD, environment=one) for one in environments], NOW)


@pytest.mark.parametrize(
    "environment",
    [
        NOW,
        NOW | {"commit": "a" * 40},  # a commit that changed nothing that counts
        NOW | {"dirty": True, "changed_files": ["archs/mine.py"]},
        {"commit": "b" * 40},  # of the same commit, though from before hashes were recorded
        {},  # nothing is known
    ],
)
def test_nothing_is_said_where_the_code_is_the_same(environment: dict[str, Any]) -> None:
    assert made(environment) is None


def test_an_edited_room_is_named_with_both_versions() -> None:
    before = {"commit": "a" * 40, "dirty": True, "changed_files": ["bench/tasks/vae.py"], "code": EDITED}
    text = made(NOW, before, before)
    assert text is not None
    assert text.startswith(
        "2 of 3 records were made by other code than this: bench/tasks differs "
        "(commit aaaaaaaaaa with changes: bench/tasks/vae.py, now commit bbbbbbbbbb)"
    )
    assert "PROTOCOL" in text


def test_records_without_a_hash_are_told_apart_by_their_commit() -> None:
    text = made({"commit": "a" * 40, "dirty": False})
    assert text is not None
    assert "its hash was not recorded yet (commit aaaaaaaaaa, now commit bbbbbbbbbb)" in text


def test_an_evaluation_counts_by_itself() -> None:
    evaluation = dataclasses.replace(RECORD, environment={"commit": "a" * 40, "code": EDITED})
    text = made_by_other_code([dataclasses.replace(RECORD, environment=NOW, evaluations=(evaluation,))], NOW)
    assert text is not None
    assert text.startswith("1 of 2 records")


def test_without_knowledge_of_the_current_code_nothing_is_said() -> None:
    """As for the page of an older job."""
    assert made_by_other_code([dataclasses.replace(RECORD, environment={"commit": "a", "code": EDITED})], {}) is None
