"""What the factors of a grid that raced are worth, and of which runs: effects that are known, or computed by hand."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import reports
from bench.store.store import Store
from reports.findings.racing.factors import RaceFactors
from reports.markup.escape import plain
from reports.sections.racing import factors as race_factors
from tests.reports.race.sections import rendered
from tests.reports.race.synthetic import write_race

pytestmark = pytest.mark.usefixtures("unmade")

HEADING, USUAL = "## The race: what each factor is worth\n", "## What caused the difference\n"
Cell = tuple[str, str]
DEPTHS, KERNELS = ("2", "1", "10"), ("3", "5")
CELLS = tuple(itertools.product(DEPTHS, KERNELS))


def name(cell: Cell) -> str:
    return f"cnn:depth={cell[0]},kernel={cell[1]}"


def level(cell: Cell) -> float:
    """Depth is worth 2 nats from 1 to 2 and 4 more to 10; kernel 1 nat, and 3 more at depth 10."""
    return {"1": -8.0, "2": -6.0, "10": -2.0}[cell[0]] + (cell[1] == "5") * (4.0 if cell[0] == "10" else 1.0)


def factors(cells: Collection[Cell] = CELLS) -> dict[str, dict[str, str]]:
    return {name((d, k)): {"depth": d, "kernel": k, "stride": "2"} for d, k in cells}


def write(
    folder: Path, cells: Collection[Cell] = CELLS, others: Mapping[str, float] | None = None, **options: Any
) -> Path:
    """Write a race of the baseline "cnn2", of cells, and of others that are none; return the report's folder."""
    levels = {"cnn2": -30.0, **{name(cell): level(cell) for cell in cells}, **(others or {})}
    entry = {"factors": factors(cells), **options.pop("entry", {})}
    return write_race(folder, levels, entry=entry, **options)


def page_of(report: Path) -> str:
    return reports.build(report).read_text(encoding="utf-8")


def section(report: Path) -> str:
    return plain(rendered(report, race_factors.blocks))


def section_on_page(report: Path) -> str:
    """The same of a whole page, for a race that is odd: no other section may stumble over it."""
    return plain(page_of(report).split(HEADING)[1].split("\n## ")[0])


def found(report: Path) -> RaceFactors:
    factors = reports.load(report).race_factors
    assert factors is not None
    return factors


def scores(report: Path) -> dict[str, dict[int, float]]:
    """Architecture → seed → test ELBO of each run of the race that finished, from the records themselves."""
    store, by_arch = Store(report / "../runs"), dict[str, dict[int, float]]()
    for run_id in json.loads((report / "manifest.json").read_text(encoding="utf-8"))["race"]["run_ids"]:
        record = store.load(run_id)
        if record.status == "finished":
            by_arch.setdefault(record.spec["arch"], {})[record.spec["seed"]] = record.metrics["elbo"]
    return by_arch


def by_hand(values: Mapping[str, Mapping[int, float]], pairs: Collection[tuple[Cell, Cell]], seeds: int) -> np.ndarray:
    """Return a step's mean over pairs of cells, for each seed."""
    return np.array([np.mean([values[name(b)][s] - values[name(a)][s] for a, b in pairs]) for s in range(seeds)])


def test_effects_are_those_of_the_seeds_that_all_had_before_any_was_out(tmp_path: Path) -> None:
    report = write(tmp_path, spread=1.6)
    values, effects = scores(report), found(report).analysis.effects.set_index(["factor", "from_level"])
    seeds = [len(values[name(cell)]) for cell in CELLS]
    assert 3 < min(seeds) < max(seeds), "there are later seeds, of all cells and of some"
    steps = {
        ("depth", "1"): [(("1", k), ("2", k)) for k in KERNELS],
        ("depth", "2"): [(("2", k), ("10", k)) for k in KERNELS],
        ("kernel", "3"): [((d, "3"), (d, "5")) for d in DEPTHS],
    }
    assert set(effects.index) == set(steps)
    for step, pairs in steps.items():
        own = by_hand(values, pairs, 3)
        low, high = stats.ttest_1samp(own, 0).confidence_interval(0.95)
        row = effects.loc[step]
        assert (row["effect"], row["low"], row["high"]) == pytest.approx((own.mean(), low, high))
        assert (row["n"], row["cells"]) == (3, len(pairs))


def test_they_are_on_test_images_which_the_race_did_not_go_by(tmp_path: Path) -> None:
    report = write(tmp_path)
    frame = found(report).analysis.frame
    assert {row.arch: row.elbo for row in frame[frame["seed"] == 0].itertuples()} == pytest.approx(
        {arch: own[0] for arch, own in scores(report).items() if arch != "cnn2"}
    )
    assert "Effects are on test ELBO, while the race went by validation ELBO;" in section(report)


def test_known_effects_are_found_and_said(tmp_path: Path) -> None:
    text = section(write(tmp_path, spread=0.05, epochs=4, first=5))
    assert "6 of the 7 candidates are cells of a grid of depth and kernel." in text, "stride does not vary"
    assert "taken from the race's first round: 5 seeds of 4 epochs, which all of them had before any was out" in text
    assert re.search(r"- depth 1→2 is worth \+[12]\.\d nats \[.*\]; 2→10 is worth \+5\.\d nats", text)
    assert re.search(r"- kernel 3→5 is worth \+2\.\d nats \[.*\] \(a mean over 3 matched cells\)", text)
    assert re.search(
        r"What kernel 3→5 is worth depends on depth: \+1\.0 .* at depth 1, .* \+4\.\d nats .* depth 10", text
    )
    assert "Of the variance over all 30 runs" in text and "have no result" not in text and "failed" not in text
    assert re.search(r"\| VAE +\| depth 2 → 10 × kernel 3 → 5 +\|", text)


def test_a_candidate_that_is_no_cell_has_no_part(tmp_path: Path) -> None:
    others = {"mlp": -1.0, "cnn2+cnn3": -2.0}
    one, two = write(tmp_path / "a", spread=1.0), write(tmp_path / "b", spread=1.0, others=others)
    assert found(one).analysis.effects.equals(found(two).analysis.effects)
    assert set(found(two).analysis.frame["arch"]) == {name(cell) for cell in CELLS}
    assert "6 of the 9 candidates are cells" in section(two)


def test_all_candidates_may_be_cells(tmp_path: Path) -> None:
    levels = {name(cell): level(cell) for cell in CELLS}
    text = section(write_race(tmp_path, levels, entry={"factors": factors()}))
    assert "All 6 candidates are cells of a grid of depth and kernel." in text


def test_a_step_leaves_out_the_pairs_that_a_failed_run_breaks(tmp_path: Path) -> None:
    report = write(tmp_path, spread=1.0, failed=[(name(("2", "3")), 1), ("cnn2", 0)])
    values, effects = scores(report), found(report).analysis.effects.set_index(["factor", "from_level"])
    row = effects.loc["kernel", "3"]
    own = by_hand(values, [((d, "3"), (d, "5")) for d in ("1", "10")], 3)
    assert (row["n"], row["cells"]) == (3, 2) and row["effect"] == pytest.approx(own.mean())
    text = section_on_page(report)
    assert "1 of these 18 runs failed: a step leaves out the cells, or the seed, that lack one." in text, (
        "cnn2 is no cell"
    )
    assert "over all 17 runs" in text and "not every combination" not in text


def test_a_cell_of_which_every_run_failed_is_a_hole(tmp_path: Path) -> None:
    report = write(tmp_path, failed=[(name(("10", "5")), seed) for seed in range(3)])
    text = section_on_page(report)
    assert (
        "The 5 cells with a result are not every combination of these levels: a step is taken" in text
        and "3 of these 18 runs failed" in text
    )
    assert found(report).analysis.effects.set_index("factor").loc["kernel", "cells"] == 2


def test_in_a_grid_with_holes_only_cells_that_match_are_compared(tmp_path: Path) -> None:
    cells = [cell for cell in CELLS if cell not in (("10", "3"), ("1", "5"))]
    left_out = [{"arch": name(("10", "3")), "reason": "99,999 parameters of the task VAE, at most 60,000"}]
    report = write(tmp_path, cells, spread=1.0, manifest={"left_out": left_out})
    values, effects = scores(report), found(report).analysis.effects.set_index(["factor", "from_level"])
    assert effects.loc["kernel", "3"]["cells"] == 1
    assert effects.loc["kernel", "3"]["effect"] == pytest.approx(by_hand(values, [(("2", "3"), ("2", "5"))], 3).mean())
    assert effects.loc["depth", "2"]["effect"] == pytest.approx(by_hand(values, [(("2", "5"), ("10", "5"))], 3).mean())
    large, small = ([np.mean(list(values[name(c)].values())) for c in cells if c[1] == k] for k in ("5", "3"))
    assert np.mean(large) - np.mean(small) > effects.loc["kernel", "3"]["effect"] + 2, "means by level would mislead"
    assert (
        "The 4 cells with a result are not every combination of these levels (1 architecture left out by size): a step "
        "is taken over the cells that have both of its sides, so that two steps may be means over different cells."
        in section_on_page(report)
    )


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (CELLS, {"entry": {"factors": {}}}),
        (CELLS, {"entry": {"factors": None}}),
        ((("1", "3"), ("2", "5")), {}),
        ((("1", "3"),), {}),
        (CELLS, {"stopped_at": 15}),
        (CELLS, {"failed": [(arch, seed) for arch in ("cnn2", *map(name, CELLS)) for seed in range(3)]}),
    ],
    ids=["no factors", "none known", "no step", "one cell", "in its first round", "all failed"],
)
def test_a_race_without_a_grid_shows_nothing_of_one(
    tmp_path: Path, cells: tuple[Cell, ...], options: dict[str, Any]
) -> None:
    page = page_of(write(tmp_path, cells, **options))
    assert "## The race\n" in page and HEADING not in page and "race_effects" not in page


def test_a_classifier_has_no_decoder_to_be_a_factor(tmp_path: Path) -> None:
    archs = ("cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2")
    crossing = {arch: {"encoder": arch[:4], "decoder": arch[-4:]} for arch in archs}
    levels = dict(zip(archs, (-30.0, 0.0, -12.0, -20.0), strict=True))
    of_vae, of_classifier = (
        page_of(write_race(tmp_path / task, levels, task=task, entry={"factors": crossing}))
        for task in ("vae", "classifier")
    )
    assert HEADING in of_vae and HEADING not in of_classifier


def test_a_race_that_is_not_over_has_effects_once_its_first_round_is(tmp_path: Path) -> None:
    report = write(tmp_path, spread=1.0, rounds=1)
    assert HEADING in page_of(report) and found(report).analysis.effects["n"].eq(3).all()


def test_the_two_that_are_left_have_no_factor_analysis_of_their_own(tmp_path: Path) -> None:
    """It would be of two cells, and of their difference once more; of a pair without a race it is what there is."""
    levels, pair = {name(cell): level(cell) for cell in CELLS}, factors([("2", "3"), ("10", "5")])
    report = write_race(tmp_path / "a", levels, entry={"factors": factors()}, factors=pair)
    assert reports.load(report).archs == tuple(pair) and USUAL not in page_of(report)
    report = write_race(tmp_path / "b", levels, factors=pair)
    assert USUAL in page_of(report) and HEADING not in page_of(report)


def test_steps_go_as_on_the_command_line_whatever_the_order_of_the_records(tmp_path: Path) -> None:
    """Levels that are words have no other order."""
    archs = ("cnn2", "cnn3", "cnn3+cnn2", "cnn2+cnn3")
    crossing = {arch: {"encoder": arch[:4], "decoder": arch[-4:]} for arch in archs}
    levels = dict(zip(archs, (-30.0, 0.0, -12.0, -20.0), strict=True))
    report = write_race(tmp_path, levels, entry={"factors": crossing}, failed=[("cnn2", 0)])
    before = page_of(report)
    assert "- encoder cnn2→cnn3" in before
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    manifest["race"]["run_ids"].reverse()
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert page_of(report) == before


def test_the_table_and_the_figures_have_files_of_their_own(tmp_path: Path) -> None:
    report = write(tmp_path)
    text = reports.build(report, latex=True).read_text(encoding="utf-8")
    assert "(figures/race_effects.png)" in text and "(figures/race_interactions.png)" in text
    assert {"race", "race_effects"} <= {path.stem for path in (report / "latex").glob("*.tex")}
