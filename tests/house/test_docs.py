"""The documents keep their word: commands parse, the walk-through runs, the README's table is the records'."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pytest
from packaging.requirements import Requirement

import bench
from archs.errors import UserError
from archs.foreign.packages import GROUP
from bench import trackers
from run_ablation import main
from tests.conftest import ROOT
from tests.house.documented.commands import DOCUMENTS

PUBLISHED = ROOT / "reports" / "published" / "mnist-2cnn-vs-3cnn"
CODE = [
    *ROOT.glob("*.py"),
    *(path for room in ("archs", "bench", "reports", "tests") for path in (ROOT / room).rglob("*.py")),
]


def test_the_ci_script_runs_the_readme_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = set(re.findall(r"^.*uv run pytest\b.*$", readme, re.MULTILINE))
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_command_for_the_oldest_torch_names_the_oldest() -> None:
    (command,) = [
        line for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines() if "--with" in line
    ]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    oldest = {name: least for name, _, least in (one.partition(">=") for one in wanted)}
    named = re.findall(r"--with '(\w+)==([\d.]+)\.\*'", command)
    assert named == [(name, oldest[name]) for name in ("torch", "torchvision")]


def test_the_requirements_are_those_of_the_project() -> None:
    """One version of each package that it needs, or its tests and their extras do, within the range that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    development = [Requirement(one) for one in project["dependency-groups"]["dev"]]
    (own,) = (one for one in development if one.name == project["project"]["name"])
    extras = [one for extra in own.extras for one in project["project"]["optional-dependencies"][extra]]
    wanted = [Requirement(one) for one in [*project["project"]["dependencies"], *extras]]
    wanted += [one for one in development if one is not own]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert sorted(pinned) == sorted(one.name for one in wanted)
    for one in wanted:
        assert one.specifier.contains(pinned[one.name]), f"{one} and {pinned[one.name]}"


def test_the_readme_names_what_the_program_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python {project['requires-python'].replace('>=', '≥ ')}:" in readme
    systems = {one.rpartition(" :: ")[2] for one in project["classifiers"] if one.startswith("Operating System")}
    assert systems == {"Linux", "MacOS"} and "on Linux, macOS and in a container (not on Windows" in readme


def test_the_documented_architecture_trains(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "adding-an-architecture.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (declared,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    points = tomllib.loads(declared)["project"]["entry-points"]
    assert points == {GROUP: {"wide2": "wide2_package:ARCH"}}
    plugin = tmp_path / "wide2.py"
    plugin.write_text(code, encoding="utf-8")
    status = main(
        ["--archs", "wide2", "--plugin", str(plugin), "--dataset", "digits", "--epochs", "1", "--seeds", "1",
         "--train-images", "200", "--device", "cpu", "--tasks", "cvae", "--throughput", "off",
         "--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "report")]
    )  # fmt: skip
    assert status == 0
    assert "wide2" in (tmp_path / "report" / "report.md").read_text(encoding="utf-8")


def test_the_documented_task_gets_a_report(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "adding-a-task.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    plugin = tmp_path / "denoise.py"
    plugin.write_text(code, encoding="utf-8")
    status = main(
        ["--archs", "cnn3", "--tasks", "denoise", "--plugin", str(plugin), "--dataset", "digits", "--epochs", "1",
         "--seeds", "1", "--train-images", "200", "--device", "cpu", "--throughput", "off",
         "--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "report")]
    )  # fmt: skip
    assert status == 0
    assert "nats of test denoising error" in (tmp_path / "report" / "report.md").read_text(encoding="utf-8")


def test_the_readme_table_is_the_published_summary() -> None:
    """Every "mean ± sd" in the README's table, against summary.csv."""
    summary = pd.read_csv(PUBLISHED / "summary.csv").set_index(["arch", "task", "metric"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \**(cnn2|cnn3|cnn2\+cnn3|cnn3\+cnn2)\** +\|(.*)\|$", readme, re.MULTILINE)
    assert len(rows) == 4
    columns = [("vae", "elbo", 1, 1), ("cvae", "elbo", 1, 1), ("classifier", "accuracy", 100, 2)]
    for arch, cells in rows:
        found = re.findall(r"([−\d.]+) ± ([\d.]+)", cells)
        assert len(found) == len(columns)
        for (mean, std), (task, metric, scale, digits) in zip(found, columns, strict=True):
            cell = summary.loc[(arch, task, metric)]
            assert f"{cell['mean'] * scale:.{digits}f}".replace("-", "−") == mean
            assert f"{cell['std'] * scale:.{digits}f}" == std


def test_no_document_leads_nowhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def anchors(document: Path) -> set[str]:
    """The part of an address after "#" for each heading, as GitHub makes it from the heading's words."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        slug = re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


def references() -> list[tuple[str, Path, str]]:
    """Where it is said, the document and the heading: `docs/….md` in the code, names and links in documents."""
    found = []
    for path in [*CODE, *DOCUMENTS]:
        text = path.read_text(encoding="utf-8")
        named = re.findall(r"(?<![\w/.])(docs/[\w/-]+\.md)(?:#([\w-]+))?", text)
        found += [(path.name, ROOT / target, anchor) for target, anchor in named]
        if path.suffix == ".md":
            linked = re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", text)
            found += [(path.name, path.parent / target if target else path, anchor) for target, anchor in linked]
    return found


def test_every_heading_that_is_referred_to_exists() -> None:
    found = references()
    assert {"loop.py", "README.md"} <= {source for source, _, _ in found}  # code and documents were looked through
    assert any(anchor for _, _, anchor in found)
    for source, document, anchor in found:
        assert document.is_file(), f"{source}: {document}"
        assert not anchor or anchor in anchors(document), f"{source}: {document.name} has no heading #{anchor}"


def test_each_decision_has_a_heading_and_keeps_its_number() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    _, *decisions = re.split(r"^## ", text, flags=re.MULTILINE)
    numbers = [re.findall(r"\(Decision (\d+)\)$", decision.strip()) for decision in decisions]
    assert len(decisions) >= 57
    assert numbers == [[str(number)] for number in range(1, len(decisions) + 1)]
    assert len(anchors(ROOT / "docs" / "decisions.md")) == 1 + len(decisions)


def test_a_decision_is_referred_to_by_its_heading() -> None:
    for path in [*CODE, *DOCUMENTS]:
        if path.name != "decisions.md":
            assert not re.findall(r"\bdecisions? \d+", path.read_text(encoding="utf-8"), re.IGNORECASE), path


def test_the_page_on_performance_is_one_page() -> None:
    assert len((ROOT / "docs" / "performance.md").read_text(encoding="utf-8").splitlines()) <= 90


def test_the_documented_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a store that holds another experiment with the same architectures and seeds beside it."""
    monkeypatch.chdir(tmp_path)
    command = ["--archs", "cnn2", "cnn3", "--dataset", "digits", "--epochs", "2", "--seeds", "2",
               "--train-images", "200",
               "--device", "cpu", "--tasks", "vae", "--throughput", "off"]  # fmt: skip
    with patch("reports.build"), patch("reports.terminal_summary", return_value=""):
        assert main([*command, "--out", "report"]) == 0
        assert main([*command, "--lr", "1e-4", "--out", "another"]) == 0
    text = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    assert "reports/generated/NAME" in text
    found: dict = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(code.replace("reports/generated/NAME", "report"), "notebook.md", "exec"), found)
    assert (tmp_path / "curves.png").stat().st_size > 5_000
    assert found["wide"].shape == (2, 2)
    assert len(found["epochs"]) == 8 and len(bench.load("runs", "history")) == 16
    assert not found["model"].training
    assert set(bench.load("runs", "summary")["metric"]) >= {"elbo", "params_total"}
    assert set(bench.load("runs", "layers")["arch"]) == {"cnn2", "cnn3"}
    with pytest.raises(UserError, match="unknown table 'histroy'; did you mean 'history'"):
        bench.load("runs", "histroy")


def test_the_documented_tracker_is_one() -> None:
    text = (ROOT / "docs" / "trackers.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    found: dict = {}
    exec(compile(code, "trackers.md", "exec"), found)
    assert isinstance(found["KIND"], trackers.Kind)
    asked = [name for name, value in vars(trackers.Tracker).items() if callable(value) and not name.startswith("_")]
    assert all(hasattr(found["WandB"], name) for name in asked)


def test_parquet_holds_what_csv_holds(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra [parquet])")
    from reports.rendering.write import as_parquet

    tables = list(PUBLISHED.glob("*.csv"))
    assert tables
    for path in tables:
        frame = pd.read_csv(path)
        as_parquet(frame, tmp_path / "table.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), frame, check_dtype=False)


@pytest.mark.parametrize(
    ("page", "arch"),
    [
        ("mnist-2cnn-vs-3cnn-tuned", "cnn3"),
        ("mnist-better-cnn-tuned", "cnn:depth=5,stride=2-1-2-1-2,channels=16-16-32-32-16,activation=silu"),
        ("mnist-cnn2-vs-mlp-tuned", "mlp"),
        ("mnist-cnn2-vs-mlp-slow", "mlp"),
    ],
)
def test_what_is_said_of_tuning_is_on_the_published_pages(page: str, arch: str) -> None:
    folder = ROOT / "reports" / "published" / page
    rows = pd.read_csv(folder / "comparisons.csv")
    rows = rows[(rows["arch"] == arch) & (rows["metric"] == "elbo")].set_index("recipe")
    science = (ROOT / "docs" / "science.md").read_text(encoding="utf-8")
    (line,) = (line for line in science.splitlines() if f"{page}/report.md" in line)
    common, tuned = (
        f"{row.difference:+.1f} [{row.low:.1f}, {row.high:.1f}]".replace("-", "−")
        for row in (rows.loc["common"], rows.loc["tuned"])
    )
    assert f"| {common} | {tuned} |" in line


def test_what_is_said_of_the_tuned_decoder_is_on_the_published_page() -> None:
    report = (PUBLISHED.with_name("mnist-2cnn-vs-3cnn-tuned") / "report.md").read_text(encoding="utf-8")
    science, pattern = (
        (ROOT / "docs" / "science.md").read_text(encoding="utf-8"),
        r"{} cnn2→cnn3 (?:is worth )?(.*?) nats (\[.*?\])",
    )
    for start, column in (("On the grid (VAE):", 1), ("On the grid, each tuned (VAE):", 2)):
        _, _, headline = report.partition(start)
        for factor, words in (("decoder", "… its decoder's share"), ("encoder", "… its encoder's")):
            found = re.search(pattern.format(factor), headline)
            (line,) = (line for line in science.splitlines() if line.startswith(f"| {words} "))
            assert found and line.split("|")[1 + column].strip() == " ".join(found.groups())


def test_what_the_seeds_say_of_the_tuned_better_cnn_is_in_the_published_records() -> None:
    records = pd.read_csv(PUBLISHED.with_name("mnist-better-cnn-tuned") / "records.csv")
    scores = records[records["chosen"].eq(True)].pivot(index="seed", columns="arch", values="elbo")
    (better,) = (arch for arch in scores if str(arch).startswith("cnn:"))
    first, second, third, *unseen = (f"{gap:+.1f}" for gap in scores[better] - scores["cnn2"])
    text = " ".join((ROOT / "docs" / "log" / "better-cnn.md").read_text(encoding="utf-8").split())
    assert f"say {unseen[0]}, {unseen[1]} and {unseen[2]} tuned, seeds 0 to 2 {first}, {second} and {third}:" in text
