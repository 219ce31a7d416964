"""The parts of an evaluation on models made by hand, whose answers are known; and through the command line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, kl_divergence

from archs.fingerprint import fingerprint
from archs.registry import discover
from bench import evaluation
from bench.evaluation import Subject, pictures
from bench.evaluation.parts import bayes, iwae, probe, samples
from bench.evaluation.posterior import describe
from bench.gather import gather
from bench.likelihood import log_likelihood
from bench.spec import RunSpec
from bench.store import Store
from bench.streams import generator
from bench.train import Split
from tests.test_job import job, records, stamps

CERTAIN = 20.0  # logits of a pixel that is surely on or off


def templates() -> Tensor:
    """Ten images [10, 28, 28] in {0, 1}: a bar of its own for each label."""
    images = torch.zeros(10, 28, 28)
    for label in range(10):
        images[label, 2 * label : 2 * label + 4] = 1
    return images


class Painter(nn.Module):
    """A CVAE by hand: q(z|x) is the prior and the image is its label's template, whatever z is."""

    classes = 10

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return x.new_zeros(len(x), 2), x.new_zeros(len(x), 2)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        return CERTAIN * (2 * templates()[labels][:, None] - 1)


class Reader(nn.Module):
    """Reads a template as its label, any but the last: that it takes for a 0."""

    def forward(self, x: Tensor) -> Tensor:
        scores = (x.flatten(1) @ templates().flatten(1).T).clone()
        last = scores.argmax(1) == 9
        scores[last, 0] = 1e6
        return scores


def run_spec(task: str = "cvae", latent_dim: int = 2) -> RunSpec:
    return RunSpec("cnn2", "f", task, "digits", "d", "static", 0, 1, 8, 1e-3, latent_dim, None, "cpu", 1)


def subject(model: Any, **changes: Any) -> Subject:
    labels = torch.arange(40) % 10
    data = Split((templates()[labels] * 255).to(torch.uint8), labels)
    base: dict[str, Any] = {
        "run": run_spec(), "model": model, "train": data, "test": data, "device": torch.device("cpu"), "test_elbo": None,
        "settings": {}, "others": (), "report": lambda share: None,
    }  # fmt: skip
    return Subject(**(base | changes))


def test_a_cvae_that_knows_its_labels_is_a_perfect_bayes_classifier() -> None:
    metrics, arrays = bayes.run(subject(Painter()))
    assert metrics["bayes_accuracy"] == 1
    assert np.array_equal(arrays["bayes_confusion"], 4 * np.eye(10))
    exact = -784 * math.log1p(math.exp(-CERTAIN))  # log p(x | its label); all other labels are impossible
    assert metrics["elbo_marginal"] == pytest.approx(exact - math.log(10), abs=1e-4)


def test_labels_that_look_alike_share_their_probability() -> None:
    """If every label draws the same image, log (1/10) Σ_y p(x|y) is log p(x|y): naming the label costs nothing."""

    class Same(Painter):
        def decode(self, z: Tensor, labels: Tensor) -> Tensor:
            return super().decode(z, torch.zeros_like(labels))

    same = subject(Same())
    metrics, _ = bayes.run(same)
    x = templates()[same.test.labels][:, None]
    expected = log_likelihood(Same().decode(torch.zeros(40, 2), same.test.labels), x).mean()
    assert metrics["elbo_marginal"] == pytest.approx(float(expected), rel=1e-5)
    assert metrics["bayes_accuracy"] == pytest.approx(0.1)


def test_samples_are_counted_by_what_the_judge_reads() -> None:
    metrics, arrays = samples.run(subject(Painter(), others=(Reader(),)))
    assert metrics["sample_accuracy"] == pytest.approx(0.9)  # nine labels of ten
    assert metrics["judge_accuracy"] == pytest.approx(0.9)
    assert arrays["sample_confusion"][9, 0] == samples.PER_LABEL
    assert arrays["sample_confusion"].sum() == 10 * samples.PER_LABEL


def test_the_judge_is_the_baseline_s_classifier_of_the_same_seed() -> None:
    cvae = run_spec()
    judges = [
        RunSpec(**{**vars(run_spec("classifier")), "arch": arch, "seed": seed})
        for arch in ("a", "b")
        for seed in (0, 1)
    ]
    assert samples.others(cvae, [cvae, *judges], "b") == (judges[2].run_id,)
    assert samples.others(cvae, [cvae], "b") is None


def test_iwae_takes_images_from_the_whole_test_set_and_names_its_column() -> None:
    assert iwae.spread(4, 10).tolist() == [0, 2, 5, 7]
    elbo = np.arange(40, dtype=np.float32)
    metrics, arrays = iwae.run(subject(Painter(), settings={"samples": 3, "images": 8}, test_elbo=elbo))
    exact = -784 * math.log1p(math.exp(-CERTAIN))
    assert metrics["iwae_k3_n8"] == pytest.approx(exact, abs=1e-4)
    assert metrics["iwae_gap_k3_n8"] == pytest.approx(exact - elbo[iwae.spread(8, 40)].mean(), abs=1e-4)
    assert arrays["test_iwae_k3_n8"].shape == (8,)
    whole, _ = iwae.run(subject(Painter(), settings={"samples": 3, "images": None}))
    assert set(whole) == {"iwae_k3_n40"}


class Coder(nn.Module):
    """A code that names the label: [cos, sin] of its tenth of the circle."""

    classes = 0

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        angle = x.flatten(1).argmax(1) / (2 * 28) * 2 * math.pi / 10  # the first lit row names the template
        mean = torch.stack([angle.cos(), angle.sin()], 1)
        return mean, torch.zeros_like(mean)


def test_a_linear_probe_reads_a_code_that_lines_can_part() -> None:
    metrics, arrays = probe.run(subject(Coder(), run=run_spec("vae")))
    assert metrics["probe_accuracy"] == 1
    assert arrays["test_probe_correct"].all()


def test_a_probe_that_has_not_converged_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ITERATIONS", 1)
    with pytest.raises(RuntimeError, match="did not converge in 1 iterations"):
        probe.run(subject(Coder(), run=run_spec("vae")))


def test_posteriors_that_are_the_prior_use_no_unit() -> None:
    found = describe(torch.zeros(50, 3), torch.zeros(50, 3))
    assert found.active == 0
    assert found.aggregate_kl == pytest.approx(0, abs=1e-12)
    assert torch.equal(found.kl, torch.zeros(3, dtype=torch.float64))


def test_active_units_are_those_whose_mean_moves() -> None:
    mean = torch.zeros(4, 3)
    mean[:, 0] = torch.tensor([1.0, -1.0, 1.0, -1.0])  # variance 1
    mean[:, 1] = torch.tensor([0.1, -0.1, 0.1, -0.1]) * 0.999  # just below the threshold of 0.01
    found = describe(mean, torch.full((4, 3), -20.0))
    assert found.variance.tolist() == pytest.approx([1, 0.00998, 0], rel=1e-3)
    assert found.active == 1


def test_aggregate_kl_is_that_of_a_gaussian_with_its_moments() -> None:
    mean = torch.randn(200, 4, generator=generator(0, "m")) @ torch.randn(4, 4, generator=generator(0, "r")) + 0.5
    log_variance = torch.randn(200, 4, generator=generator(0, "v"))
    m, v = mean.double(), log_variance.double().exp()
    covariance = torch.cov(m.T, correction=0) + torch.diag(v.mean(0))
    eye = torch.eye(4, dtype=torch.float64)
    expected = kl_divergence(
        MultivariateNormal(m.mean(0), covariance), MultivariateNormal(torch.zeros(4).double(), eye)
    )
    assert describe(mean, log_variance).aggregate_kl == pytest.approx(float(expected))


class Lamp(nn.Module):
    """Pixels as bright as z₁ in the left half, as z₂ in the right."""

    classes = 0

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        return z[:, :, None, None].repeat_interleave(14, 2).expand(-1, 2, 14, 28).transpose(1, 2).reshape(-1, 1, 28, 28)


def test_interpolations_begin_and_end_at_the_two_images() -> None:
    ends = torch.tensor([[0.0, 1.0], [3.0, -1.0], [2.0, 2.0], [0.0, 0.0]])
    found = pictures.interpolations(Lamp(), ends, torch.zeros(4, dtype=torch.long))
    assert found.shape == (2, pictures.STEPS, 28, 28)
    alone = pictures.decoded(Lamp(), ends, torch.zeros(4, dtype=torch.long))
    assert np.array_equal(found[0, 0], alone[0])
    assert np.array_equal(found[0, -1], alone[1])
    assert np.array_equal(found[1, 0], alone[2])


def test_the_manifold_is_laid_out_like_the_plane() -> None:
    """Left to right z₁ rises, bottom to top z₂, in equal shares of the prior."""
    found = pictures.manifold(Lamp(), torch.device("cpu")).astype(int)
    first, second = found[:, :, 0, 0], found[:, :, 1, 0]  # rows of the image alternate between z₁ and z₂
    assert (np.diff(first, axis=1) > 0).all() and (np.diff(first, axis=0) == 0).all()
    assert (np.diff(second, axis=0) < 0).all() and (np.diff(second, axis=1) == 0).all()
    shares = (np.arange(pictures.MANIFOLD) + 0.5) / pictures.MANIFOLD
    quantiles = torch.special.ndtri(torch.tensor(shares))
    assert first[0].tolist() == (torch.sigmoid(quantiles) * 255).round().int().tolist()


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


def test_a_basic_run_has_its_portrait_and_a_full_evaluation_adds_to_it(evaluated: Path) -> None:
    store = Store(evaluated / "runs")
    for record in records(evaluated):
        both = gather(store, record)
        if record.spec["task"] == "classifier":
            assert not both.evaluations
            continue
        assert {"active_units", "aggregate_kl", "untrained_elbo"} <= set(record.metrics)
        arrays = both.arrays()
        assert arrays["kl_per_dim"].sum() == pytest.approx(record.metrics["kl"], rel=1e-4)
        assert arrays["interpolations"].shape == (5, pictures.STEPS, 28, 28)
        parts = {part.spec["part"] for part in both.evaluations}
        assert parts == ({"iwae", "probe"} if record.spec["task"] == "vae" else {"iwae", "bayes", "samples"})
        assert both.metrics["iwae_k4_n300"] > record.metrics["elbo"]
        assert both.metrics["elbo"] == record.metrics["elbo"]
        if record.spec["task"] == "cvae":
            assert arrays["grid"].shape == (10, 10, 28, 28)
            assert both.metrics["bayes_accuracy"] == pytest.approx(np.trace(arrays["bayes_confusion"]) / 300)
            judge = next(r for r in records(evaluated) if r.spec["task"] == "classifier")
            assert both.metrics["judge_accuracy"] == pytest.approx(judge.metrics["accuracy"])


def test_the_page_shows_what_the_full_evaluation_found(evaluated: Path) -> None:
    page = (evaluated / "report" / "report.md").read_text(encoding="utf-8")
    for words in ("## Behind the ELBO", "IWAE-4 (n = 300)", "Bayes accuracy", "linear probe", "sample accuracy", "figures/kl.png",
                  "figures/grid_cvae.png", "figures/confusion.png", "figures/samples.png", "figures/interpolations.png"):  # fmt: skip
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
    new = [Store(path.parent.parent).load(path.parent.name) for path in (evaluated / "runs").glob("*/evaluations/*/record.json")
           if path.parent.name not in before]  # fmt: skip
    assert [part.spec["part"] for part in new] == ["iwae", "iwae"]


def test_a_part_that_fails_leaves_its_run_finished(evaluated: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "moody.py"
    plugin.write_text(
        "from torch import nn\nfrom archs.base import Arch\nfrom archs.cnn3 import decoder\n\n\nclass Moody(nn.Module):\n"
        "    def forward(self, x):\n        if len(x) == 500 and not self.training and x.shape[1] == 1:\n"
        '            raise ValueError("five hundred is too many")\n        return x.flatten(1)[:, :8]\n\n\n'
        'ARCH = Arch("moody", "fails on batches of the probe", "test", lambda channels: Moody(), decoder)\n',
        encoding="utf-8",
    )
    arguments = ["--archs", "moody", "--plugin", str(plugin), "--tasks", "vae", "--seeds", "1", "--train-images", "600"]
    assert job(tmp_path, *arguments, "--evaluate", "full", "--iwae-samples", "2", report=True) == 1
    (record,) = records(tmp_path)
    assert record.status == "finished"
    parts = {part.spec["part"]: part for part in gather(Store(tmp_path / "runs"), record).evaluations}
    assert parts["iwae"].status == "finished"
    assert parts["probe"].error == "ValueError: five hundred is too many"
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "1 evaluation failed; the runs themselves are finished." in page


def test_what_a_job_can_t_give_is_said(tmp_path: Path) -> None:
    arch = discover().archs["cnn3"]
    run = RunSpec("cnn3", fingerprint(arch), "cvae", "digits", "d", "dynamic", 0, 1, 8, 1e-3, 4, None, "cpu", 1)
    planned, lacking = evaluation.plan([run], "full", {"iwae_samples": 4, "iwae_images": None}, "cnn3")
    assert {spec.part for spec in planned} == {"iwae", "bayes"}
    assert lacking == ["samples read by a classifier: no run of this job gives what it needs"]
    assert evaluation.plan([run], "basic", {}, "cnn3") == ([], [])
