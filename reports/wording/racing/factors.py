"""Say of which of a race's runs the effects of the factors are, and what is missing among them."""

from __future__ import annotations

from reports.findings.experiment import Experiment
from reports.findings.racing.factors import RaceFactors
from reports.findings.racing.raced import Raced
from reports.markup.escape import md, prose
from reports.wording.formatting import natural_list, plural


def of_which_runs(experiment: Experiment, raced: Raced, found: RaceFactors) -> list[str]:
    """Say of which candidates and seeds the effects are, why of these, and on which score."""
    who = (
        f"All {found.candidates:,}"
        if found.members == found.candidates
        else (f"{found.members:,} of the {found.candidates:,}")
    )
    names = natural_list([md(name) for name in found.analysis.factors], 8)
    described = experiment.declared.tasks[raced.task]
    score = prose(described.measured or f"test {found.analysis.metric.label}")
    return [
        f"{who} candidates are cells of a grid of {names}.",
        f"What a step of a factor is worth is taken from the race's first round: {plural(found.seeds, 'seed')} of "
        f"{plural(raced.epochs, 'epoch')}, which all of them had before any was out.",
        "Later seeds have no part, since who has them was chosen by result.",
        f"Effects are on {score}, while the race went by validation {md(raced.metric.label)}; intervals are ordinary "
        "ones of 95 %, of a number of seeds settled beforehand.",
    ]


def what_is_missing(experiment: Experiment, found: RaceFactors) -> list[str]:
    """Return a sentence on the holes of the grid, and one on runs that failed."""
    sentences = []
    if found.cells < found.combinations:  # not how many: a list of strides has the depth in it, and rules most out
        left_out = len(experiment.manifest.get("left_out") or ())
        over = f" ({plural(left_out, 'architecture')} left out by size)" if left_out else ""
        sentences.append(
            f"The {plural(found.cells, 'cell')} with a result are not every combination of these levels{over}: a step "
            "is taken over the cells that have both of its sides, so that two steps may be means over different cells."
        )
    if found.failed:
        runs = plural(found.members * found.seeds, "run")
        sentences.append(
            f"{found.failed:,} of these {runs} failed: a step leaves out the cells, or the seed, that lack one."
        )
    return sentences
