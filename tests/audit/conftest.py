"""The pages that are audited: two small jobs, made by the command line, and pages of invented records."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.audit.facts import Facts

SMALL = ["--dataset", "digits", "--train-images", "300", "--device", "cpu", "--throughput", "off"]
JOBS = {
    "crossing": ["--archs", "cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2", "--tasks", "vae", "classifier", "cvae",
                 "--seeds", "3", "--epochs", "2", "--workers", "1"],
    "winner": ["--archs", "mlp", "cnn3", "--tasks", "vae", "classifier", "--seeds", "4", "--epochs", "4",
               "--workers", "1"],
}  # fmt: skip
"""A grid of four that few seeds don't resolve; a pair with a clear winner, not the same on both tasks."""
CROSSING = ("cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2")
PAIR = CROSSING[:2]
CODES = [{"active_units": 0.0, "kl_units": 0.0}, {"active_units": 0.0, "kl_units": 3.0, "kl": 0.9, "aggregate_kl": 0.8},
         {"active_units": 4.0, "kl_units": 6.0}, {"active_units": 15.0, "kl_units": 12.0}]  # fmt: skip
FIRST = [{"sample_spread": 0.1, "train_images_per_s": 5000.0 + 90 * seed} for seed in range(4)]
SECOND = [{"sample_spread": 0.001, "train_images_per_s": 6000.0 + 99 * seed} for seed in range(4)]
"""By seed."""


def other_plan(plan: dict[str, Any]) -> None:
    """Make a plan one of fewer seeds, more epochs, another margin and an architecture more."""
    plan["stopping"]["seeds"] = 2
    plan["recipe"] |= {"epochs": 30, "train_images": None}
    plan["tasks"][0]["margin"] = 1.5
    plan["architectures"].append({**plan["architectures"][0], "name": "pool4"})


INVENTED: dict[str, dict[str, Any]] = {
    "one leads": {"levels": dict(zip(CROSSING, (0, -22, -15, -2), strict=True)), "seeds": 6,
                  "settings": {"lr": 0.008}, "design": lambda plan: plan["runs"].update(made_before=30)},
    "some may be the best": {"levels": dict(zip(CROSSING, (0, -22, -0.2, -0.6), strict=True)), "seeds": 3},
    "against the baseline": {"levels": dict(zip(CROSSING, (0, 5, 9, -2), strict=True)), "seeds": 4},
    "all equivalent": {"levels": dict(zip(CROSSING, (0, 0.05, 0.02, -0.03), strict=True)), "seeds": 6, "spread": 0.05},
    "a pair": {"archs": PAIR, "levels": {"cnn2": 0, "cnn3": 0.6}, "seeds": 3, "tasks": ("cvae", "classifier"),
               "manifest": {"design": "0" * 16}},
    "unused codes": {"archs": PAIR, "levels": {"cnn2": 0, "cnn3": -450}, "seeds": 4, "tasks": ("cvae", "vae"),
                     "metrics_of": lambda arch, seed: CODES[seed] | (FIRST if arch == "cnn2" else SECOND)[seed],
                     "environment": {"workers": 2}},
    "failures": {"archs": PAIR, "seeds": 4, "tasks": ("vae", "classifier"), "design": lambda plan: None,
                 "failures": {("cnn3", "vae", 1): "the loss is not finite", ("cnn2", "vae", 3): "out of memory"}},
    "short and rising": {"archs": PAIR, "gap": 5, "seeds": 3, "tasks": ("vae", "classifier"), "design": other_plan,
                         "settings": {"epochs": 3, "train_images": 1000}},
}  # fmt: skip
"""Pages of invented results, for sentences that the small jobs may not need; the numbers are what invites them."""
WARNING = "MNIST is not what it was."


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Facts]:
    """Return the report of that name, of `JOBS` or `INVENTED`, made when it is first asked for."""

    @cache
    def make(name: str) -> Facts:
        folder = tmp_path_factory.mktemp("page")
        with undrawn():
            return Facts((trained if name in JOBS else written)(name, folder))

    return make


def trained(name: str, folder: Path) -> Path:
    """Do one of the small jobs, and return its report folder."""
    from run_ablation import main

    where = ["--runs-dir", str(folder / "runs"), "--out", str(folder / "report")]
    assert main([*JOBS[name], *SMALL, *where]) == 0
    return folder / "report"


def written(name: str, folder: Path) -> Path:
    """Write invented records and the page on them, and return its folder."""
    import reports
    from tests.reports.answers.designs import planned
    from tests.reports.synthetic import write_experiment

    case = {"archs": CROSSING, **INVENTED[name]}
    archs, design = case.pop("archs"), case.pop("design", None)
    factors = {arch: {"encoder": arch.split("+")[0], "decoder": arch.split("+")[-1]} for arch in archs}
    manifest = {"title": f"{' vs '.join(archs)} on MNIST", "warnings": [WARNING], "evaluate": "basic",
                "throughput": "not measured apart: --throughput off", **case.pop("manifest", {})}  # fmt: skip
    report = write_experiment(
        folder, archs, factors=factors if len(archs) == 4 else {}, manifest=manifest, n_test=300, **case
    )
    reports.build(planned(report, design) if design else report)
    return report


def undrawn() -> Any:
    """Leave the figures out, which take most of the time of a page, but for what the page says of them."""
    from reports.markup.blocks import Figure

    def write(self: Any, name: str, alt: str, *given: object) -> Figure:
        (self.folder / "figures").mkdir(exist_ok=True)
        (self.folder / "figures" / f"{name}.png").touch()
        return Figure(f"figures/{name}.png", alt)

    return patch("reports.figures.canvas.FigureWriter.write", write)
