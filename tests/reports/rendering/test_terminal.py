"""What a terminal shows is plain text: no escape of Markdown, and no control character of a name."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

import reports
from bench.job.display import Display
from bench.launchers.events import Event, EventKind
from bench.spec.progress import Progress
from reports.markup.blocks import Details, Figure, Heading, Table, Text
from reports.markup.escape import code, md, one_line, plain, prose
from reports.rendering.terminal import grid
from tests.job.test_progress import specs
from tests.reports.synthetic import write_experiment

NAMES = ["plug_fac", "a*b_c", "w|v$m$", "_x_~t&u", "`t`"]
NASTY = st.text(st.sampled_from("ab_*`|~&$\\<>[](: ./w;lt-é×"), max_size=30) | st.text(max_size=30)


@given(NASTY)
def test_plain_text_is_what_was_escaped(text: str) -> None:
    for escape in (md, prose):
        assert plain(escape(text)) == one_line(text)
        assert plain(f"**{escape(text)}** (so)") == f"{one_line(text)} (so)"


@given(NASTY)
def test_what_is_code_stays_as_it_is(text: str) -> None:
    assert plain(f"**see** {code(text)} {md('a_b')}") == f"see {code(text)} a_b" or not one_line(text)


@given(st.text(st.sampled_from("ab_*`~$\\<: .;lt-é×"), min_size=1, max_size=20))
def test_plain_text_is_what_a_reader_of_markdown_sees(text: str) -> None:
    """Held to a renderer of Markdown, for a sentence with bold and our own words around a name."""
    shown = MarkdownIt("commonmark", {"html": False}).renderInline(f"so **{md(text)}** reaches")
    for tag in ("<strong>", "</strong>"):
        shown = shown.replace(tag, "")
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        shown = shown.replace(entity, sign)
    if one_line(text):  # else there is nothing in bold
        assert plain(f"so **{md(text)}** reaches") == shown


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_summary_names_things_as_they_are_called(count: int, tmp_path: Path) -> None:
    failed = {(NAMES[count - 1], "vae", 2): "ValueError: a_b"}
    shown = reports.terminal_summary(write_experiment(tmp_path, NAMES[:count], failures=failed))
    assert "\\" not in shown
    for name in NAMES[:count]:
        assert name in shown
    assert "**" not in shown
    assert ("* is resolvably the best" in " ".join(shown.split())) == (count > 1)


def test_no_cell_of_a_terminal_s_table_holds_a_control_character() -> None:
    table = Table(("a\x1b[31m",), (("x\x1b[2Jy",), ("z\nz",)), "l", frozenset({(0, 0)}))
    shown = grid(table)
    assert "\x1b" not in shown and "*x [2Jy" in shown and len(shown.splitlines()) == 4


def test_a_live_picture_shows_brackets_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are marks of the library that draws it, not of ours; "[/x]" alone is an error of theirs."""
    drawn = io.StringIO()
    runs = specs(2, "net[/x][bold]")
    display = Display(runs, 0, 1)
    display.console = Console(file=drawn, width=100)
    display.show(Event(EventKind.PROGRESS, runs[0], Progress(0.5, 1, 0.5)))
    display.show(Event(EventKind.ELSEWHERE, runs[1], error="pid 7 on host[/x]"))
    display.console.print(display._picture())
    assert "net[/x][bold]" in drawn.getvalue() and "(pid 7 on host[/x])" in drawn.getvalue()


def test_only_prose_of_a_page_is_markdown(tmp_path: Path, undrawn: None) -> None:
    """Tables, headings, descriptions of figures and what is folded hold names as they are: renderers escape them."""
    from reports.figures.canvas import FigureWriter
    from reports.sections.context import Context
    from reports.sections.page import blocks

    factors = {name: {"fac_tor": str(i % 2), "oth_er": str(i // 2 % 2)} for i, name in enumerate(NAMES)}
    folder = write_experiment(
        tmp_path, NAMES, factors=factors, failures={(NAMES[4], "vae", 2): "Value_Error *x*"},
        manifest={"warnings": ["warn_ing"], "illegal": [{"arch": "il_legal", "reason": "rea_son"}]},
    )  # fmt: skip
    waiting = list(blocks(Context(reports.load(folder), FigureWriter(folder, False, pytest.fail))))
    seen = set()
    while waiting:
        block = waiting.pop()
        seen.add(type(block))
        held: list[str] = []
        if isinstance(block, Details):
            waiting += block.blocks
            held = [block.summary]
        elif isinstance(block, Table):
            held = [*block.headers, *(cell for row in block.rows for cell in row)]
        elif isinstance(block, Heading):
            held = [block.text]
        elif isinstance(block, Figure):
            held = [block.alt]
        elif isinstance(block, Text):
            held = [plain(block.markdown)]
        assert not [text for text in held if "\\" in text]
    assert {Table, Heading, Figure, Details, Text} <= seen
    reports.build(folder, latex=True)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "plug_fac" in page and "plug\\_fac" not in page
    tables = "".join(path.read_text(encoding="utf-8") for path in (folder / "latex").glob("*.tex"))
    assert r"plug\_fac" in tables and "textbackslash" not in tables
