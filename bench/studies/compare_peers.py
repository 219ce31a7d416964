"""Whole-process training speed beside that of other projects: `python -m bench.studies.compare_peers --data-dir DIR`.

Four seeds of cnn2 as a VAE, one epoch of MNIST, as this project's command and as four runs, one after the other, of a
DataLoader loop in the style of pytorch/examples and of pythae's trainer (extra `peers`). The clock runs from the start
of the first process to the end of the last. They take turns for several rounds; ratios are within a round, and their
median and range are shown. All run in this environment, with its byte code: where there is none yet, the first round
makes it and is slower for it.

The others keep their own habits: torch's default threads, 60,000 images instead of 55,000, grey or once-binarised
pixels instead of fresh coins, no validation images, no store, no report. Measuring speeds apart (`--throughput`) is a
phase of its own that none of them has: the first line is without it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from archs.errors import UserError
from bench.data.datasets import load
from bench.machine.environment import ROOT
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.extras import require
from bench.spec.paths import path, path_object
from bench.store.validation import type_problem
from bench.studies.checks import writable

SEEDS = 4

REMOVED_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONDONTWRITEBYTECODE")
"""Of the environment: each process chooses its own threads and keeps its byte code."""

Measure = Callable[[str], tuple[float, float]]
"""Data folder → seconds of the whole, and seconds until a report began."""

OUR_IMAGES = SEEDS * (55_000 // 128 * 128)
THEIR_IMAGES = SEEDS * 60_000


def ours(*more: str) -> Measure:
    """Return the measurement of this project's command with these further options."""

    def measure(data_dir: str) -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder:
            began, started = time.time(), time.perf_counter()
            options = f"--archs cnn2 --tasks vae --seeds {SEEDS} --epochs 1".split()
            folders = ["--data-dir", data_dir, "--runs-dir", f"{folder}/runs", "--out", f"{folder}/report"]
            run(["run_ablation.py", *options, *folders, *more])
            seconds = time.perf_counter() - started
            return seconds, Path(folder, "report", "manifest.json").stat().st_mtime - began

    return measure


def theirs(module: str) -> Measure:
    """Return the measurement of another project's training, by a module of `bench.studies.peers`."""

    def measure(data_dir: str) -> tuple[float, float]:
        started = time.perf_counter()
        for seed in range(SEEDS):
            run(["-m", module, "--data-dir", data_dir, "--seed", str(seed)])
        seconds = time.perf_counter() - started
        return seconds, seconds

    return measure


def run(arguments: list[str]) -> None:
    """Run Python on `arguments`, with torch's own choice of threads; its output is shown only if it fails.

    Byte code is kept, or every start would compile what it imports, and start-up is a part of what is compared.
    """
    environment = {name: value for name, value in os.environ.items() if name not in REMOVED_VARIABLES}
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr[-2000:])
        raise UserError(f"{' '.join(arguments)} ended with status {done.returncode}: its last words are above")


OURS = "this project"
WITHOUT_REPORT = f"{OURS}, report not counted"

PEERS: dict[str, tuple[Measure, int]] = {
    OURS: (ours("--throughput", "off"), OUR_IMAGES),
    f"{OURS}, speeds measured too (the default)": (ours(), OUR_IMAGES),
    "DataLoader loop (pytorch/examples)": (theirs("bench.studies.peers.dataloader"), THEIR_IMAGES),
    "pythae's trainer": (theirs("bench.studies.peers.pythae_run"), THEIR_IMAGES),
}
"""Name → how it is measured, and the images that it is trained on."""


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.compare_peers",
        description="Whole-process images/s of this project and of others.",
        allow_abbrev=False,
    )
    build.add_argument("--data-dir", type=path, required=True, help="the folder that holds MNIST/raw")
    build.add_argument("--rounds", type=integer(0, 1_000), default=5, help="more of them; default: 5")
    build.add_argument(
        "--results",
        type=path_object,
        metavar="JSON",
        help="a file that rounds are added to, so that a few at a time will do",
    )
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    require("pythae", "bench.studies.compare_peers", "peers")
    data_dir = os.path.abspath(chosen.data_dir)
    load("mnist", data_dir)
    rounds = read_rounds(chosen.results) if chosen.results else []
    if not rounds and not chosen.rounds:
        raise UserError("--rounds 0: there is no round to show; expected 1 or more, or --results with a file of some")
    for _ in range(chosen.rounds):
        rounds.append(one_round(data_dir))
        if chosen.results:
            chosen.results.write_text(json.dumps(rounds, indent=1), encoding="utf-8")
    print(table({name: [values[name] for values in rounds] for name in rounds[0]}))
    return 0


def read_rounds(path: Path) -> list[dict[str, float]]:
    """Return the rounds that a file holds, none if there is no file; raises UserError if they can't be added to."""
    writable(path, "--results")
    if not path.exists():
        return []
    try:
        rounds = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"--results {path}: can't be read ({error}); expected what --results wrote") from error
    problem = type_problem(rounds, list[dict[str, float]])
    if not problem and any(values.keys() != {*PEERS, WITHOUT_REPORT} for values in rounds):
        problem = "a round is not of the projects that are compared now"
    if problem:
        raise UserError(f"--results {path}: {problem}; expected what --results wrote, or name a new file")
    return rounds


def one_round(data_dir: str) -> dict[str, float]:
    """Measure each once; return its images/s."""
    rates: dict[str, float] = {}
    for name, (measure, images) in PEERS.items():
        whole_process, until_report = measure(data_dir)
        rates[name] = images / whole_process
        if name == OURS:
            rates[WITHOUT_REPORT] = images / until_report
        print(f"{name}: {rates[name]:,.0f} images/s", file=sys.stderr, flush=True)
    return rates


def table(rates: dict[str, list[float]]) -> str:
    """Write the table of the rounds in Markdown.

    Args:
        rates: name → images/s of each round.
    """
    first = rates[OURS]
    rows = []
    for name, values in rates.items():
        ratios = [mine / other for mine, other in zip(first, values, strict=True)]
        rows.append([name, spread(values, ",.0f"), spread(ratios, ".2f")])
    headers = ["", f"images/s of {len(first)} rounds: median [range]", "times as fast this project is"]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def spread(values: list[float], form: str) -> str:
    """Write the median and the range of some values in the given format."""
    return f"{statistics.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


if __name__ == "__main__":
    run_command(main)
