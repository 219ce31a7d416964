"""Stops jobs at random moments, again and again until their runs are done, and looks for anything lost or wrong.

    python -m tests.job.faults --kills 200
    python -m tests.job.faults --kills 200 --seeds 3 --until-sure 6    # a plan that grows by what was found
    python -m tests.job.faults --kills 200 --seeds 3 --race 6

A campaign is one store: a job is started, something of it is killed, the job is started again, until all runs are
there. Killed is a worker, the main process, or both at once; at any moment (where the plan grows: when the store holds
so many records), or in the middle of a write; alone, or beside a second job on the same store. Or a signal tells a job
to stop, its main process or all of it, as batch systems do. After every kill each record must be sound, every finished
run still there and untouched, and equal bit for bit to that of an undisturbed job; at the end the report must be the
same too. Before all that, where the plan is a fixed one, two undisturbed jobs share a store, and no run may be trained
twice.

The jobs are real: `run_ablation.main` in a process of its own, workers from a fork server. Both are forked from this
process, which has imported everything, since starting Python and torch anew would take most of each cycle.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from multiprocessing import forkserver
from pathlib import Path
from unittest.mock import patch

import bench.job.perform
import bench.trackers  # noqa: F401
import reports
import run_ablation
from bench.job.plan import make_plan
from bench.machine import child
from bench.machine.provenance import provenance
from bench.spec.signals import STOPPING
from bench.store.store import Record
from tests.job.fault_checks import check, inspect, neutral_page, sound_records
from tests.job.strikes import in_turns, kill, moment, victims

PLAN = [
    "--archs", "cnn:depth=1,channels=2", "cnn:depth=1,channels=3", "--tasks", "vae", "classifier", "--retry-failed",
]  # fmt: skip
RACE = [
    "--archs", "cnn:depth=1,channels=2", "cnn:depth=1,channels=1", "cnn:depth=1", "--tasks", "vae", "--epochs", "3",
    "--batch-size", "8",
]  # fmt: skip
"""What is instead of that in a race: one is out at the first look, and another than the baseline wins."""
CONFIRM = 2
SIZE = [
    "--dataset", "digits", "--train-images", "128", "--epochs", "2", "--latent-dim", "2", "--device", "cpu",
    "--workers", "2", "--throughput", "off",
]  # fmt: skip
TOLD = {128 + number for number in STOPPING} | {-number for number in STOPPING}
"""How a job may end that a signal has told to stop: by itself, or of it before it could listen."""
JOB_SECONDS = 300
KILLED_BEFORE = f"error: {child.described(make_plan)} was killed by SIGKILL"
"""What a job says, with status 2, whose plan was not made yet."""
COUNTED = """
import os
import torch
from torch import nn
from archs.base import Arch

class Counted(nn.Module):
    seen = False

    def forward(self, x):
        if self.training and torch.is_grad_enabled() and not self.seen:  # a network is tried out without gradients
            self.seen = True
            with open({log!r}, "a") as log:
                log.write(f"{{os.getpid()}}\\n")
        return x.flatten(1)

ARCH = Arch(name="counted", summary="notes each training", source="test", encoder=lambda channels: Counted())
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.job.faults")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=6, help="of each job's runs: 24 runs with 6 of them")
    parser.add_argument("--tune", type=int, default=1, help="trials of each run; default: 1, the run itself")
    parser.add_argument(
        "--until-sure", type=int, default=0, metavar="MOST", help="add seeds to the first up to so many"
    )
    parser.add_argument("--race", type=int, default=0, metavar="MOST", help="race with the first and up to so many")
    chosen = parser.parse_args(arguments)
    begun = time.monotonic()
    chance = random.Random(chosen.seed)
    kinds, plan = in_turns(chance), [*PLAN, "--seeds", str(chosen.seeds)]
    plan += ["--tune", str(chosen.tune)] if chosen.tune > 1 else []
    plan += RACE if chosen.race else []
    growing = ["--until-sure", "--max-seeds", str(chosen.until_sure)] if chosen.until_sure else []
    if chosen.race:
        growing = ["--race", "--max-seeds", str(chosen.race), "--confirm", str(CONFIRM)]
    most = chosen.until_sure or chosen.race + CONFIRM
    kills: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        child.start_context()  # the fork server of all jobs
        reports.preload()  # here, and not in every job that is forked, where it takes longer than the runs
        provenance()  # which remembers the code that it has read
        if not growing:
            together(Path(scratch) / "together", 8 * chosen.seeds)
        undisturbed = Path(scratch) / "undisturbed"
        seconds = reference(undisturbed, [*plan, *growing])  # by now the fork server has imported everything
        wanted = run_ids(undisturbed)
        page = neutral_page(undisturbed, Path(scratch) / "neutral-0")
        if growing:  # a run that a killed worker failed can lead to seeds that the undisturbed job had no need of
            reference(undisturbed, [*plan, "--seeds", str(most)])
        theirs = {record.run_id: record for record in sound_records(undisturbed)}
        plan += growing
        campaigns = 0
        while kills.total() < chosen.kills:
            campaigns += 1
            folder = Path(scratch) / f"campaign-{campaigns}"
            campaign(folder, plan, wanted, theirs, chance, kinds, seconds, kills, chosen.kills)
            check(run_ids(folder) == wanted, "the final report is of other runs")
            check(neutral_page(folder, Path(scratch) / f"neutral-{campaigns}") == page, "the final report differs")
            print(f"campaign {campaigns}: {kills.total()} kills so far, {time.monotonic() - begun:.0f} s", flush=True)
    spread = ", ".join(f"{count} {kind}" for kind, count in kills.most_common())
    print(
        f"{kills.total()} kills ({spread}) in {campaigns} campaigns of {len(wanted)} runs, "
        f"{time.monotonic() - begun:.0f} s: no finished run lost or trained again, no record wrong, "
        f"every final report the same"
    )
    return 0


def reference(folder: Path, plan: list[str]) -> float:
    """An undisturbed job; returns how long it takes, in seconds."""
    begun = time.monotonic()
    process = start(folder, plan)
    check(ended(process, JOB_SECONDS) == 0, f"the undisturbed job failed: {said(folder)}")
    return time.monotonic() - begun


def run_ids(folder: Path) -> set[str]:
    """The runs that the report shows, all trials included, and those of its race."""
    manifest = json.loads((folder / "report" / "manifest.json").read_text(encoding="utf-8"))
    trials = chain.from_iterable((manifest.get("tuning") or {}).get("run_ids", ()))
    return {*manifest["run_ids"], *trials, *(manifest.get("race") or {}).get("run_ids", ())}


def together(folder: Path, runs: int) -> None:
    """Two jobs started at once on one store: each run is trained once, by one of them, and both end with all."""
    folder.mkdir()
    (folder / "counted.py").write_text(COUNTED.format(log=str(folder / "trainings")), encoding="utf-8")
    plan = ["--archs", "counted", "--plugin", str(folder / "counted.py"), "--tasks", "classifier"]
    plan += ["--seeds", str(runs)]
    jobs = [start(folder, plan), start(folder, plan)]
    statuses = [ended(job, JOB_SECONDS) for job in jobs]
    check(statuses == [0, 0], f"exit status {statuses}: {said(folder)}")
    trainings = (folder / "trainings").read_text(encoding="ascii").splitlines()
    check(len(sound_records(folder)) == runs, f"{len(sound_records(folder))} records of {runs} runs")
    check(len(trainings) == runs, f"{runs} runs were trained {len(trainings)} times")
    shared = said(folder).count("in another job")
    check(shared > 0, "the two jobs never met")
    check(not list((folder / "runs" / ".claims").iterdir()), "a claim was left behind")
    print(f"two jobs, {runs} runs: each trained once; {shared} were taken from the other job", flush=True)


def start(folder: Path, plan: list[str]) -> int:
    """A job on the store of `folder`, all of it but the drawing of the page; returns its process id."""
    folder.mkdir(parents=True, exist_ok=True)
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        forkserver.ensure_running = forkserver._forkserver.ensure_running = lambda: (
            None
        )  # it runs, as our parent's child
        sys.modules["__main__"] = run_ablation  # what a worker imports as its main module
        with patch("reports.build"), patch("reports.load"), patch("reports.terminal_summary", return_value=""):
            code = run_ablation.main(
                [*SIZE, *plan, "--runs-dir", str(folder / "runs"), "--out", str(folder / "report")]
            )
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def whole_log(folder: Path) -> str:
    return (folder / "log.txt").read_text(encoding="utf-8", errors="replace")


def said(folder: Path) -> str:
    return whole_log(folder)[-20_000:]


def ended(process: int, seconds: float) -> int | None:
    """The exit status of a job within `seconds`; None if it goes on."""
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.002)


def campaign(
    folder: Path,
    plan: list[str],
    wanted: set[str],
    theirs: dict[str, Record],
    chance: random.Random,
    kinds: Iterator[str],
    seconds: float,
    kills: Counter[str],
    most: int,
) -> None:
    """Jobs on one store, killed one after the other, until one ends with all runs finished."""
    kept: dict[str, tuple[int, int]] = {}
    refused = 0
    while True:
        kind = next(kinds) if kills.total() < most else "nothing"
        jobs = [start(folder, plan) for _ in range(2 if kind == "one job of two" else 1)]
        strikes = {"worker": 3, "nothing": 0}.get(kind.split()[0], 1)  # a job goes on without one of its workers
        status = None
        for _ in range(strikes):
            left = len(wanted - kept.keys()) if "--max-seeds" in plan else 0
            status = ended(jobs[0], moment(folder, kind, chance, seconds, left))
            if status is not None or kills.total() >= most:
                break
            number = chance.choice(STOPPING) if kind.startswith("signal") else signal.SIGKILL
            kills[kind] += kill(victims(kind, jobs[0], chance), number)
            kept = inspect(folder, theirs, kept)
        statuses = [ended(jobs[0], JOB_SECONDS) if status is None else status]
        statuses += [ended(other, JOB_SECONDS) for other in jobs[1:]]  # takes over what the dead one had
        may_be = {0, 1, 2, -signal.SIGKILL} | (TOLD if kind.startswith("signal") else set())
        check(may_be.issuperset(statuses), f"{kind}: exit status {statuses}: {said(folder)}")
        refused += statuses.count(2)
        check(refused <= whole_log(folder).count(KILLED_BEFORE), f"exit status {statuses}: {said(folder)}")
        kept = inspect(folder, theirs, kept)
        if statuses[-1] == 0:
            check(wanted <= kept.keys(), f"{len(kept)} of {len(wanted)} runs after a job that says all is done")
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
