"""The page takes its words and its metrics from what the manifest declares, whatever that is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

import reports
from bench.spec.declared import built_in
from reports.reading.manifest import read_manifest
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")


def declared(task: str, **changes: Any) -> dict[str, Any]:
    """A built-in task said otherwise."""
    known = dataclasses.asdict(built_in().tasks[task])
    return {"declared": {"tasks": [{**known, **changes}]}}


def page(folder: Path) -> str:
    return reports.build(folder).read_text(encoding="utf-8")


LOWER = {"primary": "reconstruction", "prefix": "", "measured": "", "kept": {}}


@pytest.mark.parametrize(
    "gap, seeds, words",
    [
        (0.0, 3, "As VAEs, no single best: cnn2 has the lowest mean, 8"),
        (0.0, 1, "As VAEs the 3 architectures measured from 8"),
        (35.0, 3, "Of 3 architectures cnn2 models the images best: 81.0 nats of test reconstruction"),
    ],
)
def test_where_lower_is_better_the_lowest_leads(tmp_path: Path, gap: float, seeds: int, words: str) -> None:
    names = ("cnn2", "cnn3", "mlp")
    folder = write_experiment(
        tmp_path, names, tasks=("vae",), gap=gap, seeds=seeds, manifest=declared("vae", **LOWER), spread=0.05
    )
    experiment = reports.load(folder)
    means = [experiment.rankings["vae"].cells[arch].mean for arch in experiment.rankings["vae"].order]
    assert means == sorted(means)
    answer = reports.answer(experiment).replace("**", "")
    leader = experiment.rankings["vae"].order[0]
    assert words.replace("cnn2", leader) in answer
    assert "down to" not in answer
    assert seeds > 1 or " up to " in answer


def test_two_columns_of_one_name_are_two_columns(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, tasks=("vae", "cvae"), manifest=declared("cvae", prefix=""))
    header, _, first, *_ = (line for line in page(folder).splitlines() if line.startswith("|"))
    assert header.count("ELBO ↑") == 2
    cells = [cell.strip(" *") for cell in first.split("|")]
    assert any(cell.startswith("−104.9 ±") or cell.startswith("−105.") for cell in cells)
    assert any(cell.startswith(("−100.", "−101.")) for cell in cells)


def test_words_of_a_manifest_open_no_tag_and_no_link(tmp_path: Path) -> None:
    evil = "<script>x</script>[a](http://b) |*c* `d`"
    changes = dict.fromkeys(("better", "best"), f"{evil} {{winner}}")
    changes |= {"label": evil, "prefix": evil, "subject": evil, "measured": evil}
    for gap in (0.0, 35.0):
        folder = write_experiment(tmp_path / str(gap), tasks=("vae",), gap=gap, manifest=declared("vae", **changes))
        text = page(folder)
        assert "<script" not in text
        assert not re.search(r"(?<!\\)\]\(http", text)
        assert "<script>x" not in (folder / "report.html").read_text(encoding="utf-8")


def test_an_older_manifest_needs_no_declaration(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path)
    assert "declared" not in read_manifest(folder)
    assert reports.load(folder).declared == built_in()


def test_a_page_without_an_elbo_says_nothing_of_one(tmp_path: Path) -> None:
    text = page(write_experiment(tmp_path, tasks=("classifier",)))
    assert "ELBO" not in text
