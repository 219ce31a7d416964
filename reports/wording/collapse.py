"""Say in words which models leave latent dimensions unused, by which count, and whether their samples show it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import pandas as pd

from bench.spec.metrics import ACTIVE_KL, ACTIVE_VARIANCE
from reports.findings.experiment import Experiment
from reports.wording.formatting import natural_list, number, plural, significant

SAME_IMAGE = 0.5 / 255
"""Spread of samples below which they are called nearly the same: half a grey level of 256."""

Kind = Literal["whole", "still", "part"]
"""How a run uses its code, if that is remarkable.

whole: no dimension is active, by any count. still: none by the variance of its posterior mean, some by their KL: the
posteriors are not the prior, but lie in one place whatever the image. part: fewer than half, by one count or both.
"""


class Affected(NamedTuple):
    """The runs of one architecture that are of one kind."""

    runs: pd.DataFrame
    """Their rows."""

    finished: int
    """How many runs of it there are."""

    def mean(self, metric: str) -> float:
        """Return the mean of a metric over these runs; NaN if none has it."""
        return float(self.runs[metric].mean()) if metric in self.runs else math.nan

    def name(self, *notes: str) -> str:
        """Name the architecture, how many of its runs these are if not all, and what else is to be said of it."""
        share = f"{len(self.runs)} of {plural(self.finished, 'run')}" if len(self.runs) < self.finished else ""
        more = ", ".join(filter(None, [share, *notes]))
        return f"{self.runs['arch'].iloc[0]} ({more})" if more else str(self.runs["arch"].iloc[0])


def collapse(experiment: Experiment, task: str) -> Iterator[str]:
    """Yield a sentence on each kind of collapse that a run shows, and one on the samples of those that show it."""
    runs = experiment.runs_of(task)
    runs = runs[runs["status"] == "finished"]
    counts = runs[[name for name in ("active_units", "kl_units", "latent_dim") if name in runs]]  # of sixty columns
    kinds = pd.Series([kind_of(run) for run in counts.to_dict("records")], runs.index, dtype=object)

    def affected(*wanted: Kind) -> dict[str, Affected]:
        by_arch = runs[kinds.isin(wanted)].groupby("arch", sort=False)
        finished = runs["arch"].value_counts()
        found = {str(arch): Affected(own, int(finished[arch])) for arch, own in by_arch}
        return {arch: found[arch] for arch in experiment.rankings[task].order if arch in found}

    label = experiment.label(task)
    if found := affected("whole"):
        yield f"Posterior collapse ({label}): {whole(found)}"
    if found := affected("still"):
        yield f"Posterior means that hardly move ({label}): {still(found)}"
    yield from samples(affected("whole", "still"), " of a label" if experiment.declared.tasks[task].naming_cost else "")
    if found := affected("part"):
        yield f"Partial posterior collapse ({label}): {part(found)}"


def kind_of(run: Mapping[Any, Any]) -> Kind | None:
    """Return how a run uses its code; None if there is nothing to remark, or nothing recorded."""
    variance, kl = (float(run.get(name, math.nan)) for name in ("active_units", "kl_units"))
    counts = [count for count in (variance, kl) if math.isfinite(count)]
    if not counts:
        return None
    if max(counts) == 0:
        return "whole"
    if variance == 0:
        return "still"
    return "part" if min(counts) < float(run["latent_dim"]) / 2 else None


def whole(affected: Mapping[str, Affected]) -> str:
    """Say that no dimension is active, by the counts that there are."""
    names = natural_list([each.name() for each in affected.values()])
    by_kl = all(math.isfinite(each.mean("kl_units")) for each in affected.values())
    text = f"no latent dimension of {names} has a posterior mean whose variance over the test images is above "
    if by_kl:
        return f"{text}{ACTIVE_VARIANCE}, and none a mean KL above {ACTIVE_KL} nats."
    return f"{text}{ACTIVE_VARIANCE} (KL per dimension: not recorded)."


def still(affected: Mapping[str, Affected]) -> str:
    """Say that the posteriors are in one place, and how little of the KL can be about the image.

    The mean KL is what the code says about the image, plus the divergence of the aggregate posterior from the prior
    (Hoffman & Johnson 2016), which is at least `aggregate_kl`.
    """
    names = []
    for each in affected.values():
        own = each.mean("kl") - each.mean("aggregate_kl")
        about = f", at most {significant(max(own, 0), 2)} of it about the image" if math.isfinite(own) else ""
        names.append(each.name(f"KL {number(each.mean('kl'), 1)} nats{about}"))
    return (
        f"in {natural_list(names)} none has a variance over the test images above {ACTIVE_VARIANCE}, though some "
        f"latent dimensions have a mean KL above {ACTIVE_KL} nats."
    )


def samples(affected: Mapping[str, Affected], given: str) -> Iterator[str]:
    """Say whether what these models draw depends on z, by the spread that was measured.

    Args:
        given: what else the image depends on, in words.
    """
    spread = {arch: each.mean("sample_spread") for arch, each in affected.items()}
    same = [f"{arch} ({significant(value, 2)})" for arch, value in spread.items() if value < SAME_IMAGE]
    other = [f"{arch} ({significant(value, 2)})" for arch, value in spread.items() if value >= SAME_IMAGE]
    unknown = [arch for arch, value in spread.items() if not math.isfinite(value)]
    measure = "standard deviation of a pixel's probability over z of the prior, mean over pixels"
    if same:
        names = natural_list(same)
        yield f"Whatever z is, nearly the same image{given} is drawn by {names}; in parentheses the {measure}."
    if other:
        meant = "" if same else f"; in parentheses the {measure}"
        yield f"Samples{given} do differ with z in {natural_list(other)}{meant}."
    if unknown:
        yield f"Whether samples differ with z was not recorded for {natural_list(unknown)}."


def part(affected: Mapping[str, Affected]) -> str:
    """Say that fewer than half of the dimensions are active, by which count."""
    names = []
    for each in affected.values():
        counts = {"by variance": each.mean("active_units"), "by KL": each.mean("kl_units")}
        names.append(each.name(*(f"{number(n, 1)} {how}" for how, n in counts.items() if math.isfinite(n))))
    size = max(float(each.runs["latent_dim"].max()) for each in affected.values())
    return (
        f"by one count or both, fewer than half of the {size:.0f} latent dimensions are active in "
        f"{natural_list(names)}. By variance: that of the posterior mean over the test images is above "
        f"{ACTIVE_VARIANCE}; by KL: its mean is above {ACTIVE_KL} nats."
    )
