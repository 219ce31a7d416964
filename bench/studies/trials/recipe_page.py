"""The choice of the recipe as a page (Markdown)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from archs.errors import UserError
from bench.spec.defaults import DEFAULT_LR
from bench.spec.metrics import METRICS, Metric
from bench.statistics.estimates import Interval
from bench.studies.trials.choice import Grid, grid_of
from bench.studies.trials.warm_up import warm_up_name
from bench.studies.trials.words import counted, markdown, rate_name

RATE, WARM_UP = "peak learning rate", "warm-up"


@dataclass(frozen=True)
class Section:
    """One setting of the recipe, chosen in one task."""

    what: str
    """RATE or WARM_UP."""

    task: str
    metric: Metric
    grid: Grid
    names: tuple[str, ...]
    """Of the grid's settings."""

    circumstances: str
    """Seeds, epochs and images of the runs."""

    decides: bool
    """Whether the recipe follows this task."""

    @property
    def unit(self) -> str:
        """Of a difference of scores, with a space before it."""
        return f" {self.metric.unit_of_difference}"

    def shown(self, value: float) -> str:
        """Write a score, or a difference of scores, without its unit."""
        text = f"{value * self.metric.scale:.2f}"
        return text.replace("-", "" if float(text) == 0 else "−")

    def interval(self, found: Interval) -> str:
        """Write a mean with its interval."""
        if found.n < 2 or found.std == 0:
            return self.shown(found.mean)
        return f"{self.shown(found.mean)} [{self.shown(found.low)}, {self.shown(found.high)}]"

    @property
    def chosen(self) -> int:
        """The index of the setting that the rule takes."""
        return self.grid.chosen if self.what == RATE else self.grid.first_untold

    @property
    def verdict(self) -> str:
        """The choice in one sentence."""
        grid, best = self.grid, self.chosen
        loses = grid.losses[:, best]
        several = len(grid.archs) > 1
        mean = f"averaged over {len(grid.archs)} architectures" if several else grid.archs[0]
        worst = f", at worst {self.shown(loses.max())} ({grid.archs[int(loses.argmax())]})"
        return (
            f"{self.what} in the task {self.task}: {self.names[best]}; {mean} it loses {self.shown(grid.regrets[best])}"
            f"{self.unit} of validation {self.metric.label} against each one's own best"
            + (worst if several and loses.any() else "")
        )


def sections(rates: pd.DataFrame, warm_ups: pd.DataFrame) -> list[Section]:
    """Arrange both tables, task by task; the warm-ups are left out, with a word on stderr, while they lack a run.

    Raises:
        UserError: the grid of the rates lacks a run.
    """
    order = [float(rate) for rate in sorted(rates["lr"].unique())]
    found = _sections(RATE, rates, "lr", order, [rate_name(rate) for rate in order])
    try:
        shares = [float(share) for share in sorted(warm_ups["warm_up"].unique())]
        places = {arch: place for place, arch in enumerate(rates["arch"].unique())}  # the file has them as they ended
        in_order = [places.get(arch, len(places)) for arch in warm_ups["arch"]]
        warm_ups = warm_ups.assign(place=in_order).sort_values(["place", "arch"], kind="stable")
        found += _sections(WARM_UP, warm_ups, "warm_up", shares, [warm_up_name(share) for share in shares])
    except UserError as error:
        print(f"WARNING: the warm-ups are left out: {error}", file=sys.stderr)
    return found


def _sections(what: str, runs: pd.DataFrame, column: str, order: list[float], names: list[str]) -> list[Section]:
    found = list[Section]()
    for task, own in runs.groupby("task", sort=False):
        grid, first = grid_of(own, column, order), own.iloc[0]
        for name in ("epochs", "train_images", "batch_size", "lr" if what == WARM_UP else "warm_up"):
            if own[name].nunique() > 1:
                raise UserError(f"the runs of {task} differ in {name}: no choice from a mixed grid")
        seeds = f"seeds {grid.seeds[0]} to {grid.seeds[-1]}" if len(grid.seeds) > 1 else f"seed {grid.seeds[0]}"
        held = {
            RATE: f"warm-up {warm_up_name(first['warm_up'])}",
            WARM_UP: f"peak learning rate {rate_name(first['lr'])}",
        }
        circumstances = (
            f"{seeds}, {counted(first['epochs'], 'epoch')} of {int(first['train_images']):,} images in batches of "
            f"{int(first['batch_size'])}, {held[what]}"
        )
        metric = METRICS[str(first["metric"])]
        found.append(Section(what, str(task), metric, grid, tuple(names), circumstances, decides=not found))
    return found


def page(found: Sequence[Section]) -> str:
    """Write table.md."""
    parts = ["# The recipe, chosen by validation", "![validation score and loss against each setting](figure.png)"]
    parts.append(
        "The rule was written down before anything was trained (`bench/studies/recipe.py`): the *loss* of a setting is "
        "what the mean validation score over seeds lacks of that at the architecture's own best setting; taken is the "
        "setting with the smallest mean loss over architectures. No test score is read. A run counts as what it "
        "scored; one that diverged, or scored less than a network that knows nothing (−784 ln 2 = −543.4 nats, 10 % "
        "accuracy), as such a one. A shorter warm-up is taken as long as the seeds do not tell it from the best; this "
        "clause was added when their grid was seen."
    )
    for section in found:
        parts += [f"## {section.what[0].upper()}{section.what[1:]}: {section.task}", *_section(section)]
    parts.append("Rendered again: `python -m bench.studies.recipe --from FILE`, the recipe.csv beside this page.")
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    grid = section.grid
    chosen = f"**{section.verdict[0].upper()}{section.verdict[1:]}.**" + "".join(
        f" {each}" for each in _remarks(section)
    )
    if not section.decides:
        chosen += " The recipe is one for all tasks, and follows the first."
    archs = [f"`{arch}`" for arch in grid.archs]
    unit = section.metric.unit
    scores = [
        [_marked(section, r), *(_score(section, a, r) for a in range(len(archs)))] for r in range(len(section.names))
    ]
    losses = [
        [
            _marked(section, r),
            section.shown(grid.regrets[r]),
            section.shown(grid.worst[r]),
            *(section.interval(grid.loss(a, r)) for a in range(len(archs))),
        ]
        for r in range(len(section.names))
    ]
    texts = [
        f"{section.circumstances[0].upper()}{section.circumstances[1:]}.",
        chosen,
        f"Validation {section.metric.label} ({unit}), mean ± standard deviation over seeds (▲ the column's best"
        + ("; ✗ runs that diverged or scored less than a network that knows nothing):" if grid.useless.any() else "):"),
        markdown([section.what, *archs], scores),
        f"Loss ({section.metric.unit_of_difference}) against the own best, with the paired 95 % t interval over seeds. "
        "The best is the largest of several means of the same runs, which the interval does not know:",
        markdown([section.what, "mean", "worst", *archs], losses),
    ]
    if len(archs) > 1:
        gaps = [
            [_marked(section, r), *(section.interval(grid.gap(a, r)) for a in range(1, len(archs)))]
            for r in range(len(section.names))
        ]
        texts += [
            f"What the choice does to a comparison: the difference to {archs[0]} ({section.metric.unit_of_difference}) "
            "with its paired 95 % t interval over seeds:",
            markdown([section.what, *archs[1:]], gaps),
        ]
    return texts


def _marked(section: Section, setting: int) -> str:
    return f"**{section.names[setting]}**" if setting == section.chosen else section.names[setting]


def _score(section: Section, arch: int, setting: int) -> str:
    grid = section.grid
    text = section.shown(grid.means[arch, setting])
    if np.isfinite(spread := grid.stds[arch, setting]):
        text += f" ± {section.shown(spread)}"
    if count := int(grid.useless[arch, setting]):
        text += f" ({count} ✗)"
    return f"{text} ▲" if setting == grid.best[arch] else text


def _ahead(section: Section, setting: int, other: int) -> str:
    """Say by how much a setting is ahead of another on average, and whether the seeds tell that from nothing."""
    ahead = section.grid.ahead(setting, other)
    untold = f", which {ahead.n} seeds can't tell from nothing" if ahead.n > 1 and ahead.low <= 0 else ""
    return f"{section.interval(ahead)}{section.unit}{untold}"


def _remarks(section: Section) -> list[str]:
    """Return the sentences on how sure the choice is."""
    grid, names, chosen = section.grid, section.names, section.chosen
    remarks, best = [], grid.chosen
    if chosen != best:
        remarks.append(
            f"The smallest loss, {section.shown(grid.regrets[best])}, is that of {names[best]}: ahead by "
            f"{_ahead(section, best, chosen)}."
        )
        if chosen:
            remarks.append(
                f"The next shorter, {names[chosen - 1]}: behind {names[best]} by {_ahead(section, best, chosen - 1)}."
            )
    elif len(names) > 1:
        order = np.argsort(grid.regrets, kind="stable")
        second = int(order[1] if order[0] == best else order[0])
        remarks.append(
            f"The next, {names[second]}, loses {section.shown(grid.regrets[second])}: behind by "
            f"{_ahead(section, best, second)}."
        )
    others = {seed: grid.without(seed).chosen for seed in grid.seeds} if len(grid.seeds) > 1 else {}
    changed = [f"without seed {seed} that of {names[each]} would be" for seed, each in others.items() if each != best]
    if changed:
        remarks.append(f"The smallest loss is that of {names[best]}; {'; '.join(changed)}.")
    elif others:
        remarks.append(f"Leaving out any one seed, the smallest loss stays that of {names[best]}.")
    if section.what == RATE and DEFAULT_LR in grid.settings and (now := grid.settings.index(DEFAULT_LR)) != chosen:
        remarks.append(
            f"The default of the command line when this page was rendered, {rate_name(DEFAULT_LR)}, loses "
            f"{section.shown(grid.regrets[now])}{section.unit} on average, at worst {section.shown(grid.worst[now])}."
        )
    edges = [(grid.archs[a], r) for a, r in enumerate(grid.best) if _open_edge(section, r)]
    remarks += [
        f"⚠ `{arch}` is best at {names[r]}, an edge of the grid: beyond it may be a better one." for arch, r in edges
    ]
    if _open_edge(section, chosen):
        remarks.append(f"⚠ The choice, {names[chosen]}, is an edge of the grid: the grid must be widened.")
    return remarks


def _open_edge(section: Section, setting: int) -> bool:
    """Whether there might be better settings beyond this one; no warm-up is shorter than none."""
    return section.grid.is_edge(setting) and section.names[setting] != warm_up_name(0.0)
