"""Pages from records, without torch.

    python -m reports render FOLDER [--latex] [--vector] [--parquet] [--runs-dir DIR]
    python -m reports compare A B [--fail-on worse]

Exit status: 0; 1 when a figure could not be drawn; 2 bad input; 70 an error of ours. Of compare also 3 if nothing could
be compared; and with --fail-on worse 1 if something is worse in B or newly fails, else 3 if there is no verdict on
something that A has, since B lacks it, say.
"""

from __future__ import annotations

import argparse
import sys

from archs.errors import UserError
from bench.spec.arguments import Parser
from bench.spec.command import run_command
from bench.spec.extras import require
from bench.spec.paths import path_object
from bench.store.report_lock import alone_in

WORSE = 1
"""The exit status of `compare --fail-on worse` when something is worse."""
NO_VERDICT = 3
"""The exit status of `compare` when there is no verdict on something, so that nobody takes silence for a good one."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the two commands."""
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
    return main


def main(arguments: list[str]) -> int:
    """Run a command and return its exit status; bad input is one line on stderr."""
    try:
        return run(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
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
            print(f"WARNING: {problem}", file=sys.stderr)
        print(f"{reports.terminal_summary(experiment)}\n\nreport: {page}")
        return 1 if problems else 0
    from reports.comparing.compare import compare
    from reports.comparing.page import render

    found = compare(chosen.a, chosen.b)
    print(render(found))
    if chosen.fail_on == "worse":
        return WORSE if found.worse else NO_VERDICT if found.is_incomplete else 0
    return NO_VERDICT if found.is_empty else 0


if __name__ == "__main__":
    run_command(main)
