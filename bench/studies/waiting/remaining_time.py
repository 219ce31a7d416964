"""Compares the time that jobs said was left with the time that was: `python -m bench.studies.waiting.remaining_time`.

Five jobs, one after the other, each of its own kind, in a store of its own, on a terminal that is pretended; nothing
else should run. Each picture that tells the time left is an estimate of when the job ends: moment + time left. Its
error is relative to the real end, both from the start of the process; where the length of a round alone is told, its
end counts. Shown are the errors from the first minute on, when something was first on the screen, and for how long
nothing was that told what goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from bench.machine.environment import ROOT
from bench.spec.arguments import Parser
from bench.spec.command import run_command
from bench.spec.paths import path, path_object
from bench.spec.progress import ERASE, duration

FROM_SECONDS = 60.0
"""The first minute is for finding out."""

NEAR = 0.15
"""How far off the end of a job may be told."""

JOBS = {
    "digits": "--dataset digits --archs cnn2 cnn3 --seeds 10",
    "three tasks": "--dataset mnist --archs cnn2 cnn3 --seeds 3 --epochs 8 --train-images 15000",
    "unlike nets": "--dataset mnist --archs mlp cnn2 cnn:depth=4,channels=32 --tasks vae --seeds 1 --epochs 10 "
    "--train-images 40000",
    "evaluations": "--dataset mnist --archs cnn2 mlp --tasks vae cvae classifier --seeds 2 --epochs 3 "
    "--train-images 10000 --evaluate few-labels --iwae-images 2000",
    "until sure": "--dataset mnist --archs cnn2 cnn3 mlp --tasks vae classifier --epochs 6 --train-images 20000 "
    "--until-sure --max-seeds 8",
}
"""What is to be told beforehand in each: seeds; tasks; architectures of unlike cost, fewer than workers at last; what
comes after training; rounds."""

TOLD = re.compile(r"about (?:(\d+):)?(\d+):(\d\d) left( in this round)?")
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BETWEEN_ROUNDS = "looking at what is done"
ROWS, COLUMNS = 40, 160


class Shown(NamedTuple):
    """What a job wrote to the screen at once."""

    seconds: float
    """Since its process was started."""

    text: str


@dataclass
class Watched:
    """A job that was watched."""

    shown: list[Shown] = field(default_factory=list)
    seconds: float = 0.0
    status: int = 0

    def errors(self) -> list[tuple[float, float]]:
        """Return (moment, error) of each estimate: how far off the end of the job, or of the round, was told."""
        found = []
        looks = [one.seconds for one in self.shown if BETWEEN_ROUNDS in one.text]
        for one in self.shown:
            told = TOLD.search(one.text)
            if told is None:
                continue
            hours, minutes, seconds, of_round = told.groups()
            left = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
            ends = [look for look in looks if look > one.seconds] if of_round else []
            found.append((one.seconds, (one.seconds + left) / min(ends, default=self.seconds) - 1))
        return found

    def blank(self) -> float:
        """Return the longest time in which the screen told nothing of what goes on."""
        moments = [(0.0, True), *((one.seconds, one.text.endswith(ERASE)) for one in self.shown)]
        ends = [*(one.seconds for one in self.shown), self.seconds]
        return max(end - moment for (moment, is_blank), end in zip(moments, ends, strict=True) if is_blank)


def watch(arguments: Sequence[str], log: Path | None) -> Watched:
    """Run a job in a new store and write down when it showed what."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "run_ablation.py"), *arguments]
        command += ["--runs-dir", f"{folder}/runs", "--out", f"{folder}/out"]
        watched, started = Watched(), time.monotonic()
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        with open(ours, "rb", buffering=0) as screen, contextlib.suppress(OSError):  # EIO: nobody has it open any more
            while data := screen.read(1 << 16):
                watched.shown.append(Shown(time.monotonic() - started, data.decode(errors="replace")))
        watched.status = process.wait()
        watched.seconds = time.monotonic() - started
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ run_ablation.py {' '.join(arguments)}\n")
            for one in watched.shown:
                text = " ".join(CONTROLS.sub("", one.text).replace("━", "").split())
                file.write(f"{one.seconds:7.1f} {text[:300]}\n")
            file.write(f"{watched.seconds:7.1f} status {watched.status}\n")
    return watched


def row(name: str, watched: Watched) -> list[str]:
    """Return a job's row of the table."""
    errors = watched.errors()
    late = [error for moment, error in errors if moment >= FROM_SECONDS]
    shown = [name, duration(watched.seconds), f"{errors[0][1]:+.0%}" if errors else "–"]
    if late:
        shown += [f"{statistics.median(map(abs, late)):.1%}", f"{max(late, key=abs):+.0%}"]
        shown += [f"{statistics.mean(abs(error) <= NEAR for error in late):.0%}"]
    else:
        shown += ["–"] * 3
    return [*shown, f"{watched.shown[0].seconds:.1f} s", f"{watched.blank():.1f} s"]


HEADERS = (
    "job", "took", "first error", "median error", "worst error", "within 15 %", "first on screen", "blank",
)  # fmt: skip


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.waiting.remaining_time",
        description="The time left that jobs tell, beside the time that was left.",
        allow_abbrev=False,
    )
    build.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS), help="default: all")
    build.add_argument("--data-dir", type=path, help="where MNIST is; default: as for a job")
    build.add_argument("--log", type=path_object, help="a file that all that was shown is added to, with its moments")
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    if chosen.log:
        chosen.log.open("a").close()  # that it can't be written to is said before a job has run
    where = ["--data-dir", chosen.data_dir] if chosen.data_dir else []
    rows = []
    for name in chosen.jobs:
        rows.append(row(name, watch([*JOBS[name].split(), *where], chosen.log)))
        print(tabulate(rows, HEADERS, tablefmt="github", disable_numparse=True), flush=True)
    return 0


if __name__ == "__main__":
    run_command(main)
