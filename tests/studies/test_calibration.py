"""The calibration's arithmetic, that it sees a broken verdict, and that the committed page is what the script says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from archs.errors import UserError
from bench.studies import calibration, calibration_sim
from bench.studies.calibration import power_frame
from bench.studies.calibration_real import real_aa
from bench.studies.calibration_sim import calibrate, draw, holm_rejects, judge, power, simulate

DOCS = Path(__file__).parents[2] / "docs" / "calibration"


def test_noise_has_mean_zero_and_std_one_and_rho_is_the_correlation() -> None:
    rng = np.random.default_rng(0)
    for noise in ("normal", "t5", "skewed"):
        x = draw(rng, (400_000,), noise)
        assert abs(x.mean()) < 0.01 and x.std() == pytest.approx(1.0, abs=0.02)
    arms = simulate(rng, 4_000, 30, rho=0.5)
    assert np.corrcoef(arms[:, 0].ravel(), arms[:, 1].ravel())[0, 1] == pytest.approx(0.5, abs=0.02)
    assert (arms[:, 1] - arms[:, 0]).std() == pytest.approx(np.sqrt(2 * (1 - 0.5)), abs=0.02)


def test_the_array_arithmetic_is_scipys_and_statsmodels() -> None:
    arms = simulate(np.random.default_rng(1), 10, 4)
    arms[:, 1] += 2.0
    mean, half, p = judge(arms)
    theirs = scipy_stats.ttest_rel(arms[:, 1:], arms[:, :1], axis=-1)
    interval = theirs.confidence_interval(0.95)
    np.testing.assert_allclose(p, theirs.pvalue)
    np.testing.assert_allclose(mean - half, interval.low)
    expected = np.array([multipletests(row, method="holm")[0] for row in p])
    assert (holm_rejects(p) == expected).all() and expected.any() and not expected.all()
    assert not holm_rejects(np.full((1, 5), 0.02)).any()  # the smallest fails 0.05 / 5: so do all after it


def test_a_short_calibration_passes_and_the_shipped_verdicts_agree() -> None:
    found = calibrate(np.random.default_rng(2), "normal", 5, 20_000, shipped_trials=300, shipped_families=5)
    assert 0.93 < found.coverage < 0.97 and 0.04 < found.false_single < 0.06
    assert found.false_holm < 0.02 and found.false_family < 0.06
    assert found.disagreements == 0 and found.shipped_false < 0.1


def test_a_broken_verdict_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_sim, "called", lambda c: c.p_t < 0.2)
    found = calibrate(np.random.default_rng(2), "normal", 5, 2_000, shipped_trials=200, shipped_families=1)
    assert found.disagreements > 10 and found.shipped_false > 0.1


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_simulated_power_is_the_exact_one(rho: float) -> None:
    found = power(np.random.default_rng(3), 10, rho, 10_000)
    assert found.simulated == pytest.approx(found.exact, abs=0.02)
    assert found.holm < found.simulated


def records(seeds: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    arms = (("a", -100.0), ("b", -140.0))
    rows = [[arch, "vae", s, "finished", mean + rng.normal()] for arch, mean in arms for s in range(seeds)]
    rows += [["a", "vae", 99, "failed", -1e9], ["few", "vae", 0, "finished", -1.0]]
    return pd.DataFrame(rows, columns=["arch", "task", "seed", "status", "elbo"])


def test_real_repeats_are_split_within_an_architecture_and_settings() -> None:
    found = real_aa(records(), np.random.default_rng(5), sizes=(3, 5, 10), splits=600)
    assert list(found["n"]) == [3, 5] and set(found["architectures"]) == {2} and set(found["splits"]) == {600}
    assert (found["false_calls"] < 0.12).all() and (found["coverage"] > 0.88).all()
    # Were the settings mixed, two settings 50 apart would be taken for one noisy architecture with enough seeds.
    mixed = records(4).assign(epochs=lambda d: d["seed"] % 2)
    with pytest.raises(UserError, match="6 finished seeds"):
        real_aa(mixed, np.random.default_rng(5))


def test_the_committed_calibration_meets_its_promise() -> None:
    found = pd.read_csv(DOCS / "calibration.csv")
    assert (found["disagreements"] == 0).all()
    normal = found[found["noise"] == "normal"]
    assert set(normal["n"]) == {3, 5, 10, 30} and (normal["shipped_trials"] >= 2_000).all()
    assert normal["coverage"].between(0.93, 0.97).all()
    error = 2 * np.sqrt(0.05 * 0.95 / normal["trials"])
    assert (normal["false_single"] <= 0.05 + error).all() and (normal["false_family"] <= 0.05 + error).all()
    assert (DOCS / "figure.png").stat().st_size > 10_000


def test_the_committed_page_shows_the_committed_numbers() -> None:
    from bench.studies.calibration_page import page

    found, powers = pd.read_csv(DOCS / "calibration.csv"), pd.read_csv(DOCS / "power.csv")
    real, tuned = (
        pd.read_csv(path) if (path := DOCS / name).exists() else None for name in ("real.csv", "real_tuned.csv")
    )
    text = page(found, powers, real, calibration_sim.FAMILY, tuned)
    assert (DOCS / "table.md").read_text(encoding="utf-8") == text
    again = power_frame(trials=2_000)
    np.testing.assert_allclose(powers["exact"], again["exact"], atol=1e-5)


def test_the_calibration_on_real_runs_takes_a_plug_ins_task_from_the_manifest(tmp_path: Path) -> None:
    rows = [
        {"arch": "cnn2", "task": "mine", "seed": seed, "status": "finished", "mine_error": 1.0 + 0.01 * seed}
        for seed in range(6)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "records.csv", index=False)
    with pytest.raises(UserError, match="no architecture in the records has 6 finished seeds"):
        calibration._real(tmp_path / "records.csv")
    metric = {"name": "mine_error", "label": "error", "unit": "", "higher_is_better": False, "definition": ""}
    declared = {"tasks": [{"name": "mine", "summary": "", "primary": "mine_error"}], "metrics": [metric]}
    (tmp_path / "manifest.json").write_text(json.dumps({"declared": declared}), encoding="utf-8")
    found = calibration._real(tmp_path / "records.csv")
    assert list(zip(found["task"], found["metric"], found["n"], strict=True)) == [("mine", "mine_error", 3)]
