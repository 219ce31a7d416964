"""Every sentence and every cell of the pages of two small jobs, and of invented ones, is what the audit computes.

One file, since its tests share the jobs.
"""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import bench
from tests.audit import sentences  # noqa: F401, what registers the patterns
from tests.audit.computing import networks
from tests.audit.computing.forward import DRAWS, TESTED, digits, draws_of_elbo
from tests.audit.computing.tuning import wrong_trials
from tests.audit.conftest import FEW_LABELS, INVENTED, JOBS, WHOLE
from tests.audit.csv_files import wrong_comparisons, wrong_summaries
from tests.audit.facts import Facts
from tests.audit.mutations import mutations, survivors
from tests.audit.races import RACED
from tests.audit.registry import PATTERNS, audit, static_texts, walk_page

STANDARD_ERRORS = 5
"""The tolerance of an ELBO: 16 models are looked at, and 5 are left by chance in one of a million."""
MOST_OF_TABLES = 400
OF_INVENTED_NETWORKS = ("Where the parameters sit", "How to reproduce")
"""Sections whose tables show what is invented of networks and machines."""
OF_JOBS = [pytest.param(name, marks=pytest.mark.slow) for name in JOBS]
Page = Callable[[str], Facts]


@pytest.mark.parametrize("name", OF_JOBS)
def test_every_sentence_and_cell_of_a_jobs_page_is_right(name: str, page: Page) -> None:
    assert audit(page(name).page, page(name)) == []


@pytest.mark.parametrize("name", WHOLE)
def test_every_sentence_and_cell_of_an_invented_page_is_right(name: str, page: Page) -> None:
    facts = page(name)
    walked, where = walk_page(facts)
    audited = (
        found for piece, _, found in walked if piece.kind != "table" or piece.section not in OF_INVENTED_NETWORKS
    )
    assert [problem for found in audited for problem in found] == []
    assert where.answered == facts.answers
    about_tuning = [template for template, _ in where.said if " each is tuned with " in template]
    assert len(about_tuning) == ("tuning" in facts.manifest) * len(facts.tasks)


@pytest.mark.parametrize("name", [name for name in FEW_LABELS if name not in WHOLE])
def test_every_sentence_and_cell_of_a_section_on_few_labels_is_right(name: str, page: Page) -> None:
    assert audit(page(name).page, page(name)) == []


@pytest.mark.parametrize("name", [*OF_JOBS, *WHOLE])
def test_the_csv_files_beside_a_page_are_right(name: str, page: Page) -> None:
    assert wrong_summaries(page(name)) + wrong_comparisons(page(name)) + wrong_trials(page(name)) == []


def test_every_pattern_and_every_static_text_is_that_of_a_sentence(page: Page) -> None:
    met, unused = set(), set(static_texts())
    for name in (*INVENTED, *FEW_LABELS):
        unused = {text for text in unused if text not in page(name).page}
        _, where = walk_page(page(name))
        met |= {template for template, _ in where.said}
    assert {template for template, _, _ in PATTERNS} - met == set()
    assert unused == set()


def test_a_sentence_that_no_pattern_knows_is_an_error(page: Page) -> None:
    facts, new = page("a pair"), "This model is the fastest of all."
    text = facts.page.replace("## Training speed", f"{new}\n\n## Training speed")
    assert f"{new}\n    no pattern matches" in audit(text, facts)


def test_a_task_without_a_verdict_is_an_error(page: Page) -> None:
    facts = page("one leads")
    start, end = facts.page.index("**cnn2 classifies better"), facts.page.index("Sizes run from")
    assert "the first paragraph answers for ('vae', 'cvae'), not for ['vae', 'cvae', 'classifier']" in audit(
        facts.page[:start] + facts.page[end:], facts
    )


def test_the_audit_shares_no_code_with_what_it_audits() -> None:
    for path in Path(__file__).parent.rglob("*.py"):
        if path.name.startswith(("test_", "conftest")):
            continue  # they make the pages, and load trained models
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(str(name).split(".")[0] in ("archs", "bench", "reports") for name in names), path


@pytest.mark.parametrize("name", [*OF_JOBS, *INVENTED, *FEW_LABELS])
def test_a_changed_sentence_turns_the_audit_red(name: str, page: Callable[[str], Facts]) -> None:
    """Nothing is exempt: what no computation gives (versions, dates, the command) is held to manifest and records."""
    facts, tried, missed = page(name), 0, list[str]()
    for piece, where, _ in walk_page(facts)[0]:
        if piece.kind not in ("table", "code", "summary") and piece.text not in static_texts():
            texts = list(mutations(piece.text))
            tried += len(texts)
            missed += survivors(facts, piece, where, texts)
    assert missed == []
    assert tried >= (100 if name in (*JOBS, *WHOLE) else 20)


@pytest.mark.parametrize("name", [*OF_JOBS, *FEW_LABELS, "added up to the most", *RACED])
def test_a_changed_cell_turns_the_audit_red(name: str, page: Callable[[str], Facts]) -> None:
    facts, draw, tried, missed = page(name), random.Random(21), 0, list[str]()
    tables = [
        (piece, where)
        for piece, where, _ in walk_page(facts)[0]
        if piece.kind == "table" and (name in JOBS or piece.section not in OF_INVENTED_NETWORKS)
    ]
    assert len(tables) >= (8 if name in (*JOBS, *WHOLE) else 1)
    for piece, where in tables:
        header, dashes, *rows = piece.text.splitlines()
        changed = [[*rows[:i], text, *rows[i + 1 :]] for i, row in enumerate(rows) for text in mutations(row)]
        chosen = draw.sample(changed, min(len(changed), MOST_OF_TABLES // len(tables)))
        tried += len(chosen)
        missed += survivors(facts, piece, where, ["\n".join([header, dashes, *lines]) for lines in chosen])
    assert missed == []
    assert tried >= (100 if name in (*JOBS, *WHOLE) else 20)


@pytest.mark.parametrize("name", OF_JOBS)
def test_a_changed_command_or_header_turns_the_audit_red(name: str, page: Callable[[str], Facts]) -> None:
    facts = page(name)
    for piece, where, _ in walk_page(facts)[0]:
        if piece.kind in ("code", "table"):
            first, *rest = piece.text.splitlines() if piece.kind == "table" else [piece.text]
            texts = ["\n".join([text, *rest]) for text in mutations(first)]
            assert survivors(facts, piece, where, texts) == []


@pytest.mark.slow
@pytest.mark.parametrize("task", ["vae", "cvae"])
@torch.no_grad()
def test_the_elbo_is_that_of_the_trained_model(task: str, page: Callable[[str], Facts]) -> None:
    facts = page("crossing")
    rows = facts.of(task)
    for row in rows[rows["seed"] < 2].itertuples():
        model = bench.load_model(facts.folder / facts.manifest["runs_dir"], row.run_id)
        for name, values in zip(("elbo", "reconstruction", "kl"), draws_of_elbo(model, task), strict=True):
            # per image the variance over draws; the recorded mean over images is of one draw, ours of several
            error = math.sqrt(float(values.var(0).sum()) * (1 + 1 / DRAWS)) / TESTED
            off = abs(getattr(row, name) - float(values.mean()))
            assert off <= STANDARD_ERRORS * error + 1e-4, f"{row.arch} {task} {row.seed} {name}: off by {off}, {error}"
            assert error < 0.6, "a tolerance of three nats would not find ln 10"
        assert row.elbo == pytest.approx(-row.reconstruction - row.kl, abs=1e-4)  # sums of float32
        if task == "cvae":
            assert row.elbo_joint == pytest.approx(row.elbo - math.log(10), abs=1e-4)


@pytest.mark.parametrize("name", OF_JOBS)
@torch.no_grad()
def test_the_accuracy_is_that_of_the_trained_model(name: str, page: Callable[[str], Facts]) -> None:
    report = page(name)
    grey, labels = digits()
    for row in report.of("classifier").itertuples():
        model = bench.load_model(report.folder / report.manifest["runs_dir"], row.run_id)
        right = model.head(model.encoder(grey)).argmax(1) == labels
        # rounding may decide an image whose two largest logits are equal but for that
        assert row.accuracy == pytest.approx(float(right.double().mean()), abs=1.01 / TESTED)


@pytest.mark.parametrize("name", OF_JOBS)
def test_sizes_by_hand_are_those_of_the_trained_models_and_of_the_records(
    name: str, page: Callable[[str], Facts]
) -> None:
    report = page(name)
    for row in report.runs[report.runs["seed"] == 0].itertuples():
        model = bench.load_model(report.folder / report.manifest["runs_dir"], row.run_id)
        by_hand = [size for layer in networks.layers(row.arch, row.task) for size in (layer.weights, layer.biases)]
        assert sorted(by_hand) == sorted(parameter.numel() for parameter in model.parameters())
        total, conv, fc, macs = networks.totals(row.arch, row.task)
        assert (row.params_total, row.params_conv, row.params_fc, row.macs) == (total, conv, fc, macs)
