"""Every sentence and every cell of the pages of two small jobs agrees with what the audit computes."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.audit import sentences  # noqa: F401, what registers the patterns
from tests.audit.conftest import page_of
from tests.audit.facts import Facts
from tests.audit.registry import audit


def test_every_sentence_and_cell_of_a_page_is_right(report: Facts) -> None:
    assert audit(page_of(report), report) == []


def test_a_sentence_that_no_pattern_knows_is_an_error(report: Facts) -> None:
    page = page_of(report).replace("## Training speed", "This model is the fastest of all.\n\n## Training speed")
    assert audit(page, report) == ["This model is the fastest of all.\n    no pattern matches"]


def test_the_audit_shares_no_code_with_what_it_audits() -> None:
    for path in Path(__file__).parent.rglob("*.py"):
        if path.name.startswith(("test_", "conftest")):
            continue  # they make the pages, and load trained models
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(str(name).split(".")[0] in ("archs", "bench", "reports") for name in names), path
