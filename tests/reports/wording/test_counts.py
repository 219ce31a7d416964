"""A count and its noun agree wherever something is said: one run is, two runs are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import reports
from bench.spec.output.counts import is_or_are, it_or_them, of_all, plural
from tests.conftest import ROOT
from tests.reports.synthetic import write_experiment

MANY = (
    "architectures|benchmarks|candidates|cells|comparisons|epochs|evaluations|failures|files|hours|images|labels|layers|"
    "minutes|nats|networks|pairs|parts|records|results|rounds|runs|seconds|seeds|sessions|steps|tasks|threads|"
    "trainings|trials|verdicts|weights|workers"
)
OF_ONE = re.compile(
    rf"(?<![\w.,−/])(?<!− )1 (?:(?:fresh|paired|further|finished|failed|other|more) )?(?:{MANY})\b"
    r"|\b1 of (?:1 [a-z]+s\b|[\d,]+ [a-z]+ (?:are|were|have)\b)"
    r"|\b1 (?:are|were|have)\b"
)
PUBLISHED = sorted((ROOT / "reports" / "published").iterdir())


def wrong(text: str) -> list[str]:
    return [text[max(0, found.start() - 40) : found.end() + 20] for found in OF_ONE.finditer(text)]


def test_counts_and_their_nouns() -> None:
    assert [plural(count, "run") for count in (0, 1, 2, 1000)] == ["0 runs", "1 run", "2 runs", "1,000 runs"]
    assert [plural(count, "class", "classes") for count in (1, 2)] == ["1 class", "2 classes"]
    assert [of_all(*counts, "run") for counts in ((1, 1), (1, 3), (2, 3))] == [
        "1 of 1 run is", "1 of 3 runs is", "2 of 3 runs are",
    ]  # fmt: skip
    assert [(is_or_are(count), it_or_them(count)) for count in (1, 2)] == [("is", "it"), ("are", "them")]


def test_what_would_be_found() -> None:
    for text in ("1 runs failed", "with 1 fresh seeds", "1 of 1 runs", "1 of 3 runs are done", "; 1 are faster"):
        assert wrong(text), text
    for text in (
        "1 run",
        "11 runs",
        "0.1 seconds",
        "all m − 1 trials",
        "1 of 3 runs is",
        "1 / 2 seeds",
        "2 of 11 runs",
    ):
        assert not wrong(text), text


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_published_pages_count_right(folder: Path) -> None:
    for name in ("report.md", "answer.json"):
        assert wrong((folder / name).read_text(encoding="utf-8")) == []


def test_a_page_of_one_of_everything_counts_right(tmp_path: Path, undrawn: None) -> None:
    failures = {("cnn3", "vae", 0): "ValueError: no"}
    folder = write_experiment(tmp_path, ["cnn2", "cnn3"], seeds=1, failures=failures)
    page = reports.build(folder).read_text(encoding="utf-8")
    said = [page, (folder / "answer.json").read_text(encoding="utf-8"), reports.terminal_summary(folder)]
    assert [wrong(text) for text in said] == [[], [], []]
    assert "1 run of " in page and "The same command with `--retry-failed` tries it again." in page
