"""What the documents say of few labels is on the published pages."""

from __future__ import annotations

import re

import pandas as pd

from tests.conftest import ROOT

PUBLISHED = ROOT / "reports" / "published"


def test_what_is_said_of_few_labels_is_on_the_published_page() -> None:
    rows = pd.read_csv(PUBLISHED / "mnist-few-labels" / "summary.csv")

    def wrong(metric: str, column: str) -> dict[str, str]:
        own = rows[rows["metric"] == metric].set_index("arch")[column]
        return {arch: f"{100 * (1 - value if column == 'mean' else value):.1f}" for arch, value in own.items()}

    means, stds = wrong("m1m2_accuracy_l100", "mean"), wrong("m1m2_accuracy_l100", "std")
    best = next(arch for arch in means if arch.startswith("cnn:"))
    readme, science = (
        " ".join((ROOT / name).read_text(encoding="utf-8").split()) for name in ("README.md", "docs/science.md")
    )
    assert f"five layers of 3×3 read {means[best]} % of the digits wrong, an mlp {means['mlp']} %" in readme
    assert f"{means[best]} ± {stds[best]} % of the test images wrong" in science
    assert f"the mlp's {means['mlp']} ± {stds['mlp']}; cnn2's {means['cnn2']} ± {stds['cnn2']}" in science
    assert f"cnn3's {means['cnn3']} ± {stds['cnn3']} can't be told from that" in science
    alone = sorted(float(value) for value in wrong("m1m2_alone_accuracy_l100", "mean").values())
    assert f"is wrong in {alone[0]} to {alone[-1]} %" in science


def test_what_is_said_of_more_labels_is_on_the_published_page() -> None:
    rows = pd.read_csv(PUBLISHED / "mnist-few-labels-better-cnn" / "summary.csv")
    means = rows.set_index("metric")["mean"]
    science = " ".join((ROOT / "docs" / "science.md").read_text(encoding="utf-8").split())
    for kind, words in (("", "are at {}, {}, {} and {} %"), ("_alone", "reader alone at {}, {}, {} and {}:")):
        wrong = [f"{100 * (1 - means[f'm1m2{kind}_accuracy_l{labels}']):.1f}" for labels in (100, 600, 1000, 3000)]
        assert words.format(*wrong) in science


def test_what_another_processor_changed_is_the_difference_of_two_published_pages() -> None:
    pages = [pd.read_csv(PUBLISHED / name / "records.csv") for name in ("mnist-few-labels", "mnist-m2")]
    first, again = (page[(page["arch"] == "mlp") & (page["task"] == "vae")].set_index("seed") for page in pages)
    assert list(first.index) == list(again.index) and len(first) == 5
    makers = {text.split()[0] for page in (first, again) for text in page["device_name"]}
    assert makers == {"AMD", "Intel(R)"}

    def moved(metric: str) -> float:
        return float((again[metric] - first[metric]).abs().max())

    text = " ".join((ROOT / "docs" / "robustness.md").read_text(encoding="utf-8").split())
    said = re.search(r"moved the test ELBO by at most (\S+) nats.*? by at most (\S+) points of test error", text)
    assert said
    assert said.groups() == (f"{moved('elbo'):.4f}", f"{100 * moved('m1m2_accuracy_l100'):.2f}")


def test_what_is_said_of_m2_is_on_its_published_page() -> None:
    folder = PUBLISHED / "mnist-m2"
    rows = pd.read_csv(folder / "summary.csv").set_index(["task", "metric"])
    science = " ".join((ROOT / "docs" / "science.md").read_text(encoding="utf-8").split())
    m2, reader = (
        f"{100 * (1 - rows.loc[(task, 'accuracy'), 'mean']):.1f} ± {100 * rows.loc[(task, 'accuracy'), 'std']:.1f}"
        for task in ("m2", "reader")
    )
    assert f"M2 of the mlp is wrong in {m2} %" in science and f"its reader alone in {reader}" in science
    assert f"| {m2} % wrong of the test images |" in science
    worth = re.findall(
        r"less Reader alone is −([\d.]+) \[−([\d.]+), −([\d.]+)\] \(mlp\)", (folder / "report.md").read_text()
    )
    assert len(worth) == 2
    for (mean, most, least), words in zip(
        worth, ("were worth {} points [{}, {}]", "the same mlp {} [{}, {}]"), strict=True
    ):
        mean, least, most = (f"{float(number) + 1e-9:.1f}" for number in (mean, least, most))
        assert words.format(mean, least, most) in science
