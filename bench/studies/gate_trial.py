"""Measures how often the gate sees real slowdowns on a busy machine, and how often it sees one where there is none.

    python -m bench.studies.gate_trial run FILE.jsonl --work train --load steady --trials 25
    python -m bench.studies.gate_trial table FILE.jsonl...

A trial is three sessions of one benchmark (cnn2 as a VAE) while other processes keep the machine busy: old; new, with
nothing changed; and new, with 15 % more to do. Each session is a process of its own; its timings go to `bench.gate`'s
own decision. Ten trials go together: their old sessions take turns, as the benchmarks of one `pytest bench` do, then
their new ones. FILE gets a line per trial, so that trials can be run in several goes.

The slowdown is work behind each call: small matrix products until 15 % of the time that this very call took has passed
again. So what it adds depends on nothing that was calibrated before.
"""

from __future__ import annotations

import functools
import json
import operator
import random
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
import torch.nn.functional as F
from tabulate import tabulate

from archs.errors import UserError
from archs.registry import discover
from bench.machine.child import start_context
from bench.machine.cpu import prepare_cpu
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.defaults import DEFAULT_BATCH, DEFAULT_LATENT
from bench.spec.device import CPU
from bench.spec.paths import path_object
from bench.speed.gate_decision import Sample, judge
from bench.speed.measure import time_block
from bench.speed.reference import TURNS, ReferenceTimer, clock, fit_blocks
from bench.speed.setting import Setting
from bench.speed.workloads import WORKLOADS, prepare
from bench.store.validation import type_problem
from bench.studies.checks import writable
from bench.tasks import get

ARCH = "cnn2"

TRIALS_TOGETHER = 10
"""Whose sessions take turns."""

SLOWDOWN = 0.15

LOADS = {
    "none": "nothing else",
    "steady": "one busy process",
    "bursts": "one process, busy and idle in turns of 0.1 to 1.5 s",
    "three": "three busy processes",
}


def keep_busy(alive: Connection, kind: str, seed: int) -> None:
    """Compute as somebody else's training would, until the other end of `alive` is closed.

    Args:
        kind: a name of `LOADS`.
    """
    prepare_cpu(1)
    turns = random.Random(seed)
    alive.send("at work")
    a, x, kernel = torch.randn(512, 512), torch.randn(64, 16, 28, 28), torch.randn(16, 16, 3, 3)
    while not alive.poll():
        until = time.monotonic() + turns.uniform(0.1, 1.5)
        while time.monotonic() < until:
            torch.mm(a, a)
            F.conv2d(x, kernel)
        if kind == "bursts":
            time.sleep(turns.uniform(0.1, 1.5))


def serve_session(pipe: Connection, work: str, slower: bool) -> None:
    """Time a workload as `bench/test_speed.py` does, in a process of its own.

    Args:
        pipe: it brings the seconds that a turn lasts, for each of which the timings go back; None ends the session.
        work: the workload's name.
        slower: whether it gets more to do.
    """
    prepare_cpu(1)
    (arch,) = discover().resolve([ARCH]).archs
    prepared = prepare(arch, get("vae"), Setting(DEFAULT_BATCH, DEFAULT_LATENT, "dynamic", CPU, threads=1))
    (call,) = (one.call for one in prepared.workloads if one.name == work)
    timed_call = slowed_down(call) if slower else call
    while seconds := pipe.recv():
        timer = ReferenceTimer(CPU)
        blocks = fit_blocks(timed_call, timer, seconds)
        taken = []
        for _ in range(blocks.rounds):
            timer.time()
            taken.append(time_block(blocks.run_block, 1, timer.wait, clock(CPU)) / blocks.calls)
        timer.time()
        pipe.send(Sample(tuple(taken), tuple(timer.seconds), DEFAULT_BATCH))


def slowed_down(call: Callable[[], Any]) -> Callable[[], None]:
    """Return the call with 15 % more to do, by the clock that the gate reads."""
    now, a = clock(CPU), torch.randn(96, 96)

    def slower_call() -> None:
        begun = now()
        call()
        until = begun + (1 + SLOWDOWN) * (now() - begun)
        while now() < until:
            torch.mm(a, a)

    return slower_call


def run_sessions(context: Any, work: str, slower: bool, seconds: float, count: int) -> list[Sample]:
    """Run `count` sessions in turns, each of which lasts so many seconds in all."""
    pipes = [context.Pipe() for _ in range(count)]
    processes = [context.Process(target=serve_session, args=(theirs, work, slower), daemon=True) for _, theirs in pipes]
    for process, (_, theirs) in zip(processes, pipes, strict=True):
        process.start()
        theirs.close()
    turns: list[list[Sample]] = []
    for _ in range(TURNS):
        turns.append([])
        for ours, _ in pipes:
            ours.send(seconds / TURNS)
            turns[-1].append(ours.recv())
    for process, (ours, _) in zip(processes, pipes, strict=True):
        ours.send(None)
        process.join()
    return [functools.reduce(operator.add, parts) for parts in zip(*turns, strict=True)]


def run_trials(file: Path, work: str, kind: str, trials: int, seconds: float) -> None:
    """Run trials, and append a line for each: the changes that the gate saw, and its verdicts.

    Args:
        work: the workload's name.
        kind: a name of `LOADS`.
        seconds: of a session.
    """
    preload = ("bench.speed.reference", "bench.speed.gate_decision", "bench.tasks.vae")
    context = start_context(preload)  # so that a session starts at once
    ends = [context.Pipe() for _ in range({"none": 0, "three": 3}.get(kind, 1))]
    others = [context.Process(target=keep_busy, args=(end, kind, seed)) for seed, (_, end) in enumerate(ends)]
    for other, (_, end) in zip(others, ends, strict=True):
        other.start()
        end.close()
    for end, _ in ends:
        end.recv()
    if ends:
        time.sleep(1)
    try:
        for begun in range(0, trials, TRIALS_TOGETHER):
            count = min(TRIALS_TOGETHER, trials - begun)
            found = [run_sessions(context, work, injected, seconds, count) for injected in (False, False, True)]
            with file.open("a", encoding="utf-8") as out:
                for old, same, slower in zip(*found, strict=True):
                    line: dict[str, Any] = {"work": work, "load": kind, "seconds": seconds, "rounds": len(old.seconds)}
                    for name, new in (("unchanged", same), ("slowed", slower)):
                        (one,) = judge({work: old}, {work: new})
                        line[name] = {"word": one.verdict, "change": one.change}
                    out.write(json.dumps(line) + "\n")
    finally:
        for end, _ in ends:
            end.close()
        for other in others:
            other.join()


class Seen(msgspec.Struct):
    """What the gate said of one new session."""

    word: str
    change: float


class Trial(msgspec.Struct):
    """A line of a file of trials."""

    work: Literal["train", "inference", "sampling"]
    load: Literal["none", "steady", "bursts", "three"]
    seconds: float
    rounds: int
    slowed: Seen
    unchanged: Seen


def trials_of(file: Path) -> list[dict[str, Any]]:
    """Return the trials of a file; raises UserError if there are none, or something else is in it."""
    expected = "expected a file that `python -m bench.studies.gate_trial run` wrote"
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file} can't be read ({' '.join(str(error).split())[:200]}); {expected}") from error
    for number, line in enumerate(lines, 1):
        problem = type_problem(line, Trial)
        if problem:
            raise UserError(f"{file}, line {number}: {problem}; {expected}")
    if not lines:
        raise UserError(f"{file} holds no trial; {expected}")
    return lines


def table(files: list[Path]) -> str:
    """Write what came of the trials as a table in Markdown: a row per workload, load and length of a session."""
    lines = [line for file in files for line in trials_of(file)]
    rows = []
    for work, kind, seconds in dict.fromkeys((line["work"], line["load"], line["seconds"]) for line in lines):
        group = [line for line in lines if (line["work"], line["load"], line["seconds"]) == (work, kind, seconds)]
        row = [
            WORKLOADS[work],
            LOADS[kind],
            f"{seconds:g}",
            str(statistics.median_low([line["rounds"] for line in group])),
        ]
        for name in ("slowed", "unchanged"):
            changes = [100 * line[name]["change"] for line in group]
            row.append(f"{sum(line[name]['word'] == 'slower' for line in group)} of {len(group)}")
            row.append(f"{min(changes):+.1f} … {max(changes):+.1f} %".replace("-", "−"))
        rows.append(row)
    headers = [
        "benchmark",
        "beside it",
        "seconds",
        "rounds",
        "15 % slower: flagged",
        "change seen",
        "unchanged: flagged",
        "change seen",
    ]
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)


def parser() -> Parser:
    """Return the command's parser."""
    build = Parser(prog="python -m bench.studies.gate_trial", description=(__doc__ or "").split("\n")[0])
    commands = build.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="run trials; each takes about four seconds beside its three sessions")
    runs.add_argument("file", type=path_object, help="gets a line per trial")
    runs.add_argument("--work", choices=list(WORKLOADS), default="train")
    runs.add_argument("--load", choices=list(LOADS), default="steady")
    runs.add_argument("--trials", type=integer(1, 10_000), default=25, metavar="N")
    runs.add_argument(
        "--seconds",
        type=integer(1, 600),
        default=4,
        help="of a session, in all its turns; default 4, as in `pytest bench`",
    )
    tables = commands.add_parser("table", help="what came of them, as Markdown")
    tables.add_argument("files", type=path_object, nargs="+")
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    if chosen.command == "run":
        writable(chosen.file, "FILE")
        run_trials(chosen.file, chosen.work, chosen.load, chosen.trials, chosen.seconds)
    else:
        print(table(chosen.files))
    return 0


if __name__ == "__main__":
    run_command(main)
