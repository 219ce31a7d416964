"""The study of M2: how a variant is spelled, what it changes of the loss, its page, and tiny trainings."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import torch

from archs.errors import UserError
from bench.models.streams import generator
from bench.studies import m2 as study
from bench.studies.trials.children import table_of
from bench.studies.trials.choice import DIVERGED
from bench.studies.trials.m2_page import page
from bench.studies.trials.m2_variants import Variant, draw_small, variant, varied
from bench.tasks import get
from tests.conftest import arch_of

DOCS = Path(__file__).parents[2] / "docs" / "m2"


def test_a_variant_is_spelled_by_what_it_does_otherwise() -> None:
    assert variant("default") == Variant() and Variant().name == "default"
    assert variant("weight=10,lr=1e-3") == Variant(weight=10, lr=1e-3)
    assert variant("lr=0.001,weight=10").name == "weight=10,lr=0.001"
    assert variant("weight=0.1").name == "default"
    assert [variant(name).name for name in study.VARIANTS] == list(study.VARIANTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wieght=1", "variant 'wieght=1' has 'wieght' which is unknown; did you mean 'weight'"),
        ("lr=1,lr=2", "variant 'lr=1,lr=2' has 'lr' twice"),
        ("ramp=2", "variant 'ramp=2' has ramp '2'; expected a number from 0 to 1"),
        ("weight=", "variant 'weight=' has weight ''; expected a number from 0 to 1e+06"),
        ("epochs=1.5", "expected a whole number from 0"),
    ],
)
def test_a_variant_that_can_t_be_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        variant(text)
    assert message in str(error.value)


def test_prior_and_ramp_change_the_loss_as_they_say() -> None:
    """loss = share of (bounds) + weight · classification + prior · ½ |weights|² / images."""
    task = get("m2")
    model = task.new_model(arch_of("cnn3"), 3, 0).double()
    x, y = torch.rand(3, 1, 28, 28, generator=generator(0, "x")).double().round(), torch.tensor([1, 2, 3])
    noise = torch.zeros(4, 3, dtype=torch.double)

    def plain(weight: float) -> float:
        return float(task.loss(model, x, y, noise, 2, 20, 100, weight).detach())

    bounds, read = plain(0.0), plain(1.0) - plain(0.0)
    ramped = varied(task.loss, Variant(ramp=0.5), steps=8)  # up to the fourth step
    found = [float(ramped(model, x, y, noise, 2, 20, 100, 3.0).detach()) for _ in range(6)]
    assert found == pytest.approx([share * bounds + 3 * read for share in (0.25, 0.5, 0.75, 1, 1, 1)], rel=1e-9)
    squares = sum(float(each.detach().square().sum()) for each in model.parameters() if each.ndim > 1)
    with_prior = varied(task.loss, Variant(prior=2.0), steps=8)
    assert float(with_prior(model, x, y, noise, 2, 20, 100, 3.0).detach()) == pytest.approx(
        bounds + 3 * read + squares / 100, rel=1e-9
    )


def test_small_weights_are_small_and_biases_zero() -> None:
    model = get("m2").new_model(arch_of("mlp"), 3, 0)
    draw_small(model, 1e-3, 0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            assert float(parameter.detach().std()) == pytest.approx(1e-3, rel=0.1)
        else:
            assert not parameter.any()


def rows(errors: dict[str, tuple[float, ...]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arch": "mlp", "variant": name, "seed": seed, "epochs": 10, "labels": 100, "train_images": 55_000,
            "batch_size": 128, "latent_dim": 50, "protocol": 4,
            "status": DIVERGED if error != error else "finished", "value": 1 - error / 100,
        }
        for name, values in errors.items()
        for seed, error in enumerate(values)
    )  # fmt: skip


def test_the_page_has_the_default_first_and_pairs_by_seed() -> None:
    text = page(rows({"weight=50": (30.0, 28.0), "default": (24.0, 26.0), "lr=0.001": (20.0, 21.0)}))
    names = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert names == ["default", "lr=0.001", "weight=50"]
    flat = " ".join(text.split())
    # 20 − 24 and 21 − 26: mean −4.5, sd 0.7071, t(0.975, 1) = 12.706, so ± 6.4
    assert "| 20.5 | 20.0, 21.0 | −4.5 [−10.9, +1.9] |" in flat
    assert "no test image was read." in flat and "diverged" not in flat
    assert "1 training diverged and is left out" in page(rows({"default": (24.0, float("nan"))}))


def test_the_committed_page_shows_the_committed_numbers() -> None:
    runs = table_of(DOCS / "m2.csv", study.COLUMNS, "--from")
    assert (DOCS / "table.md").read_text(encoding="utf-8") == page(runs)


def test_the_documented_errors_of_m2_are_those_of_the_committed_trainings() -> None:
    runs = table_of(DOCS / "m2.csv", study.COLUMNS, "--from")
    wrong = (100 * (1 - runs["value"])).groupby(runs["variant"]).mean()
    text = (DOCS.parent / "science.md").read_text(encoding="utf-8").partition("What it takes to read digits")[2]
    said = re.search(
        r"(\d+) % wrong with the authors' 0.1, (\d+) with 1, (\d+) with 10 and (\d+) with 50; and the "
        r"rate, (\d+) % at 1e-3 where 8e-3 has (\d+)",
        text,
    )
    names = ("default", "weight=1", "weight=10", "weight=50", "weight=10,lr=0.001", "weight=10")
    assert said and [int(number) for number in said.groups()] == [round(wrong[name]) for name in names]
    slower = [wrong[f"weight=10,{more}"] - wrong["weight=10"] for more in ("init=0.001", "prior=1", "ramp=0.4")]
    assert [round(lost) for lost in slower] == [4, 2, 0]
    flat = text.replace("\n", " ")
    assert "initial weights lost 4 points, the authors' prior 2, a slow start of the bounds none" in flat
    assert f"weight of 10 have {wrong['weight=10,epochs=20']:.1f} % over two seeds" in flat
    first = (100 * (1 - runs["value"]))[runs["seed"] == 0].groupby(runs["variant"]).mean()
    long, short = (
        " and ".join(f"{first[name]:.0f}" for name in names)
        for names in (("weight=1,epochs=40", "epochs=40"), ("weight=1", "default"))
    )
    assert f"40 epochs at 1 and at 0.1 have {long} % (one seed each), where 5 have {short} at the same seed" in flat


def test_tiny_trainings_go_on_where_they_were_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--dataset", "digits", "--train-images", "200", "--epochs", "1", "--seeds", "1", "--labels", "20",
               "--latent-dim", "3", "--archs", "cnn3", "--out", str(tmp_path)]  # fmt: skip
    assert study.main([*options, "--variants", "default"]) == 0
    assert "[1/1] cnn3 default, seed 0: " in capsys.readouterr().out
    assert study.main([*options, "--variants", "default", "weight=10,init=0.001,prior=1,ramp=0.4,epochs=2"]) == 0
    assert "[1/1] cnn3 weight=10,init=0.001,prior=1,ramp=0.4,epochs=2, seed 0: " in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "m2.csv")) == 2
    assert (tmp_path / "figure.png").stat().st_size > 5_000
    with pytest.raises(UserError, match=r"holds trainings with labels 20, now it is 30: they are not mixed"):
        study.main([*options, "--labels", "30"])
