"""What is published can be made by whoever reads it, and what the documents say of it is there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT

PAGES = sorted((ROOT / "reports" / "published").glob("*/manifest.json"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.parent.name)
def test_a_published_command_runs_anywhere(path: Path) -> None:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    words = shlex.split(manifest["command"])
    assert words[-2] == "--out" and words[-1].startswith("reports/")
    assert not [word for word in words if word.startswith(("/", "~")) or word == "--data-dir"]
    assert manifest["runs_dir"].startswith("../../") and not manifest["runs_dir"].startswith("../../../..")


def test_what_is_said_of_seeds_added_until_settled_is_on_the_published_pages() -> None:
    text = " ".join((ROOT / "docs" / "stopping.md").read_text(encoding="utf-8").split())
    pages = ROOT / "reports" / "published"
    sure, six = (
        pd.read_csv(pages / name / "comparisons.csv").query("arch == 'cnn3'").set_index("task")
        for name in ("mnist-2cnn-vs-3cnn-until-sure", "mnist-2cnn-vs-3cnn")
    )
    assert list(sure["settled_at"][["vae", "cvae", "classifier"]]) == [3, 3, 4] and sure["anytime"].all()
    assert len(pd.read_csv(pages / "mnist-2cnn-vs-3cnn-until-sure" / "records.csv")) == 20
    vae, fixed, read = sure.loc["vae"], six.loc["vae"], 100 * sure.loc["classifier", ["difference", "low", "high"]]
    assert f"{-vae.difference:.1f} nats [{-vae.high:.1f}, {-vae.low:.1f}], where six seeds give" in text
    assert f"give {-fixed.difference:.1f} [{-fixed.high:.1f}, {-fixed.low:.1f}]" in text
    assert f"worse by {-read.difference:.2f} points [{-read.high:.2f}, {-read.low:.2f}]" in text
    fourteen = pages / "mnist-cnn2-vs-cnn3-classifiers"
    found = pd.read_csv(fourteen / "comparisons.csv").iloc[0]
    mean, low, high = (f"{100 * found[name]:.2f}".replace("-", "−") for name in ("difference", "low", "high"))
    assert found["n"] == 14 and found["verdict"] == "equivalent" and f"equivalent: {mean} [{low}, {high}]" in text
    values = pd.read_csv(fourteen / "records.csv").pivot(index="seed", columns="arch", values="accuracy")
    differences = 100 * (values["cnn3"] - values["cnn2"])
    assert f"within {differences[:4].max() - differences[:4].min():.2f} points of each other" in text
    assert f"spread over {differences.max() - differences.min():.2f} points" in text


@pytest.mark.parametrize("page", ["mnist-race-skip-60k", "mnist-race-skip-44k", "mnist-race-60k", "mnist-race-44k"])
def test_what_is_said_of_the_better_cnns_is_on_the_pages_of_their_races(page: str) -> None:
    folder = ROOT / "reports" / "published" / page
    answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    race, records = answer["race"], pd.read_csv(folder / "records.csv")
    (row,) = pd.read_csv(folder / "comparisons.csv").query("metric == 'elbo'").to_dict("records")
    own = records[records["arch"] == race["winner"]]
    (params,), (epochs,), values = own["params_total"].unique(), own["epochs"].unique(), own["elbo"]
    text = (ROOT / "docs" / "better-cnn.md").read_text(encoding="utf-8")
    (line,) = (line for line in text.splitlines() if line.startswith("|") and f"{page}/report.md" in line)
    assert f"`{re.sub('depth=[0-9],', '', race['winner'])}`" in line and race["confirmed"] == row["n"] == 5
    assert f"| {params:,.0f} | {epochs} | {values.mean():.1f} ± {values.std():.1f} |".replace("-", "−") in line
    assert f"| +{row['difference']:.1f} [{row['low']:.1f}, {row['high']:.1f}] |" in line
    speed = re.search(r"trains (\S+× as fast)", answer["answer"])
    assert speed and f"| {speed[1]} | {race['runs']} runs of {race['full_grid']} |" in line
    cells = sum(arch.startswith("cnn:") for arch in race["archs"])
    counts = {"mnist-race-skip-60k": f"{cells} networks of", "mnist-race-skip-44k": f"{len(race['archs'])} race;"}
    assert counts.get(page, "") in text


def test_what_is_said_of_the_race_of_the_better_cnns_is_on_its_page() -> None:
    report = (ROOT / "reports" / "published" / "mnist-race-skip-60k" / "report.md").read_text(encoding="utf-8")
    text = " ".join((ROOT / "docs" / "better-cnn.md").read_text(encoding="utf-8").split())
    (trained,) = re.findall(r"finished runs trained for (\S+ s) in all", report)
    (confirmed,) = re.findall(r"training time of the runs shown +\| (\S+ s) ", report)
    assert f"took {trained} of training" in text and f"the confirmation {confirmed}" in text
    in_race, fresh = re.findall(r"\+(\S+) nats against cnn2", report)
    assert f"it led cnn2 by {in_race} nats, after thirty epochs by {fresh} (validation" in text
