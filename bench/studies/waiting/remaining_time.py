"""Compares the time that jobs said was left with the time that was: `python -m bench.studies.waiting.remaining_time`.

Five jobs, one after the other, each of its own kind, in a store of its own; nothing else should run. Each line that
tells the time left is an estimate of when the job ends: moment + time left. Its error is relative to the whole job,
from the start of its process to the end; of a round, whose length alone is told, to the round. Shown are the errors
from the first minute on, when the first line came, and the longest time after a line that names nothing that goes on.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from bench.machine.environment import ROOT
from bench.spec.arguments import Parser
from bench.spec.command import run_command
from bench.spec.paths import path
from bench.spec.progress import duration

FROM_SECONDS = 60.0
"""The first minute is for finding out."""

JOBS = {
    "digits": "--dataset digits --archs cnn2 cnn3 --seeds 3",
    "three tasks": "--dataset mnist --archs cnn2 cnn3 --seeds 2 --epochs 6 --train-images 10000",
    "unlike nets": "--dataset mnist --archs mlp cnn2 cnn:depth=4,channels=32 --tasks vae --seeds 1 --epochs 5 "
    "--train-images 20000",
    "evaluations": "--dataset mnist --archs cnn2 mlp --tasks vae cvae classifier --seeds 1 --epochs 3 "
    "--train-images 10000 --evaluate few-labels --iwae-images 2000",
    "until sure": "--dataset digits --archs cnn2 cnn3 mlp --tasks vae --until-sure --max-seeds 6",
}
"""What is to be told beforehand in each: seeds; tasks; architectures of unlike cost, fewer than workers at last; what
comes after training; rounds."""

TOLD = re.compile(r"about (?:(\d+):)?(\d+):(\d\d) left( in this round)?")
LAST_OF_ROUND = re.compile(r"\[(\d+)/\1\]")
IN_TRAINING = re.compile(r"\[\d+/\d+\]")


class Line(NamedTuple):
    """What a job printed."""

    seconds: float
    """Since its process was started."""

    text: str


@dataclass
class Watched:
    """A job that was watched."""

    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0

    def errors(self) -> list[tuple[float, float]]:
        """Return (moment, error) of each estimate, the error relative to the whole, or to the round."""
        found, begun = [], 0.0
        for number, line in enumerate(self.lines):
            told = TOLD.search(line.text)
            if told is None:
                continue
            hours, minutes, seconds, of_round = told.groups()
            left = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
            begun = line.seconds if not IN_TRAINING.match(line.text) else begun
            end, start = self.seconds, 0.0
            if of_round:
                end = next(each.seconds for each in self.lines[number:] if LAST_OF_ROUND.match(each.text))
                start = begun
            if end - start > 0:
                found.append((line.seconds, (line.seconds + left - end) / (end - start)))
        return found

    def silence(self) -> float:
        """Return the longest time without a line, but for that between lines which tell of the same training."""
        pairs = zip([Line(0.0, ""), *self.lines], [*self.lines, Line(self.seconds, "")], strict=True)
        return max(b.seconds - a.seconds for a, b in pairs if not is_named(a.text))


def is_named(text: str) -> bool:
    """Whether a line names what goes on after it: a stage, runs in flight, or how many are left."""
    return not LAST_OF_ROUND.match(text) and (text.endswith("…") or bool(TOLD.search(text)))


def watch(arguments: Sequence[str], log: Path | None) -> Watched:
    """Run a job in a new store and write down when it printed what."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", str(ROOT / "run_ablation.py"), *arguments]
        command += ["--runs-dir", f"{folder}/runs", "--out", f"{folder}/out"]
        watched, started = Watched(), time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            for text in process.stdout:
                watched.lines.append(Line(time.monotonic() - started, text.rstrip()))
        watched.seconds = time.monotonic() - started
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ run_ablation.py {' '.join(arguments)}\n")
            file.writelines(f"{line.seconds:7.1f} {line.text}\n" for line in watched.lines)
            file.write(f"{watched.seconds:7.1f} status {process.returncode}\n")
    return watched


def row(name: str, watched: Watched) -> list[str]:
    """Return a job's row of the table."""
    late = [error for moment, error in watched.errors() if moment >= FROM_SECONDS]
    early = [error for moment, error in watched.errors() if moment < FROM_SECONDS]
    shown = [name, duration(watched.seconds), f"{early[0]:+.0%}" if early else "–", str(len(late))]
    if late:
        shown += [f"{statistics.median(map(abs, late)):.0%}", f"{max(late, key=abs):+.0%}"]
        shown += [f"{statistics.mean(abs(error) <= 0.15 for error in late):.0%}"]
    else:
        shown += ["–"] * 3
    return [*shown, f"{watched.lines[0].seconds:.1f} s", f"{watched.silence():.1f} s"]


HEADERS = (
    "job", "took", "first error", "estimates", "median error", "worst error", "within 15 %", "first line", "silence",
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="python -m bench.studies.waiting.remaining_time",
        description="The time left that jobs tell, beside the time that was left.",
        allow_abbrev=False,
    )
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS), help="default: all")
    parser.add_argument("--data-dir", type=path, help="where MNIST is; default: as for a job")
    parser.add_argument("--log", type=path, help="a file that all lines with their moments are added to")
    chosen = parser.parse_args(arguments)
    where = ["--data-dir", chosen.data_dir] if chosen.data_dir else []
    rows = []
    for name in chosen.jobs:
        rows.append(row(name, watch([*JOBS[name].split(), *where], Path(chosen.log) if chosen.log else None)))
        print(tabulate(rows, HEADERS, tablefmt="github", disable_numparse=True), flush=True)
    return 0


if __name__ == "__main__":
    run_command(main)
