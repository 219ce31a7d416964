"""Which convolutional encoder/decoder is better, by how much, at what cost, and how sure is that?

    python run_ablation.py --archs cnn2 cnn3 --seeds 3

Exit status: 0 all runs finished; 1 some failed (the report says which); 2 bad input; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import sys

from archs.errors import UserError
from bench import options


def main(arguments: list[str]) -> int:
    try:
        return run(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(arguments: list[str]) -> int:
    chosen = options.parse(arguments)
    if chosen.list:
        from archs.registry import discover
        from bench import listing

        print(listing.table(discover(chosen.plugin)))
        return 0

    import reports
    from bench import job

    outcome = job.perform(chosen, arguments)
    if outcome.finished + outcome.failed:
        experiment = reports.load(outcome.folder)
        reports.build(experiment, latex=chosen.latex, vector=chosen.vector)
        print(reports.terminal_summary(experiment))
        print(f"\nreport: {outcome.folder / 'report.md'}")
    if outcome.interrupted:
        print(
            f"stopped: {outcome.finished} runs are finished and kept; the same command goes on from there",
            file=sys.stderr,
        )
        return 130
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
