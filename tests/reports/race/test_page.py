"""The page of a race: how what it shows was chosen, who was out and by whom, and what the winner's own number is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reports
from bench.store.store import Store
from reports.markup.escape import plain
from reports.sections.racing import race
from tests.reports.race.sections import rendered
from tests.reports.race.synthetic import write_race
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")

FOUR = {"cnn2": -6.0, "cnn3": 0.0, "mlp": -9.0, "pool2": -14.0}
CLOSE = {"cnn2": -9.0, "cnn3": 0.0, "mlp": -0.3, "pool2": -0.35}


def page_of(report: Path) -> str:
    return reports.build(report).read_text(encoding="utf-8")


def section(report: Path) -> str:
    return plain(rendered(report, race.blocks))


def section_on_page(report: Path) -> str:
    """The same of a whole page, for a race that is odd: no other section may stumble over it."""
    return plain(page_of(report).split("## The race\n")[1].split("\n## ")[0])


def answer_of(report: Path) -> dict[str, Any]:
    """What answer.json would hold, were the page made."""
    return reports.answer_data(report)


def manifest_of(report: Path) -> dict[str, Any]:
    return json.loads((report / "manifest.json").read_text(encoding="utf-8"))


def changed(report: Path, **values: Any) -> Path:
    """The report with other values in the manifest's entry on the race."""
    manifest = manifest_of(report)
    manifest["race"] |= values
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return report


def scores(report: Path, run_ids: list[str]) -> dict[str, dict[int, float]]:
    """Architecture → seed → ELBO of the validation images, of the records themselves."""
    store, found = Store(report / "../runs"), dict[str, dict[int, float]]()
    for run_id in run_ids:
        record = store.load(run_id)
        found.setdefault(record.spec["arch"], {})[record.spec["seed"]] = (
            record.history[-1]["val_elbo"] if record.history else np.nan
        )
    return found


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_answer_says_from_how_many_it_was_chosen_and_that_its_seeds_are_fresh(tmp_path: Path) -> None:
    report = write_race(tmp_path, FOUR)
    entry = manifest_of(report)["race"]
    seeds = [len(own) for own in scores(report, entry["run_ids"]).values()]
    wanted = (
        f"cnn3 was chosen from 4 by a race of {min(seeds)} to {max(seeds)} seeds ({sum(seeds)} runs instead of 40); "
        "these numbers are of 5 fresh seeds that had no part in it."
    )
    assert wanted in plain(reports.answer(report)) and wanted in plain(page_of(report))
    assert wanted in " ".join(reports.terminal_summary(report).split())
    assert wanted in json.loads((report / "answer.json").read_text(encoding="utf-8"))["answer"]


def test_answer_json_has_the_race(tmp_path: Path) -> None:
    report = write_race(tmp_path, FOUR, epochs=3)
    assert "## The race\n" in page_of(report)
    found = json.loads((report / "answer.json").read_text(encoding="utf-8"))["race"]
    assert found == {
        "task": "vae", "metric": "elbo", "archs": list(FOUR), "winner": "cnn3", "ended": "one left",
        "seeds": found["seeds"], "left": ["cnn3"], "open": [], "runs": found["runs"], "full_grid": 40, "epochs": 3,
        "confirmed": 5,
    }  # fmt: skip
    assert 3 <= found["seeds"] <= 6 and 12 <= found["runs"] <= 24


def test_a_page_without_a_race_says_nothing_of_one(tmp_path: Path) -> None:
    report = write_experiment(tmp_path, tasks=("vae",), n_test=10)
    page = page_of(report)
    assert answer_of(report)["race"] is None
    assert "## The race" not in page and "chosen from" not in page


@pytest.mark.parametrize(
    ("levels", "options", "said"),
    [
        (FOUR, {}, r"It ended after \d seeds, when cnn3 alone was left\."),
        (
            {**FOUR, "mlp": -0.4},
            {},
            r"It ended after 5 seeds, with 1 left beside cnn3, none of which can be better by more than 0\.5 nats",
        ),
        (CLOSE, {"most": 4}, r"It ended at the most seeds, 4, with \d left beside (cnn3|mlp|pool2)\."),
        (CLOSE, {"rounds": 2, "budget": True}, r"It ended after 4 seeds, when its time was used up, with \d left"),
        (CLOSE, {"rounds": 1}, r"It is not over: the job was stopped after 3 seeds, with 2 left beside"),
        (CLOSE, {"stopped_at": 7}, r"It has no winner: no round is over\."),
    ],
)
def test_why_it_ended_is_said(tmp_path: Path, levels: dict[str, float], options: dict[str, Any], said: str) -> None:
    assert re.search(said, section_on_page(write_race(tmp_path, levels, **options)))


def test_a_race_in_which_no_run_finished_has_no_winner(tmp_path: Path) -> None:
    failed = [(arch, seed) for arch in FOUR for seed in range(3)]
    report = write_race(tmp_path, FOUR, failed=failed)
    text = section_on_page(report)
    assert "It has no winner: no run finished." in text and "12 of its runs failed" in text
    assert text.count("out, no run finished") == 4
    found = answer_of(report)["race"]
    assert (found["winner"], found["ended"]) == (None, "all failed")


def test_who_is_left_is_open_or_can_t_be_better(tmp_path: Path) -> None:
    report = write_race(tmp_path, {**CLOSE, "mlp": -0.1, "pool2": -0.7}, most=6)
    found, text = answer_of(report)["race"], section(report)
    resting = [arch for arch in found["left"] if arch not in found["open"] and arch != found["winner"]]
    assert found["open"] and resting
    assert re.search(rf"Not told apart from {found['winner']}, and open: ", text)
    assert f"Left, but not able to be better than {found['winner']} by more than 0.5 nats: {resting[0]}" in text


def test_the_table_has_who_was_out_at_how_many_seeds_and_by_whom(tmp_path: Path) -> None:
    report = write_race(tmp_path, FOUR, failed=[("mlp", 1)])
    values = scores(report, manifest_of(report)["race"]["run_ids"])
    table = rows(section(report))[2:]
    assert [row[0] for row in table] == ["cnn3", *sorted(table_names(table), key=lambda a: order_of(values, a))]
    for arch, params, seeds, mean, became in table:
        own = np.array(list(values[arch].values()))
        whole = int(np.isfinite(own).sum())
        assert seeds == (str(len(own)) if whole == len(own) else f"{whole} of {len(own)}")
        assert mean.startswith(f"{np.nanmean(own):.1f}".replace("-", "−")) and re.fullmatch(r"[\d,]+", params)
        assert became == ("won" if arch == "cnn3" else f"out at {len(own)} seeds, by cnn3")


def table_names(table: list[list[str]]) -> list[str]:
    return [row[0] for row in table[1:]]


def order_of(values: dict[str, dict[int, float]], arch: str) -> tuple[float, float]:
    return -len(values[arch]), -float(np.nanmean(list(values[arch].values())))


def test_the_winners_own_number_stands_beside_that_of_fresh_seeds(tmp_path: Path) -> None:
    report = write_race(tmp_path, FOUR, shift={"cnn3": -1.5}, confirm=6)
    manifest, text = manifest_of(report), section(report)
    texts = []
    for run_ids in (manifest["race"]["run_ids"], manifest["run_ids"]):
        own = scores(report, run_ids)
        gaps = [value - own["cnn2"][seed] for seed, value in own["cnn3"].items() if seed in own["cnn2"]]
        mean = f"{np.mean(list(own['cnn3'].values())):.1f}".replace("-", "−")
        texts.append(
            f"{mean} nats over {len(own['cnn3'])} seeds "
            f"(+{np.mean(gaps):.1f} nats against cnn2, {len(gaps)} paired seeds)"
        )
    assert f"In the race cnn3 had a validation ELBO of {texts[0]}; on fresh seeds it has {texts[1]}." in text
    assert texts[0][:6] != texts[1][:6], "the shift is to be seen"
    assert "the one to quote is the test score of the fresh seeds" in text and "not of one recipe" not in text


def test_other_epochs_than_those_of_the_confirmation_are_said(tmp_path: Path) -> None:
    text = section(write_race(tmp_path, FOUR, epochs=4))
    assert "not of one recipe: the race's runs had 4 epochs, those of the confirmation 10 epochs." in text
    assert "(VAE, 4 epochs a run)" in text


def test_a_race_that_the_baseline_wins_is_of_the_baseline_alone(tmp_path: Path) -> None:
    report = write_race(tmp_path, {"cnn3": 0.0, "cnn2": -8.0, "mlp": -9.0})
    assert manifest_of(report)["archs"] == ["cnn3"]
    assert "cnn3, the baseline itself, was chosen from 3 by a race" in plain(reports.answer(report))
    assert "against cnn3" not in section_on_page(report)


def test_without_a_confirmation_it_is_said_that_the_numbers_flatter(tmp_path: Path) -> None:
    report = write_race(tmp_path, CLOSE, confirm=0, most=4)
    assert "these numbers are of the race's own runs, by which it was chosen, and which tend to flatter it" in plain(
        reports.answer(report)
    )
    assert "No fresh seeds confirm it" in section_on_page(report)
    assert "added in a race: intervals hold at any look" in reports.answer(report)
    assert all(row["anytime"] for row in answer_of(report)["comparisons"])


def test_with_a_confirmation_the_verdicts_are_ordinary_ones(tmp_path: Path) -> None:
    assert not any(row["anytime"] for row in answer_of(write_race(tmp_path, FOUR))["comparisons"])


def test_runs_without_a_record_and_failed_ones_are_counted(tmp_path: Path) -> None:
    report = write_race(tmp_path, CLOSE, rounds=1, failed=[("mlp", 0)])
    text, entry = section_on_page(report), manifest_of(report)["race"]
    gone = entry["planned"] - len(entry["run_ids"])
    assert f"{gone} of the {entry['planned']} runs that it came to have no record." in text
    assert "1 of its runs failed: a seed at which a run failed is left out of the pairs with it." in text
    store = Store(report / "../runs")
    seconds = [store.load(run_id).metrics.get("train_seconds") for run_id in entry["run_ids"]]
    trained = sum(value for value in seconds if value is not None)
    assert seconds.count(None) == 1 and len(seconds) == 12
    assert f"Its 11 finished runs trained for {trained:.0f} s in all." in text


def test_the_race_is_run_again_from_its_first_round(tmp_path: Path) -> None:
    """Nobody is out by a look at three seeds of a race that begins with five, where three would be enough."""
    text = section(write_race(tmp_path, FOUR, first=5))
    assert "after 5 seeds, when cnn3 alone was left" in text and "The job had" not in text
    assert {row[4] for row in rows(text)[2:] if row[0] != "cnn3"} == {"out at 5 seeds, by cnn3"}


def test_the_page_does_not_hang_on_the_order_of_the_records(tmp_path: Path) -> None:
    report = write_race(tmp_path, CLOSE, most=5)
    before = page_of(report)
    changed(report, run_ids=manifest_of(report)["race"]["run_ids"][::-1])
    assert page_of(report) == before


def test_records_that_tell_of_another_race_than_the_manifest_are_said_to(tmp_path: Path) -> None:
    report = write_race(tmp_path, FOUR)
    assert "The job had" not in section(report)
    changed(report, winner="mlp")
    assert "The job had mlp (one left); the records that are left have cnn3 (one left)" in section_on_page(report)


def test_seeds_after_the_budget_ran_out_have_no_part(tmp_path: Path) -> None:
    """A race that was cut short looks at the seeds that it came to, even if more of its runs have ended since."""
    report = write_race(tmp_path, {**CLOSE, "mlp": -0.1, "pool2": -0.7}, most=6)
    assert answer_of(report)["race"]["seeds"] == 6
    found = answer_of(changed(report, ended="budget", seeds=3))["race"]
    assert (found["ended"], found["seeds"]) == ("budget", 3)


@pytest.mark.parametrize(("count", "has_table"), [(1, True), (12, True), (300, False)])
def test_what_was_left_out_is_listed(tmp_path: Path, count: int, has_table: bool) -> None:
    reason = "99,999 parameters of the task VAE, at most 60,000"
    left_out = [{"arch": f"cnn:depth={i}", "reason": reason} for i in range(1, count + 1)]
    report = write_experiment(tmp_path, tasks=("vae",), n_test=10, manifest={"left_out": left_out})
    text = plain(page_of(report).split("## What is not in the numbers\n")[1].split("\n## ")[0])
    are = "architecture is" if count == 1 else "architectures are"
    assert f"{count} {are} over a limit of size and not trained: cnn:depth=1" in text
    assert (f"and {count - 4} more." in text) == (count > 4)
    assert text.count(reason) == (count if has_table else 0)
