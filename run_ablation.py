"""Which convolutional encoder/decoder is better, by how much, at what cost, and how sure is that?

    python run_ablation.py --archs cnn2 cnn3 --seeds 3

Exit status: 0 all runs finished; 1 some did not, or a figure could not be drawn (the report says which); 2 bad input,
or a disk, folder or system that fails; 70 an error of ours; 130 stopped by Ctrl-C, 143 by SIGTERM, and so on: 128 and
the number of the signal. Whether somebody reads the output changes nothing; if standard output can't be written for
another reason, a full disk say, all the rest is done, a line on stderr says so, and a status of 0 becomes 2.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if __name__ == "__main__" and sys.flags.safe_path:
    # `python -P`, `-I` or PYTHONSAFEPATH=1: what is beside a script is not found by itself
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from archs.errors import UserError
from bench.job.options import parse
from bench.job.request import Request
from bench.machine import child, determinism
from bench.spec.command import run_command
from bench.spec.output.counts import is_or_are, it_or_them, plural
from bench.spec.output.lines import say_error, say_warning
from bench.spec.paths import set_unless_set
from bench.spec.progress import stage
from bench.spec.signals import signals_stop, signals_wait, stopped, stopping_status

if TYPE_CHECKING:
    from bench.job.perform import Outcome


def main(arguments: Sequence[str]) -> int:
    """Do what a command asks for; return its exit status."""
    try:
        with signals_stop():
            request = parse(arguments)
            return list_archs(request) if request.list_archs else run(request)
    except UserError as error:
        say_error(error)
        return 2
    except KeyboardInterrupt as interrupt:  # before the runs, or while the report was written
        status = stopping_status(interrupt)
        print(f"{stopped(status)}: whatever finished is kept; the same command goes on from there", file=sys.stderr)
        return status


def command() -> NoReturn:
    """Do what the command line asks for: the program `conv-ablation` of an installed package."""
    run_command(main)


def list_archs(request: Request) -> int:
    from bench import tasks
    from bench.job import listing

    registry = tasks.registry(request.plugins)
    for problem in registry.load_installed():
        say_warning(f"{problem}; left out")
    text, problems = listing.listing(registry)
    print(text)
    for problem in problems:
        say_warning(problem)
    return 0


def run(request: Request) -> int:
    """Run the job and write its report."""
    set_unless_set("OPENBLAS_NUM_THREADS", "1")  # numpy's; as soon as it is imported they spin for a while
    determinism.prepare(request.deterministic)
    child.start_context()  # it imports torch on another core, while this process imports what the report needs
    with stage("loading libraries"), child.gc_paused():
        import reports
        from bench.job.perform import perform
        from bench.trackers import open_trackers

        reports.preload()

    problems: list[str] = []
    with open_trackers(request.trackers) as trackers, perform(request, trackers) as outcome:
        if outcome.finished + outcome.failed:
            with contextlib.nullcontext() if outcome.stopped_by else signals_wait():
                with stage("drawing figures and writing the report"):
                    experiment = reports.load(outcome.folder)
                    reports.build(
                        experiment,
                        latex=request.latex,
                        vector=request.vector,
                        parquet=request.parquet,
                        problem=problems.append,
                    )
                    trackers.reported(outcome.folder)
                print(f"{reports.terminal_summary(experiment)}\n\nreport: {outcome.folder / 'report.md'}")
            trackers.wait()  # while the report stays as it is
    for problem in problems:
        say_warning(problem)
    return conclude(request, outcome) or (1 if problems else 0)


def conclude(request: Request, outcome: Outcome) -> int:
    """Say what is left to do, by what is in the store at the end; return the exit status."""
    if outcome.stopped_by:
        kept = f"{plural(outcome.finished, 'run')} {is_or_are(outcome.finished)} finished and kept"
        print(f"{stopped(outcome.stopped_by)}: {kept}; the same command goes on from there", file=sys.stderr)
        return outcome.stopped_by
    undone = outcome.undone + outcome.lost()
    if outcome.failed and request.fail_fast and undone:
        print(
            f"stopped at the first failure: {undone} not done; the same command without --fail-fast goes on",
            file=sys.stderr,
        )
    elif outcome.failed:
        command = "the same command" if request.retry_failed else "the same command with --retry-failed"
        print(f"{outcome.failed} failed: {command} tries {it_or_them(outcome.failed)} again", file=sys.stderr)
    if undone and not (outcome.failed and request.fail_fast):
        have = "has" if undone == 1 else "have"
        them = it_or_them(undone)
        print(f"{undone} of the runs {have} no record: the same command tries {them} again", file=sys.stderr)
    return 1 if outcome.failed or undone else 0


if __name__ == "__main__":
    run_command(main)
