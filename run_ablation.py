"""Which convolutional encoder/decoder is better, by how much, at what cost, and how sure is that?

    python run_ablation.py --archs cnn2 cnn3 --seeds 3

Exit status: 0 all runs finished; 1 some failed (the report says which); 2 bad input, or a folder that can't be written
to; 130 stopped by Ctrl-C; 143 by SIGTERM.
"""

from __future__ import annotations

import atexit
import os
import sys

from archs.errors import UserError
from bench.job import options
from bench.machine import child, determinism
from bench.machine.signals import CTRL_C, Terminated, sigterm_stops


def main(arguments: list[str]) -> int:
    try:
        with sigterm_stops():
            return run(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:  # before the runs, or while the report was written
        print("stopped: whatever finished is kept; the same command goes on from there", file=sys.stderr)
        return interrupt.status if isinstance(interrupt, Terminated) else CTRL_C


def run(arguments: list[str]) -> int:
    chosen = options.parse(arguments)
    if chosen.list:
        from archs.registry import discover
        from bench.job import listing

        registry = discover(chosen.plugin)
        for problem in registry.load_installed():
            print(f"WARNING: {problem}; left out", file=sys.stderr)
        print(listing.table(registry))
        return 0

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's; as soon as it is imported they spin for a while
    determinism.prepare(chosen.deterministic)
    child.start_context()  # imports torch beside us
    with child.uncollected():
        import reports
        from bench import trackers
        from bench.job import perform

        reports.get_ready()

    with trackers.crew(vars(chosen)) as crew:
        outcome = perform.perform(chosen, arguments, crew)
        if __name__ == "__main__":
            child.dismiss()  # while the report is drawn
        if outcome.finished + outcome.failed:
            experiment = reports.load(outcome.folder)
            reports.build(experiment, latex=chosen.latex, vector=chosen.vector, parquet=chosen.parquet)
            crew.reported(outcome.folder)
            print(reports.terminal_summary(experiment))
            print(f"\nreport: {outcome.folder / 'report.md'}")
    if outcome.stopped_by:
        print(
            f"stopped: {outcome.finished} runs are finished and kept; the same command goes on from there",
            file=sys.stderr,
        )
        return outcome.stopped_by
    if outcome.failed and chosen.fail_fast and outcome.undone:
        print(
            f"stopped at the first failure: {outcome.undone} not done; the same command without --fail-fast goes on",
            file=sys.stderr,
        )
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    child.dismiss()
    sys.stdout.flush()
    sys.stderr.flush()
    if status not in (CTRL_C, Terminated.status):  # after those a second Ctrl-C may come in the middle of the tidying
        atexit._run_exitfuncs()
    os._exit(status)  # taking matplotlib and pandas down takes a third of a second and keeps nothing
