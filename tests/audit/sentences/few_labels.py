"""What few labels were enough for: methods, what the images without a label were worth, collapse, choices."""

from __future__ import annotations

import math
import re
from collections import Counter

from tests.audit.computing.few_labels import (
    COLLAPSED,
    PUBLISHED,
    SUMMARIES,
    Worth,
    cells,
    methods,
    repeated,
    verdicts,
    worth,
)
from tests.audit.facts import Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.sentences.notes import MARKS
from tests.audit.shown import count, gap, listed, number
from tests.audit.tables_of_labels import errors

CROSSED = "; = the same network, since the task uses no decoder"
MOST_DRAWN, MOST_OPEN = 8, 24


def numbers(facts: Facts) -> list[int]:
    return sorted({cell.labels for cell in cells(facts)})


@sentence(
    "Test error with {numbers} labelled images, equally many of each class; the other training images come without a "
    "label."
)
def introduction(facts: Facts, found: Found, where: Where) -> Found:
    return {"numbers": listed([f"{n:,}" for n in numbers(facts)], 8)}


@sentence("*{first}*: {ways}.")
def what_the_methods_are(facts: Facts, found: Found, where: Where) -> Found:
    first, *others = methods(facts)
    ways = [SUMMARIES[first], *(f"*{label}*: {SUMMARIES[label]}" for label in others)]
    return {"first": first, "ways": "; ".join(ways)}


def is_published(facts: Facts) -> bool:
    known = (n for label in methods(facts) for n in PUBLISHED.get(label, ()))
    return facts.only("dataset") == "mnist" and bool(set(known) & set(numbers(facts)))


@sentence("Published: Kingma et al. 2014, table 1, other networks and trainings, ± as printed there.")
def published(facts: Facts, found: Found, where: Where) -> Found:
    if not is_published(facts):
        raise Wrong("nothing of this is in that table")
    return {}


@sentence("No published number for this data set and these numbers of labels is known here.")
def not_published(facts: Facts, found: Found, where: Where) -> Found:
    if is_published(facts):
        raise Wrong("there is one")
    return {}


@sentence("![Test error against the number of labels{interval}{drawn}](figures/few_labels.png)")
def figure(facts: Facts, found: Found, where: Where) -> Found:
    n = [len(method.finished(cell)) for method in methods(facts).values() for cell in method.by_seed]
    archs = list(dict.fromkeys(cell.arch for cell in cells(facts)))
    chosen = {*archs[:3], archs[len(archs) // 2], archs[-1], facts.baseline}
    return {
        "interval": ", mean over seeds with its 95 % interval" if max(n) > 1 else "",
        "drawn": f"; {len(chosen)} of {len(archs)} architectures" if len(archs) > MOST_DRAWN else "",
    }


def in_curves(facts: Facts) -> list[int]:
    """Return of how many seeds the curves over the passes are, fewest first."""
    read = [row for row in facts.runs.to_dict("records") if row["task"] == "vae" and row["status"] == "finished"]
    own = [(label, row) for row in read for label in numbers(facts) if row.get(f"m1m2_dimensions_l{label}") != 0]
    found = Counter((label, row["arch"]) for label, row in own if row.get(f"m1m2_accuracy_l{label}") is not None)
    return sorted(set(found.values()))


@sentence("![Validation error of M1+M2 against its passes](figures/few_labels_passes.png)")
def figure_of_passes(facts: Facts, found: Found, where: Where) -> Found:
    if not in_curves(facts):
        raise Wrong("no code was read")
    return {}


@sentence("M1+M2 on the validation images over its passes, {band}.")
def band_of_passes(facts: Facts, found: Found, where: Where) -> Found:
    fewest, most = in_curves(facts)[0], in_curves(facts)[-1]
    span = count(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    return {"band": f"mean over {span}; the band is ± 1 standard deviation" if most > 1 else "one seed"}


@sentence("<details><summary>Test errors in {n} rows</summary>")
def folded(facts: Facts, found: Found, where: Where) -> Found:
    n = len(errors(facts, where)) - 1
    if n <= MOST_OPEN:
        raise Wrong("few enough to be open")
    return {"n": str(n)}


def seeds(facts: Facts) -> list[int]:
    """Return of how many seeds the errors of the table are, fewest first."""
    found = {len(method.finished(cell)) for method in methods(facts).values() for cell in method.by_seed}
    return sorted(found - {0})


@sentence("One seed: no interval, no verdict{mark}{crossed}.")
def one_seed(facts: Facts, found: Found, where: Where) -> Found:
    if seeds(facts) != [1]:
        raise Wrong(f"seeds: {seeds(facts)}")
    return {"mark": " (?)" if verdicts(facts) else "", "crossed": CROSSED if repeated(facts) else ""}


@sentence("± is the standard deviation over {seeds}{fewer}{against}{crossed}{brackets}.")
def how_to_read(facts: Facts, found: Found, where: Where) -> Found:
    if where.section != "With few labels":
        raise Wrong("not of this section")
    spreads = [n for n in seeds(facts) if n > 1]
    span = count(spreads[-1], "seed") if len(spreads) == 1 else f"{spreads[0]} to {spreads[-1]} seeds"
    kind = "confidence sequences" if facts.anytime else "t intervals"
    those = f"{facts.manifest['seeds']}" if facts.anytime else f"the {facts.manifest['seeds']} that were asked for"
    asked, paired = facts.manifest["seeds"], [row.n for rows in worth(facts).values() for row in rows.values()]
    return {
        "seeds": span,
        "fewer": f" (a cell of fewer than {those} says so)" if seeds(facts)[0] < asked else "",
        "against": against(facts) if verdicts(facts) else "",
        "crossed": CROSSED if repeated(facts) else "",
        "brackets": f"; brackets are 95 % {kind} of the paired difference over seeds, each by itself"
        if max(paired, default=0) > 1
        else "",
    }


def against(facts: Facts) -> str:
    rows = list(verdicts(facts).values())
    decided = sum(row.verdict != "unresolved" for row in rows)
    # at the top a family is a task's: all architectures but the baseline, each network once
    most_at_the_top = len(facts.manifest["archs"]) - 1
    stricter = ": one family, so stricter than at the top" if rows[0].family > most_at_the_top else ""
    tests = f"Holm's method at 5 % over the {rows[0].family} comparisons of this table, {decided} decided{stricter}"
    if rows[0].family == 1:
        tests = "at 5 %, the only comparison of this table"
    return f"; against {facts.baseline} by the same method with as many labels: {MARKS} ({tests})"


@sentence(
    "**What the images without a label were worth** with {labels} labels, in points of test error (below 0: they "
    "helped), {over}: {parts}."
)
def worth_of_the_others(facts: Facts, found: Found, where: Where) -> Found:
    fewest = min(cell.labels for rows in worth(facts).values() for cell in rows)
    parts = {
        pair: {cell.arch: rows[cell] for cell in cells(facts) if cell.labels == fewest and cell in rows}
        for pair, rows in worth(facts).items()
    }
    paired = {row.n for rows in parts.values() for row in rows.values()}
    texts = [
        f"{one} less {other} is {_listed(rows, are_counted=len(paired) > 1)}"
        for (one, other), rows in parts.items()
        if rows
    ]
    kind = "confidence sequences" if facts.anytime else "intervals"
    over = f"with 95 % {kind} over {'' if len(paired) > 1 else f'{min(paired)} '}paired seeds"
    if paired == {1}:
        over = "of one seed, without an interval"
    return {"labels": f"{fewest:,}", "over": over, "parts": "; ".join(texts)}


def _listed(rows: dict[str, Worth], *, are_counted: bool) -> str:
    """Return the differences of up to four architectures; of how many seeds, where not all are of as many."""
    texts = []
    for arch, row in list(rows.items())[:4]:
        of = f", {count(row.n, 'seed')}" if are_counted else ""
        texts.append(f"{gap(row.mean, row.low, row.high, 2)} ({arch}{of})")
    return listed([*texts, *([f"{len(rows) - 4} more in the table"] if len(rows) > 4 else [])], 5)


@sentence("Collapse ({label}), every test image read alike or at most 12.5 % of them read right: {names}.")
def collapse(facts: Facts, found: Found, where: Where) -> Found:
    method, names = methods(facts)[found["label"]], []
    for cell in cells(facts):
        own = method.by_seed.get(cell, {})
        poor = sorted(seed for seed, error in own.items() if error >= COLLAPSED or (cell, seed) in method.alike)
        if poor:
            which = "seeds" if len(poor) > 1 else "seed"
            names.append(f"{cell.arch} with {cell.labels:,} labels ({which} {listed([str(s) for s in poor], 6)})")
    if not names:
        raise Wrong("none has collapsed")
    return {"label": found["label"], "names": listed(names, 6)}


def live(facts: Facts) -> tuple[str, dict[str, list[float]]]:
    """Return over which images dimensions were counted, and architecture → the number of each run."""
    runs = facts.runs[facts.runs["task"] == "vae"]
    column = next((c for c in runs if re.fullmatch(r"m1m2_dimensions_l\d+", c)), "active_units")
    order = list(dict.fromkeys(cell.arch for cell in cells(facts)))
    by_arch = {arch: runs.loc[runs["arch"] == arch, column].dropna().tolist() for arch in order}
    return "test" if column == "active_units" else "training", {a: own for a, own in by_arch.items() if own}


@sentence(
    "Live dimensions of the VAE's code, of {size} (their posterior mean has a standard deviation above 0.1 over the "
    "{images} images){several}: {parts}."
)
def live_dimensions(facts: Facts, found: Found, where: Where) -> Found:
    images, counts = live(facts)
    return {
        "size": str(int(facts.only("latent_dim"))),
        "images": images,
        "several": ", mean over seeds" if max(map(len, counts.values())) > 1 else "",
        "parts": listed([f"{arch} {number(sum(own) / len(own), 1)}" for arch, own in counts.items()], 12),
    }


def in_how_many_runs(facts: Facts, least: float, most: float) -> Found:
    """Return the architectures with runs of at least and at most so many live dimensions, and in how many they are."""
    names = []
    for arch, own in live(facts)[1].items():
        n = sum(least <= count <= most for count in own)
        names += [arch + (f" ({n} of {len(own)} runs)" if n < len(own) else "")] if n else []
    if not names:
        raise Wrong("none is so")
    return {"names": listed(names, 6)}


@sentence("Collapse of the code, no dimension alive: {names}.")
def none_alive(facts: Facts, found: Found, where: Where) -> Found:
    return in_how_many_runs(facts, 0, 0)


@sentence("Partial collapse, fewer than half alive: {names}.")
def few_alive(facts: Facts, found: Found, where: Where) -> Found:
    return in_how_many_runs(facts, 1, math.ceil(facts.only("latent_dim") / 2) - 1)


@sentence("The labels of validation images decided {what}.")
def what_validation_decided(facts: Facts, found: Found, where: Where) -> Found:
    recipe = (
        "M1+M2's recipe alone, once for all: its passes, batch size and rate, and that it is shown grey levels, were "
        "chosen by the error with 100 labels on the 5,000 validation images of MNIST's seed 0"
    )
    return {"what": recipe if "M1+M2" in methods(facts) else "nothing here"}


@sentence("The default learning rate and warm-up {how}.")
def how_the_rate_was_chosen(facts: Facts, found: Found, where: Where) -> Found:
    if float(facts.only("lr")) != 8e-3:
        raise Wrong("it is another rate")
    protocol = int(facts.only("protocol"))
    if protocol < 4:
        return {"how": f"of protocol {protocol} had been chosen by test figures"}
    return {"how": "were chosen by the validation ELBO of VAEs alone, which sees no label"}


@sentence("In {label} the labelled images' mean cross-entropy weighs {weight} beside the mean bound per image{whose}.")
def weight(facts: Facts, found: Found, where: Where) -> Found:
    own = facts.written[facts.written["task"] == "m2"]
    known = set(own["classification_weight"].dropna()) if "classification_weight" in own else set()
    if not known:
        own_choice = ": these runs are from before the weight was a setting"
        return {"label": "M2", "weight": "0.1 × labels", "whose": own_choice}
    (value,) = known
    other = ", where the authors' code has 0.1; how it was chosen is not recorded"
    return {"label": "M2", "weight": f"{value:g}", "whose": ", as in the authors' code" if value == 0.1 else other}
