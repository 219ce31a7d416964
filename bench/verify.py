"""Trains a recorded run again, into a temporary store, and says whether it comes out the same, to the last bit.

    python -m bench.verify RUN --runs-dir runs

Exit status: 0 it matches; 1 it differs, and by how much; 2 bad input; 70 an error of ours; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile

from archs.errors import UserError, one_line
from bench.spec.arguments import Parser
from bench.spec.command import run_command
from bench.spec.device import CPU
from bench.spec.output.counts import plural
from bench.spec.output.lines import say_error, terminal_line
from bench.spec.paths import data_dir, path
from bench.spec.run import PROTOCOL, RunSpec
from bench.spec.status import Status
from bench.store.differences import differences, environment_differences, is_timing
from bench.store.lookup import find_run
from bench.store.record import Record
from bench.store.store import Store
from bench.worker.site import Site


def parser() -> argparse.ArgumentParser:
    build = Parser(prog="python -m bench.verify", description=(__doc__ or "").split("\n")[0], allow_abbrev=False)
    build.add_argument("run", metavar="RUN", help="a run id, or the beginning of one: records.csv has them")
    build.add_argument(
        "--runs-dir", type=path, default="runs", metavar="DIR", help="the store of finished runs; default: runs/"
    )
    build.add_argument(
        "--data-dir",
        type=path,
        metavar="DIR",
        help="where the data set is; default: $ABLATION_DATA, else data/",
    )
    build.add_argument(
        "--plugin", type=path, action="append", default=[], metavar="FILE", help="a file that the run's job had"
    )
    return build


def main(arguments: list[str]) -> int:
    """Verify the run that the command line names and return the exit status."""
    chosen = parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="verify-") as folder:
            site = Site(folder, data_dir(chosen.data_dir), tuple(chosen.plugin))
            return verify(Store(chosen.runs_dir), chosen.run, site)
    except UserError as error:
        say_error(error)
        return 2


def verify(store: Store, run: str, site: Site) -> int:
    """Train a run again, print what differs, and return the exit status.

    Args:
        store: where the run is recorded.
        run: its id, or the beginning of it.
        site: where it is trained again.
    """
    record = find_run(store, run)
    record.verify()  # every byte of it
    spec = spec_of(record)
    print(f"training {spec.label} again ({plural(spec.epochs, 'epoch')}) …", file=sys.stderr, flush=True)
    again = retrain(spec, site)
    differ = differences(record, again)
    print(f"run {record.run_id} ({spec.label}) {'does not match' if differ else 'matches, bit for bit'}")
    lines = differ or [f"compared: {what_was_compared(record)}"]
    around = environment_differences(record.environment, again.environment)
    if differ and not around:
        around = ["nothing that is recorded of where it ran is different"]
    for line in [*lines, *around]:
        print(f"  {terminal_line(line)}")
    return 1 if differ else 0


def what_was_compared(record: Record) -> str:
    """Say what two equal records have in common."""
    if record.status == Status.FAILED:
        return f"it fails again, with the same words ({record.error})"
    metrics = sum(not is_timing(name) for name in record.metrics)
    return f"{plural(metrics, 'metric')}, {plural(len(record.history), 'epoch')}, the arrays, the weights"


def spec_of(record: Record) -> RunSpec:
    """Return the spec of a recorded run; raises `UserError` if this version can't train it."""
    try:
        spec = RunSpec(**record.spec)
    except TypeError as error:
        raise UserError(f"run {record.run_id}: its spec is not of this version ({error})") from error
    if spec.run_id != record.run_id:
        raise UserError(
            f"run {record.run_id}: its spec is that of run {spec.run_id}; the record was put together by hand"
        )
    if spec.protocol != PROTOCOL:
        raise UserError(
            f"run {record.run_id}: trained by protocol {spec.protocol}, this code has protocol {PROTOCOL}; "
            "use the version that it was trained with"
        )
    return spec


def retrain(spec: RunSpec, site: Site) -> Record:
    """Train a run again at `site`, on the kind of device that it was trained on, and return its record."""
    from bench.job.devices import device_of
    from bench.machine import determinism
    from bench.machine.provenance import provenance
    from bench.worker.dataset import dataset_of
    from bench.worker.execute import execute
    from bench.worker.restore import arch_of, task_of

    determinism.prepare(bool(spec.deterministic))
    device = CPU if spec.device == CPU else device_of("cuda")
    site = dataclasses.replace(site, device=device, provenance=provenance())
    try:
        arch_of(spec, site.plugins)
        task_of(spec, site.plugins)
        dataset_of(spec, site)
    except RuntimeError as error:  # the architecture, the task or the data set has changed
        raise UserError(str(error)) from error
    try:
        execute(spec, site)
    except RuntimeError as error:  # a GPU that can't go on; every other failure is a record
        raise UserError(f"run {spec.run_id} can't be trained here: {one_line(error)[:200]}") from error
    return Store(site.runs_dir).load(spec.run_id)


if __name__ == "__main__":
    run_command(main)
