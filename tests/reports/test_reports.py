"""The page as a reader meets it: order, sections, files, escaping, no torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import reports
from archs.errors import UserError
from tests.conftest import without_figures
from tests.reports.synthetic import write_experiment

ROOT = Path(__file__).resolve().parent.parent.parent
EVIL = "x <script>alert(1)</script> | `rm` **b** [a](http://evil.example) $x$ & \\textbf{y}_1"
CROSS = {
    "cnn2": {"encoder": "cnn2", "decoder": "cnn2"},
    "cnn3": {"encoder": "cnn3", "decoder": "cnn3"},
    "cnn2+cnn3": {"encoder": "cnn2", "decoder": "cnn3"},
    "cnn3+cnn2": {"encoder": "cnn3", "decoder": "cnn2"},
}


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built report of a crossing with a failure, an illegal cell, a skipped task and a warning, all of them nasty."""
    folder = write_experiment(
        tmp_path_factory.mktemp("crossing"),
        [*CROSS, "pool4"],
        factors=CROSS,
        levels={"cnn2": 0, "cnn3": -35, "cnn2+cnn3": -32, "cnn3+cnn2": -4, "pool4": 5},
        failures={("cnn3", "vae", 1): EVIL},
        manifest={
            "title": f"title {EVIL}",
            "warnings": [f"MNIST was not found {EVIL}"],
            "illegal": [{"arch": "cnn:depth=9", "reason": f"too deep {EVIL}"}],
            "skipped": [{"arch": "pool4", "task": "vae", "reason": "pool4 has no decoder, so it can't do vae"}],
        },
    )
    reports.build(folder, latex=True)
    return folder


@pytest.fixture(scope="module")
def page(crossing: Path) -> str:
    return (crossing / "report.md").read_text(encoding="utf-8")


def test_sections_come_in_the_reader_s_order(page: str) -> None:
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [
        "Where the parameters sit",
        "What the reference README claimed, and what counting says",
        "Learning curves",
        "Behind the ELBO",
        "What the models reconstruct",
        "What they draw by themselves",
        "What caused the difference",
        "Are parameters the reason?",
        "Quality against cost",
        "Training speed",
        "What is not in the numbers",
        "How sure: seeds and test images",
        "How to reproduce",
    ]
    first = page.index("\n## ")
    assert (
        page.index("MNIST was not found") < page.index("models the images best") < page.index("| architecture") < first
    )


def test_every_figure_is_there_and_none_is_empty(crossing: Path, page: str) -> None:
    named = re.findall(r"\]\((figures/[^)]*)\)", page)
    assert {Path(path).stem for path in named} == {
        "results",
        "parameters",
        "curves",
        "reconstructions",
        "effects",
        "interactions",
        "conv_share",
        "cost",
        "throughput",
        "kl",
        "samples",
        "grid_cvae",
        "interpolations",
    }
    assert all((crossing / path).stat().st_size > 4000 for path in named)


def test_rows_are_ordered_by_result_and_failures_are_counted(page: str) -> None:
    table = page[page.index("| architecture") :].split("\n\n")[0].splitlines()[2:]
    assert [row.split("|")[1].strip() for row in table] == ["cnn2", "cnn3+cnn2", "cnn2+cnn3", "cnn3", "pool4"]
    assert "(2 of 3)" in table[3] and "1 of 39 runs failed (cnn3 vae seed 1)" in page
    assert "**−105.2 ± 0.8**" in table[0], "the best is bold where it is resolvably the best"


def test_claims_are_counted_from_the_layers_of_the_records(page: str) -> None:
    assert "True of one head; there are 2, 20,480 weights together." in page
    assert "12,800 (conv 5×5, stride 2, 16→32). 2,048 is the count of a 2×2 kernel." in page
    assert "does not follow: 12,800 in the biggest convolution, more than the 10,240 of one head" in page
    assert "True (conv 3×3, stride 1, 32→64)." in page


def test_a_crossing_says_which_side_matters_and_leaves_the_classifier_out(page: str) -> None:
    part = page[page.index("## What caused") : page.index("## Are parameters")]
    assert re.search(r"Of the variance over all \d+ runs: decoder \d+ %", part)
    assert "accuracy" not in part, "a classifier has no decoder: the factor is only a name there"


def test_a_matched_pair_is_within_ten_per_cent_and_not_of_one_size(page: str) -> None:
    part = page[page.index("## Are parameters") : page.index("## Quality")]
    assert "Dotted lines join such pairs: parameters within 10 % of each other, not equal." in part
    assert re.search(r"of \d matched pairs \(within 10 % in size\), the one with the larger conv share is", part)
    assert "same size" not in part and "one size" not in part
    assert "Brackets are intervals over seeds, each as wide as its verdict among all pairs of the task takes" in part


def test_the_protocol_is_named_with_the_elbo(page: str) -> None:
    protocol = "Bernoulli on dynamically binarised pixels"
    for part in (page.split("\n\n")[2], page[page.index("| architecture") : page.index("![Results")]):
        assert protocol in part


def test_user_text_is_shown_literally_in_markdown_and_html(crossing: Path, page: str) -> None:
    assert "<script" not in page and not re.search(r"(?<!\\)\]\(http", page)
    html = (crossing / "report.html").read_text(encoding="utf-8")
    assert html.count("<script>") == 1, "the page's own, for sorting"
    assert "&lt;script&gt;alert(1)&lt;/script&gt; | `rm` **b** [a](http://evil.example)" in html
    error = next(line for line in page.splitlines() if line.startswith("| cnn3") and "script" in line)
    assert len(re.findall(r"(?<!\\)\|", error)) == 5, "a pipe in an error opens no cell"


def test_html_is_one_self_contained_file(crossing: Path) -> None:
    html = (crossing / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:|//|figures/)""", html)
    assert html.count('src="data:image/png;base64,') == 13
    assert "prefers-color-scheme: dark" in html and 'name="viewport"' in html


def test_latex_tables_escape_user_text(crossing: Path) -> None:
    names = {path.stem for path in (crossing / "latex").glob("*.tex")}
    assert {"comparison", "parameters", "layers", "claims", "matched", "speed", "images", "effects"} <= names
    text = (crossing / "latex" / "comparison.tex").read_text(encoding="utf-8")
    assert (
        r"\toprule" in text and r"$\blacktriangledown$" in text and "%" not in text.replace(r"\%", "").split("\n", 1)[1]
    )


def test_csv_columns(crossing: Path) -> None:
    columns = {path.stem: list(pd.read_csv(path).columns) for path in crossing.glob("*.csv")}
    assert columns["records"][:7] == ["arch", "task", "dataset", "likelihood", "seed", "status", "error"]
    assert {"params_total", "params_conv", "params_fc", "elbo", "accuracy", "device", "run_id"} <= set(
        columns["records"]
    )
    assert columns["summary"] == ["arch", "task", "metric", "n", "n_failed", "mean", "std", "low", "high"]
    assert {"difference", "low", "high", "p_holm", "verdict", "dropped"} <= set(columns["comparisons"])
    numbers = ["weights", "biases", "macs", "note"]
    assert columns["layers"] == ["arch", "task", "part", "layer", "kind", "output_shape", *numbers]


def test_the_reproduction_names_everything(page: str) -> None:
    part = page[page.index("## How to reproduce") :]
    for word in (
        "run_ablation.py --archs cnn2 cnn3",
        "latent dim",
        "batch size",
        "0.001",
        "2.0.1",
        "Invented CPU",
        "0123456789abcdef",
    ):
        assert word in part


def test_grey_is_labelled_not_a_likelihood(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("vae",), likelihood="grey", n_test=50)
    with without_figures():
        reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "ELBO (grey BCE + KL, not a likelihood) ↑ (nats)" in page
    assert "Bernoulli" not in page


def test_one_architecture_alone_gets_a_page_without_comparisons(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, ["cnn2"], tasks=("vae",), n_test=50)
    with without_figures():
        reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "vs " not in page and "Are parameters the reason?" not in page and "Quality against cost" not in page
    assert len(pd.read_csv(folder / "comparisons.csv")) == 0


def test_everything_failed_is_still_a_page(tmp_path: Path) -> None:
    failures = {(arch, "vae", seed): "boom" for arch in ("cnn2", "cnn3") for seed in range(2)}
    folder = write_experiment(tmp_path, 2, tasks=("vae",), seeds=2, failures=failures)
    reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "No run finished" in page and "failed (2 of 2)" in page and page.count("| boom") == 4


def test_vector_writes_svg_too(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, ["cnn2"], tasks=("classifier",), seeds=1, n_test=50)
    reports.build(folder, vector=True)
    assert (folder / "figures" / "results.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_unreadable_folders_say_so_in_one_line(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("classifier",), seeds=1, n_test=10)
    with pytest.raises(UserError, match=r"is not a report folder: expected .*manifest\.json"):
        reports.load(tmp_path)
    with pytest.raises(UserError, match=r"no runs directory .*--runs-dir"):
        reports.load(folder, tmp_path / "nowhere")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps({**manifest, "run_ids": ["0" * 16]}), encoding="utf-8")
    with pytest.raises(UserError, match=r"the one run of .* is not in"):
        reports.load(folder)
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="can't be read") as caught:
        reports.load(folder)
    assert "\n" not in str(caught.value)


def test_a_run_without_a_record_is_counted_as_missing(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10, manifest={"planned": 8})
    assert "2 of 8 runs have no record." in reports.answer(folder)


def test_torch_is_never_imported(crossing: Path) -> None:
    code = (
        "import sys, pkgutil, importlib, reports\n"
        "for m in pkgutil.walk_packages(reports.__path__, 'reports.'):\n"
        "    m.name.endswith('__main__') or importlib.import_module(m.name)\n"
        f"reports.terminal_summary({str(crossing)!r})\n"
        "assert 'torch' not in sys.modules, 'torch'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)
