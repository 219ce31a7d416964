"""What the signs of the comparison table mean, and what is the same for all of its rows."""

from __future__ import annotations

from reports.findings.experiment import Experiment
from reports.findings.sizes import sizes
from reports.markup.escape import md
from reports.wording.tables import JOINT
from reports.wording.words import PROTOCOL

MARKED = "▲ better, ▼ worse, ≈ equivalent, ? not resolvable with these seeds (Holm-adjusted over a column)"


def table_notes(experiment: Experiment, common: list[str], *, compact: bool = False) -> list[str]:
    """Sentences to print under the table, as Markdown; compact: under the terminal's."""
    notes = []
    if common:
        notes.append(f"The same for all: {'; '.join(md(text) for text in common)}.")
    compared = any(ranking.versus for ranking in experiment.rankings.values())
    if experiment.seeds > 1:
        seeds = f"± is the standard deviation over {experiment.seeds} seeds"
        if compared:
            brackets = (
                f"brackets are 95 % intervals of the paired difference from {md(experiment.baseline)}, over seeds"
            )
            seeds += f"; against {md(experiment.baseline)}: {MARKED}" if compact else f"; {brackets}; {MARKED}"
        notes.append(f"{seeds}.")
    elif compared:
        notes.append("One seed: differences have no interval and no verdict (?).")
    if any(ranking.best for ranking in experiment.rankings.values()):
        notes.append(f"{'*' if compact else 'Bold'} is resolvably the best.")
    abouts = [ranking.about for ranking in experiment.rankings.values()]
    if experiment.likelihood and any(about.bounds for about in abouts):
        notes.append(
            f"ELBO: {PROTOCOL.get(experiment.likelihood, md(experiment.likelihood))}; nats per test image, β = 1."
        )
    for about in abouts:
        if JOINT in about.scores and experiment.likelihood != "grey":
            notes.append(
                f"A {md(about.label)}'s ELBO bounds log p(x|y); less ln 10 it bounds log p(x, y) and compares with a "
                "VAE's."
            )
    counted = sizes(experiment)
    if experiment.tasks and counted:
        first = next(iter(dict.fromkeys(task for task, *_ in counted.values())))
        others = sorted(
            {f"{md(arch)} ({md(experiment.label(task))})" for arch, (task, *_) in counted.items() if task != first}
        )
        apart = f", except {', '.join(others)}" if others else ""
        notes.append(
            f"Parameters and speed are those of the {md(experiment.label(experiment.tasks[0]))}{apart}; "
            "×: against the baseline."
        )
    return notes
