"""What the ELBO hides: its two parts, unused dimensions, samples, what was not computed; and the learning curves."""

from __future__ import annotations

from functools import cache

import pandas as pd

from tests.audit.computing.learning import late
from tests.audit.facts import PIXELS, TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count, decimals, listed, number, signed, significant

SAME_IMAGE = 0.5 / 255


@sentence("**{label}.**")
def about_a_task(facts: Facts, found: Found, where: Where) -> Found:
    where.task = facts.task(found["label"])
    return found


@sentence(
    "The ELBO of {best} less that of {last}, {elbo} nats, is {reconstruction} of reconstruction and {kl} of KL "
    "({over}{seeds})."
)
def decomposition(facts: Facts, found: Found, where: Where) -> Found:
    ranked = facts.ranked(where.task)
    best, last = ranked[0], ranked[-1]
    tables = {name: facts.values(where.task, name) for name in ("elbo", "reconstruction", "kl")}
    change = {name: (table[best] - table[last]).dropna().mean() for name, table in tables.items()}
    n = len((tables["elbo"][best] - tables["elbo"][last]).dropna())
    parts = {"elbo": change["elbo"], "reconstruction": -change["reconstruction"], "kl": -change["kl"]}
    texts = {name: signed(value, 1) for name, value in parts.items()}
    return {"best": best, "last": last, "over": "means over " if n > 1 else "", "seeds": count(n, "seed"), **texts}


@cache
def kinds(facts: Facts, task: str) -> dict[str, dict[str, pd.DataFrame]]:
    """Return whole, still or part → architecture, best first → its runs of that kind."""
    found: dict[str, dict[str, pd.DataFrame]] = {"whole": {}, "still": {}, "part": {}}
    for arch in facts.ranked(task):
        runs = facts.of(task, arch)
        variance, kl = runs["active_units"], runs["kl_units"]
        half = runs[["active_units", "kl_units"]].min(axis=1) < runs["latent_dim"] / 2
        masks = {
            "whole": (variance == 0) & (kl == 0),
            "still": (variance == 0) & (kl > 0),
            "part": (variance > 0) & half,
        }
        for kind, mask in masks.items():
            if mask.any():
                found[kind][arch] = runs[mask]
    return found


def name(facts: Facts, task: str, arch: str, rows: pd.DataFrame, *notes: str) -> str:
    runs = len(facts.of(task, arch))
    share = [f"{len(rows)} of {count(runs, 'run')}"] if len(rows) < runs else []
    return f"{arch} ({', '.join([*share, *notes])})" if share or notes else arch


@sentence(
    "Posterior collapse ({label}): no latent dimension of {names} has a posterior mean whose variance over the test "
    "images is above 0.01, and none a mean KL above 0.05 nats."
)
def whole(facts: Facts, found: Found, where: Where) -> Found:
    rows = kinds(facts, where.task)["whole"]
    if not rows:
        raise Wrong("none has collapsed")
    names = listed([name(facts, where.task, arch, own) for arch, own in rows.items()])
    return {"label": TASKS[where.task].label, "names": names}


@sentence(
    "Posterior means that hardly move ({label}): in {names} none has a variance over the test images above 0.01, "
    "though some latent dimensions have a mean KL above 0.05 nats."
)
def still(facts: Facts, found: Found, where: Where) -> Found:
    names = []
    for arch, own in kinds(facts, where.task)["still"].items():
        most = significant(max((own["kl"] - own["aggregate_kl"]).mean(), 0), 2)
        kl = f"KL {number(own['kl'].mean(), 1)} nats"
        names.append(name(facts, where.task, arch, own, kl, f"at most {most} of it about the image"))
    if not names:
        raise Wrong("none is so")
    return {"label": TASKS[where.task].label, "names": listed(names)}


@sentence(
    "Partial posterior collapse ({label}): by one count or both, fewer than half of the {size} latent dimensions are "
    "active in {names}."
)
def part(facts: Facts, found: Found, where: Where) -> Found:
    names = [
        name(facts, where.task, arch, own, *(f"{number(own[column].mean(), 1)} {how}" for how, column in
             (("by variance", "active_units"), ("by KL", "kl_units"))))
        for arch, own in kinds(facts, where.task)["part"].items()
    ]  # fmt: skip
    if not names:
        raise Wrong("none is so")
    return {"label": TASKS[where.task].label, "size": str(int(facts.only("latent_dim"))), "names": listed(names)}


@cache
def spreads(facts: Facts, task: str) -> dict[str, float]:
    """Return architecture → the spread of the samples of its runs that use no dimension by variance."""
    own = kinds(facts, task)
    archs = [arch for arch in facts.ranked(task) if arch in own["whole"] or arch in own["still"]]
    rows = {arch: pd.concat([own[kind][arch] for kind in ("whole", "still") if arch in own[kind]]) for arch in archs}
    return {arch: float(one["sample_spread"].mean()) for arch, one in rows.items()}


def given(task: str) -> str:
    return " of a label" if task == "cvae" else ""


MEASURE = "; in parentheses the standard deviation of a pixel's probability over z of the prior, mean over pixels"


@sentence("Whatever z is, nearly the same image{given} is drawn by {names}{measure}.")
def same_image(facts: Facts, found: Found, where: Where) -> Found:
    found_ = [f"{a} ({significant(s, 2)})" for a, s in spreads(facts, where.task).items() if s < SAME_IMAGE]
    if not found_:
        raise Wrong("none does")
    return {"given": given(where.task), "names": listed(found_), "measure": MEASURE}


@sentence("Samples{given} do differ with z in {names}{measure}.")
def samples_differ(facts: Facts, found: Found, where: Where) -> Found:
    all_ = spreads(facts, where.task)
    own = [f"{arch} ({significant(s, 2)})" for arch, s in all_.items() if s >= SAME_IMAGE]
    if not own:
        raise Wrong("none do")
    return {"given": given(where.task), "names": listed(own), "measure": MEASURE if len(own) == len(all_) else ""}


@sentence("Not computed: {names}.")
def not_computed(facts: Facts, found: Found, where: Where) -> Found:
    if facts.manifest["evaluate"] != "basic":
        raise Wrong(f"--evaluate {facts.manifest['evaluate']}")
    conditional = ("importance-weighted bound", "marginal bound", "Bayes accuracy", "sample accuracy")
    own = {"vae": ("importance-weighted bound", "linear probe"), "cvae": conditional}
    columns = {"iwae", "probe_accuracy", "elbo_marginal", "bayes_accuracy", "sample_accuracy"}
    if any(str(column).startswith(tuple(columns)) for column in facts.runs):
        raise Wrong("some of it was")
    return {"names": listed(own[where.task])}


@sentence("{seeds}; the band is ± 1 standard deviation.")
def band(facts: Facts, found: Found, where: Where) -> Found:
    counts = facts.counts
    span = count(counts[0], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
    return {"seeds": f"Mean over {span}"}


@sentence("ELBO: {pixels}.")
@sentence("ELBO: {pixels}; nats per test image, β = 1.")
def pixels(facts: Facts, found: Found, where: Where) -> Found:
    return {"pixels": PIXELS[facts.only("likelihood")]}


@sentence("Validation images only: these runs used the test set once, at the end.")
def test_set_used_once(facts: Facts, found: Found, where: Where) -> Found:
    if int(facts.only("protocol")) < 4:
        raise Wrong("the recipe of this protocol was chosen by test figures")
    return {}


@sentence(
    "The learning rate and the warm-up are the defaults, which were chosen by validation, once for all architectures: "
    "another rate may suit one of them better."
)
def default_rate(facts: Facts, found: Found, where: Where) -> Found:
    if float(facts.only("lr")) != 8e-3 or "tuning" in facts.manifest:
        raise Wrong("it is another rate, or the page has others too")
    return {}


@sentence("How the learning rate ({rate}) was chosen is not recorded.")
def own_rate(facts: Facts, found: Found, where: Where) -> Found:
    if float(facts.only("lr")) == 8e-3:
        raise Wrong("it is the default")
    return {"rate": f"{float(facts.only('lr')):g}"}


@sentence(
    "**Still rising** ({label}): over {span} the validation {metric} moved more than its standard deviation over seeds "
    "(in brackets): {listed}."
)
def still_rising(facts: Facts, found: Found, where: Where) -> Found:
    where.task = facts.task(found["label"])
    task, rows = TASKS[where.task], late(facts, where.task)
    own = {arch: row for arch, row in rows.items() if row.is_improving}
    if not own:
        raise Wrong("none is")
    epochs = next(iter(own.values())).epochs
    texts = []
    for arch, row in own.items():
        d = decimals(row.spread, task.digits)
        texts.append(f"{arch} {signed(row.gain, d)} {task.unit_of_difference} ({number(row.spread, d)})")
    span = "the last epoch" if epochs == 1 else f"the last {epochs} epochs"
    if len({row.epochs for row in own.values()}) > 1:
        span = "the last 20 % of its epochs"
    return {"label": task.label, "span": span, "metric": task.name_of_metric, "listed": listed(texts, 6)}


@sentence("More epochs may change these results.")
def more_epochs(facts: Facts, found: Found, where: Where) -> Found:
    if not any(row.is_improving for row in late(facts, where.task).values()):
        raise Wrong("none was improving")
    return {}


@sentence(
    "The learning rate falls to zero at the end, which flattens every curve: a flat end is no proof that a longer "
    "training would gain nothing."
)
def flat(facts: Facts, found: Found, where: Where) -> Found:
    if not any(late(facts, task) for task in facts.tasks):
        raise Wrong("too few epochs for an end")
    return {}
