"""What several parts of a page ask for is found once for each report folder, and for each task of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from reports.reading.once import once


def test_each_folder_and_each_further_word_has_an_answer_of_its_own_which_is_found_once() -> None:
    asked: list[tuple[str, str]] = []

    @once
    def find(folder: Any, task: str, metric: str = "elbo") -> list[str]:
        asked.append((folder.name, task))
        return [folder.name, task, metric]

    @once
    def other(folder: Any, task: str) -> str:
        return task

    one, two = SimpleNamespace(name="one"), SimpleNamespace(name="two")
    assert find(one, "vae") is find(one, "vae") and find(one, "vae") == ["one", "vae", "elbo"]
    assert find(one, "cvae") == ["one", "cvae", "elbo"] and find(two, "vae") == ["two", "vae", "elbo"]
    assert other(one, "vae") == "vae"
    assert asked == [("one", "vae"), ("one", "cvae"), ("two", "vae")]
    assert find(one, "vae", metric="kl") == ["one", "vae", "kl"]
