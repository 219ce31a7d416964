"""Is anything slower than it was? Decides between two files of `pytest bench --benchmark-json=FILE`.

    python -m bench.gate OLD.json NEW.json [--threshold PERCENT]

Prints Markdown. Exit status: 0 nothing is slower, and every benchmark of OLD was judged; 1 something is slower; 2 bad
input, the same session twice included; 3 nothing that was judged is slower, but benchmarks were not judged: NEW lacks
them, or they raised an error; 4 nothing is known to be slower, but benchmarks have too few rounds to tell; 70 an error
of ours.
"""

from __future__ import annotations

import argparse
import math
import statistics

from tabulate import tabulate

from archs.errors import UserError
from bench.spec.arguments import Parser
from bench.spec.command import run_command
from bench.spec.output.counts import is_or_are, of_all, plural
from bench.spec.output.lines import printable, say_error
from bench.spec.paths import path_object
from bench.speed.gate_decision import LEVEL, Judgement, Sample, judge, quickest, rounds_needed
from bench.speed.gate_session import Session, read
from bench.store.differences import environment_differences

MARKS = {"slower": "▼ slower", "faster": "▲ faster", "same": "", "too few rounds": "? too few rounds"}

SLOWER = 1
NOT_ALL_JUDGED = 3
TOO_FEW_ROUNDS = 4


def judge_sessions(old: Session, new: Session, threshold: float | None) -> tuple[list[Judgement], dict[str, str]]:
    """Judge each benchmark of two sessions.

    Args:
        threshold: takes the place of each benchmark's own.

    Returns:
        What was found of each benchmark that both have, and the names of those that should have been judged and are
        not in both, each with the reason in words.

    Raises:
        UserError: the sessions can't be compared.
    """
    if old.reference != new.reference:
        raise UserError(f"{new.path} is relative to {new.reference}, {old.path} to {old.reference}: measure both anew")
    common = old.samples.keys() & new.samples.keys()
    if not common:
        raise UserError(f"{old.path} and {new.path} have no benchmark in common: expected two runs of `pytest bench`")
    twice = sorted(name for name in common if old.samples[name] == new.samples[name])
    if twice:
        raise UserError(
            f"{new.path} holds the very timings of {old.path} ({len(twice)} of {len(common)} benchmarks, for example "
            f"{twice[0]}): expected two sessions; measure again with `pytest bench --benchmark-json={new.path}`"
        )
    judged = judge(old.samples, new.samples, threshold)
    lacking = {name: f"only in {old.path}" for name in old.samples if name not in new.samples}
    for session in (old, new):
        lacking |= dict.fromkeys(sorted(session.unmeasured), f"an error, or skipped, in {session.path}")
    return judged, lacking


def status_of(judged: list[Judgement], lacking: dict[str, str]) -> int:
    """Return the exit status."""
    verdicts = {one.verdict for one in judged}
    if "slower" in verdicts:
        return SLOWER
    if "too few rounds" in verdicts:
        return TOO_FEW_ROUNDS
    return NOT_ALL_JUDGED if lacking else 0


def markdown(old: Session, new: Session, judged: list[Judgement], lacking: dict[str, str]) -> str:
    """Return the verdict as Markdown: a sentence, a table with a row per benchmark, and what was not judged."""
    rows = [
        [
            one.name,
            speed(old.samples[one.name]),
            speed(new.samples[one.name]),
            percentage(one.change),
            f"{one.p:.1g}",
            f"{100 * one.threshold:g} %",
            MARKS[one.verdict],
        ]
        for one in judged
    ]
    headers = ["benchmark", "old (images/s)", "new (images/s)", "time per reference", "p", "threshold", ""]
    table = tabulate(rows, headers, tablefmt="pipe", disable_numparse=True, colalign=("left",) + ("right",) * 5)
    explanation = (
        f"Time per reference: a benchmark's time over that of a fixed workload timed in turns with it "
        f"({new.reference}), each in its quickest quarter of rounds, so that a busy or another machine changes it "
        f"little. Slower: by more than the threshold, with p (Mann–Whitney, Holm-adjusted) below {100 * LEVEL:g} %. "
        "Images/s are of the same rounds; on a CPU, per second of processor time."
    )
    return "\n\n".join([sentence(old, new, judged, lacking), table, explanation, *notes(old, new, judged, lacking)])


def sentence(old: Session, new: Session, judged: list[Judgement], lacking: dict[str, str]) -> str:
    """Return the verdict in one sentence."""
    slower, faster, few = (
        sum(one.verdict == each for one in judged) for each in ("slower", "faster", "too few rounds")
    )
    if slower:
        first = f"{of_all(slower, len(judged), 'benchmark')} slower"
        first += f", and {few} {'has' if few == 1 else 'have'} too few rounds to tell" if few else ""
    elif few:
        first = f"Too few rounds to tell whether {of_all(few, len(judged), 'benchmark')} slower"
    else:
        first = "Nothing is slower"
    if lacking:
        of, were = len(lacking.keys() | {one.name for one in judged}), "was" if len(lacking) == 1 else "were"
        if slower or few:
            first += f", and {len(lacking)} of {of} {were} not judged"
        else:
            first += f", but {len(lacking)} of {plural(of, 'benchmark')} {were} not judged"
    return f"**{first}**{f'; {faster} {is_or_are(faster)} faster' if faster else ''}: {new.path} against {old.path}."


def notes(old: Session, new: Session, judged: list[Judgement], lacking: dict[str, str]) -> list[str]:
    """Return a paragraph for whatever else a reader has to know about the two sessions."""
    found = []
    few = [
        f"{one.name} ({percentage(one.change)}, {plural(len(old.samples[one.name].seconds), 'round')} and "
        f"{len(new.samples[one.name].seconds)})"
        for one in judged
        if one.verdict == "too few rounds"
    ]
    if few:
        found.append(
            f"Too few rounds to tell: {', '.join(few)}. Measure both sessions for longer, with `--seconds`, or with "
            f"less else to do; with {plural(len(judged), 'benchmark')} each needs at least "
            f"{rounds_needed(len(judged))} rounds."
        )
    for reason in dict.fromkeys(lacking.values()):
        found.append(f"Not judged ({reason}): {', '.join(name for name in lacking if lacking[name] == reason)}.")
    added = [name for name in new.samples if name not in old.samples and name not in lacking]
    if added:
        found.append(f"New, so without a comparison: {', '.join(added)}.")
    if old.machine != new.machine:
        found.append(f"⚠ Different machines: {old.machine} and {new.machine}.")
    if old.commit and old.commit == new.commit:
        changes = {(False, False): "without changes, so the same code", (True, True): "both with changes to it"}
        words = changes.get((old.dirty, new.dirty), f"{(old if old.dirty else new).path} with changes to it")
        found.append(f"⚠ Both sessions are of one commit, {old.commit[:12]}: {words}.")
    around = environment_differences(old.environment, new.environment) if old.environment and new.environment else []
    if around:
        found.append(f"⚠ {'; '.join(around)}.")
    return found


def speed(sample: Sample) -> str:
    """Return the median images/s of the quickest rounds, as text."""
    return f"{sample.images / statistics.median(quickest(sample.seconds)):,.0f}"


def percentage(change: float) -> str:
    """Return a change as text: "+9.1 %"."""
    return f"{100 * change:+.1f} %".replace("-", "−")


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
    first, _, last = (__doc__ or "").strip().partition("\n")
    build = Parser(
        prog="python -m bench.gate",
        description=first,
        epilog=last[last.index("Exit status") :],
    )
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
        judged, lacking = judge_sessions(old, new, chosen.threshold)
    except UserError as error:
        say_error(error)
        return 2
    print(printable(markdown(old, new, judged, lacking)))
    return status_of(judged, lacking)


if __name__ == "__main__":
    run_command(main)
