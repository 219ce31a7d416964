"""The full evaluation as a job does it: through the command line, into the store and onto the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archs.identity.fingerprint import fingerprint
from bench import evaluation
from bench.evaluation import EvaluationRequest, pictures
from bench.spec.run import RunSpec
from bench.store.evaluations import with_evaluations
from bench.store.store import Store
from tests.conftest import arch_of
from tests.job.test_job import job, records, stamps

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A basic job, then the full evaluation of the same runs."""
    folder = tmp_path_factory.mktemp("evaluated")
    assert job(folder, *JOB) == 0
    trained = stamps(folder)
    assert job(folder, *JOB, "--evaluate", "full", "--iwae-samples", "4", report=True) == 0
    assert stamps(folder) == trained, "nothing was trained again"
    return folder


JOB = ["--archs", "cnn3", "--seeds", "1"]


def test_a_basic_run_has_its_pictures_and_a_full_evaluation_adds_to_it(evaluated: Path) -> None:
    store = Store(evaluated / "runs")
    for record in records(evaluated):
        both = with_evaluations(store, record)
        if record.spec["task"] == "classifier":
            assert not both.evaluations
            continue
        assert {"active_units", "kl_units", "sample_spread", "aggregate_kl", "untrained_elbo"} <= set(record.metrics)
        arrays = both.arrays()
        assert arrays["kl_per_dim"].sum() == pytest.approx(record.metrics["kl"], rel=1e-4)
        assert arrays["interpolations"].shape == (5, pictures.STEPS, 28, 28)
        parts = {part.spec["part"] for part in both.evaluations}
        assert parts == ({"iwae", "probe"} if record.spec["task"] == "vae" else {"iwae", "bayes", "samples"})
        assert record.metrics["kl_units"] == (arrays["kl_per_dim"] > 0.05).sum()
        assert both.metrics["iwae_k4_n300"] > record.metrics["elbo"]
        bound, elbo = (arrays[f"test_iwae_{name}k4_n300"].astype(float) for name in ("", "elbo_"))
        assert (bound >= elbo - 1e-4).all()
        assert both.metrics["iwae_gain_k4_n300"] == pytest.approx((bound - elbo).mean(), abs=1e-4)
        assert not [name for name in both.metrics if name.startswith("iwae_gap")]
        assert both.metrics["elbo"] == record.metrics["elbo"]
        if record.spec["task"] == "cvae":
            assert arrays["grid"].shape == (10, 10, 28, 28)
            assert both.metrics["bayes_accuracy"] == pytest.approx(np.trace(arrays["bayes_confusion"]) / 300)
            judge = next(r for r in records(evaluated) if r.spec["task"] == "classifier")
            assert both.metrics["judge_accuracy"] == pytest.approx(judge.metrics["accuracy"])


def test_the_page_shows_what_the_full_evaluation_found(evaluated: Path) -> None:
    page = (evaluated / "report" / "report.md").read_text(encoding="utf-8")
    for words in ("## Behind the ELBO", "IWAE-4 (n = 300)", "ELBO, 4 samples (n = 300)", "IWAE-4 − its ELBO",
                  "spread of samples", "active units by KL", "Bayes accuracy", "linear probe", "sample accuracy",
                  "figures/kl.png", "figures/grid_cvae.png", "figures/confusion.png", "figures/samples.png",
                  "figures/interpolations.png"):  # fmt: skip
        assert words in page, words
    assert "Not computed" not in page


def evaluation_stamps(folder: Path) -> dict[str, int]:
    return {p.parent.name: p.stat().st_mtime_ns for p in (folder / "runs").glob("*/evaluations/*/record.json")}


def test_other_settings_compute_only_what_depends_on_them(evaluated: Path) -> None:
    before = evaluation_stamps(evaluated)
    assert len(before) == 5
    assert job(evaluated, *JOB, "--evaluate", "full", "--iwae-samples", "5") == 0
    after = evaluation_stamps(evaluated)
    assert {key: after[key] for key in before} == before
    folders = [path.parent for path in (evaluated / "runs").glob("*/evaluations/*/record.json")]
    new = [Store(path.parent).load(path.name) for path in folders if path.name not in before]
    assert [part.spec["part"] for part in new] == ["iwae", "iwae"]


def test_a_part_that_fails_leaves_its_run_finished(evaluated: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "moody.py"
    plugin.write_text(
        "from torch import nn\nfrom archs.base import Arch\nfrom archs.cnn3 import decoder\n\n\n"
        "class Moody(nn.Module):\n"
        "    def forward(self, x):\n        if len(x) == 500 and not self.training and x.shape[1] == 1:\n"
        '            raise ValueError("five hundred is too many")\n        return x.flatten(1)[:, :8]\n\n\n'
        'ARCH = Arch("moody", "fails on batches of the probe", "test", lambda channels: Moody(), decoder)\n',
        encoding="utf-8",
    )
    arguments = ["--archs", "moody", "--plugin", str(plugin), "--tasks", "vae", "--seeds", "1", "--train-images", "600"]
    assert job(tmp_path, *arguments, "--evaluate", "full", "--iwae-samples", "2", report=True) == 1
    (record,) = records(tmp_path)
    assert record.status == "finished"
    parts = {part.spec["part"]: part for part in with_evaluations(Store(tmp_path / "runs"), record).evaluations}
    assert parts["iwae"].status == "finished"
    assert parts["probe"].error == "ValueError: five hundred is too many (moody.py:9 in Moody.forward)"
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "1 evaluation failed; the runs themselves are finished." in page


def test_an_evaluation_that_lacks_what_it_reads_is_named(tmp_path: Path) -> None:
    arch = arch_of("cnn3")
    run = RunSpec("cnn3", fingerprint(arch), "cvae", "digits", "d", "dynamic", 0, 1, 8, 1e-3, 4, None, "cpu", 1)
    planned, lacking = evaluation.plan([run], EvaluationRequest("full", 4, None), "cnn3")
    assert {spec.part for spec in planned} == {"iwae", "bayes"}
    assert lacking == ["samples read by a classifier: no run of this job gives what it needs"]
    assert evaluation.plan([run], EvaluationRequest("basic", 4, None), "cnn3") == ([], [])
