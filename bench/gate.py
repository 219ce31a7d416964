"""Is anything slower than it was? Decides between two files of `pytest bench --benchmark-json=FILE`.

    python -m bench.gate OLD.json NEW.json [--threshold PERCENT]

Prints Markdown. Exit status: 0 nothing is slower; 1 something is; 2 bad input.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from archs.errors import UserError
from bench.spec import command
from bench.spec.arguments import Parser
from bench.spec.paths import path_object
from bench.speed.gate_decision import LEVEL, Judgement, Sample, judge, quickest

MARKS = {"slower": "▼ slower", "faster": "▲ faster", "same": ""}


@dataclass(frozen=True)
class Session:
    """What one file holds: the timings of one call of `pytest bench`."""

    path: Path
    samples: dict[str, Sample]
    """By the names of the benchmarks."""

    reference: str
    """The workload that was timed in turns with the benchmarks, with device and threads, in words."""

    machine: str
    """The device that computed, in words."""


def read(path: Path) -> Session:
    """Read a file that `pytest bench` wrote; raises UserError if it is missing or is something else."""
    expected = f"expected a file that this version's `pytest bench --benchmark-json={path}` wrote"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        samples: dict[str, Sample] = {}
        for entry in content["benchmarks"]:  # several of each benchmark, one for each turn
            name = entry["extra_info"]["what"]
            samples[name] = samples[name] + sample_of(entry) if name in samples else sample_of(entry)
        infos = [entry["extra_info"] for entry in content["benchmarks"]]
        references = {f"{info['reference']}, {info['device']}, threads {info['threads']}" for info in infos}
        machines = {info["device_name"] for info in infos}
    except FileNotFoundError:
        raise UserError(f"{path} is not there: {expected}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path} can't be read: {reason}; {expected}") from None
    if not samples or len(references) != 1:
        raise UserError(f"{path} holds {len(samples)} benchmarks beside {len(references)} references: {expected}")
    return Session(path, samples, references.pop(), ", ".join(sorted(machines)))


def sample_of(entry: dict[str, Any]) -> Sample:
    """Return the timings of one benchmark in one turn; raises ValueError if there are none that can be used."""
    info = entry["extra_info"]
    seconds = tuple(block / info["calls"] for block in entry["stats"]["data"])
    found = Sample(seconds, tuple(info["reference_seconds"]), info["images"], info["threshold"])
    values = [*found.seconds, *found.reference_seconds]
    if not found.seconds or not found.reference_seconds or not all(math.isfinite(v) and v > 0 for v in values):
        raise ValueError(f"{info['what']} has no usable timings")
    return found


def markdown(old: Session, new: Session, judged: list[Judgement]) -> str:
    """Return the verdict as Markdown: a sentence, a table with a row per benchmark, and what was not judged."""
    slower = [one for one in judged if one.verdict == "slower"]
    faster = [one for one in judged if one.verdict == "faster"]
    first = f"**{len(slower)} of {len(judged)} benchmarks are slower**" if slower else "**Nothing is slower**"
    lines = [f"{first}{f'; {len(faster)} are faster' if faster else ''}: {new.path} against {old.path}.", ""]
    rows = [
        [
            one.name,
            speed(old.samples[one.name]),
            speed(new.samples[one.name]),
            f"{100 * one.change:+.1f} %".replace("-", "−"),
            f"{one.p:.1g}",
            f"{100 * one.threshold:g} %",
            MARKS[one.verdict],
        ]
        for one in judged
    ]
    headers = ["benchmark", "old (images/s)", "new (images/s)", "time per reference", "p", "threshold", ""]
    lines.append(tabulate(rows, headers, tablefmt="pipe", disable_numparse=True, colalign=("left",) + ("right",) * 5))
    lines += [
        "",
        f"Time per reference: a benchmark's time over that of a fixed workload timed in turns with it "
        f"({new.reference}), each in its quickest quarter of rounds, so that a busy or another machine changes it "
        f"little. Slower: by more than the threshold, with p (Mann–Whitney, Holm-adjusted) below {100 * LEVEL:g} %. "
        "Images/s are of the same rounds; on a CPU, per second of processor time.",
    ]
    if old.machine != new.machine:
        lines += ["", f"⚠ Different machines: {old.machine} and {new.machine}."]
    for only, where in ((old.samples.keys() - new.samples.keys(), old), (new.samples.keys() - old.samples.keys(), new)):
        if only:
            lines += ["", f"Not judged, only in {where.path}: {', '.join(sorted(only))}."]
    return "\n".join(lines)


def speed(sample: Sample) -> str:
    """Return the median images/s of the quickest rounds, as text."""
    return f"{sample.images / statistics.median(quickest(sample.seconds)):,.0f}"


def percent(text: str) -> float:
    """Return a percentage as a fraction: an argparse type."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a threshold; expected percent above 0, for example 8")
    return value / 100


def parser() -> Parser:
    build = Parser(prog="python -m bench.gate", description=(__doc__ or "").split("\n")[0])
    build.add_argument("old", type=path_object, metavar="OLD.json", help="the session to compare with")
    build.add_argument("new", type=path_object, metavar="NEW.json", help="the session that is judged")
    build.add_argument(
        "--threshold",
        type=percent,
        metavar="PERCENT",
        help="how much slower is a regression, for all benchmarks; default: what each says, 8",
    )
    return build


def main(arguments: list[str]) -> int:
    """Print the verdict on two files and return the exit status."""
    chosen = parser().parse_args(arguments)
    try:
        old, new = read(chosen.old), read(chosen.new)
        if old.reference != new.reference:
            raise UserError(
                f"{new.path} is relative to {new.reference}, {old.path} to {old.reference}: measure both anew"
            )
        if not old.samples.keys() & new.samples.keys():
            raise UserError(
                f"{old.path} and {new.path} have no benchmark in common: expected two runs of `pytest bench`"
            )
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    judged = judge(old.samples, new.samples, chosen.threshold)
    print(markdown(old, new, judged))
    return 1 if any(one.verdict == "slower" for one in judged) else 0


if __name__ == "__main__":
    command.prepare()
    sys.exit(main(sys.argv[1:]))
