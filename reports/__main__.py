"""Pages from records, without torch.

    python -m reports render FOLDER [--latex] [--vector] [--parquet] [--runs-dir DIR]
    python -m reports compare A B [--fail-on worse]
    python -m reports answer FOLDER [--json] [--arch NAME …] [--task NAME …] [--fail-on worse|unsettled …]

Exit status: 0; 1 when a figure could not be drawn; 2 bad input; 70 an error of ours. Of compare also 3 if nothing could
be compared; and with --fail-on worse 1 if something is worse in B or newly fails, else 3 if there is no verdict on
something that A has: B lacks it, or tuned it otherwise, it failed in both, or there is one seed. 0 says then
that all of A was judged. Of answer with --fail-on 1 if a verdict that is shown is such a one.
"""

from __future__ import annotations

import argparse
import sys

from archs.errors import UserError
from bench.spec.arguments import Parser
from bench.spec.command import run_command
from bench.spec.extras import require
from bench.spec.output.lines import say_error, say_warning
from bench.spec.paths import path_object
from bench.store.report_lock import alone_in

WORSE = 1
"""The exit status of `compare --fail-on worse` when something is worse."""
NO_VERDICT = 3
"""The exit status of `compare` when there is no verdict on something, so that nobody takes silence for a good one."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the three commands."""
    main = Parser(prog="python -m reports", allow_abbrev=False, description=(__doc__ or "").split("\n")[0])
    commands = main.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="write report.md, report.html, figures and CSVs again")
    render.add_argument("folder", type=path_object, help="a report folder: it holds manifest.json")
    render.add_argument("--latex", action="store_true", help="also latex/*.tex, a file per table")
    render.add_argument("--vector", action="store_true", help="also figures/*.svg")
    render.add_argument("--parquet", action="store_true", help="also each CSV as *.parquet")
    render.add_argument("--runs-dir", type=path_object, help="where the records are, if not where the manifest says")
    compare = commands.add_parser("compare", help="what changed from report A to report B, as Markdown")
    compare.add_argument("a", type=path_object, metavar="A", help="a report folder, taken as the reference")
    compare.add_argument("b", type=path_object, metavar="B", help="the report folder that is judged")
    compare.add_argument(
        "--fail-on",
        choices=["worse"],
        help="exit with status 1 when a cell of B is worse or newly fails, else with 3 when something of A has no "
        "counterpart in B (without this option: only when nothing has)",
    )
    answer = commands.add_parser("answer", help="the report's verdicts, for people or (--json) programs")
    answer.add_argument("folder", type=path_object, help="a report folder: it holds manifest.json")
    answer.add_argument("--json", action="store_true", help="print what answer.json holds (docs/answer.md)")
    answer.add_argument(
        "--arch", nargs="+", default=[], metavar="NAME", help="only these, beside the baseline; default: all"
    )
    answer.add_argument("--task", nargs="+", default=[], metavar="NAME", help="only on these; default: all")
    answer.add_argument(
        "--fail-on",
        nargs="+",
        default=[],
        metavar="WHAT",
        help="exit with status 1 if a verdict that is shown is worse; or unsettled: not resolvable with these seeds, "
        "or a run is missing",
    )
    answer.add_argument("--runs-dir", type=path_object, help="where the records are, if not where the manifest says")
    return main


def main(arguments: list[str]) -> int:
    """Run a command and return its exit status; bad input is one line on stderr."""
    try:
        return run(arguments)
    except UserError as error:
        say_error(error)
        return 2


def run(arguments: list[str]) -> int:
    """Run a command and return its exit status.

    Raises:
        UserError: its input is bad.
    """
    chosen = parser().parse_args(arguments)
    if chosen.command == "render":
        if chosen.parquet:
            require("pyarrow", "--parquet", "parquet")
        import reports

        problems: list[str] = []
        reports.preload()
        with alone_in(chosen.folder):
            experiment = reports.load(chosen.folder, chosen.runs_dir)
            page = reports.build(
                experiment,
                vector=chosen.vector,
                latex=chosen.latex,
                parquet=chosen.parquet,
                problem=problems.append,
            )
        for problem in problems:
            say_warning(problem)
        print(f"{reports.terminal_summary(experiment)}\n\nreport: {page}")
        return 1 if problems else 0
    if chosen.command == "answer":
        return tell(chosen)
    from reports.comparing.compare import compare
    from reports.comparing.page import render

    found = compare(chosen.a, chosen.b)
    print(render(found))
    if chosen.fail_on == "worse":
        return WORSE if found.worse else NO_VERDICT if found.is_incomplete else 0
    return NO_VERDICT if found.is_empty else 0


def tell(chosen: argparse.Namespace) -> int:
    """Print a report's answer and return the exit status; what that stands for, if not 0, is said on stderr."""
    from reports.reading.answer_file import text_of
    from reports.rendering.ask import in_words, part_of, read_or_make, reasons_to_fail

    found = part_of(read_or_make(chosen.folder, chosen.runs_dir), chosen.arch, chosen.task)
    reasons = reasons_to_fail(found, chosen.fail_on)
    print(text_of(found).rstrip() if chosen.json else in_words(found))
    for reason in reasons:
        print(reason, file=sys.stderr)
    return 1 if reasons else 0


if __name__ == "__main__":
    run_command(main)
