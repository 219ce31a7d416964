"""What the factors of a grid are worth, and how much of the variance goes with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
from patsy import dmatrix

from tests.audit.computing.grids import Grid, complete, grid
from tests.audit.computing.own_statistics import Sample, holm, p_value, sample
from tests.audit.facts import TASKS, Facts
from tests.audit.shown import number, signed


@dataclass(frozen=True)
class Effect:
    """A step of a factor, or an interaction, in shown units."""

    factors: tuple[str, ...]
    """One, or the two that interact."""

    steps: tuple[tuple[str, str], ...]
    """From and to which level of each."""

    sample: Sample
    p: float
    cells: int
    margin: float
    digits: int
    unit: str
    p_holm: float = np.nan
    level: str = ""
    """Of the other factor, if it is the step within one."""

    @property
    def name(self) -> str:
        """As sentences have it: of an interaction without its levels."""
        return " × ".join(self.factors) if len(self.factors) > 1 else f"{self.factors[0]} {self.arrow}"

    @property
    def arrow(self) -> str:
        return "→".join(self.steps[0])

    @property
    def row(self) -> str:
        """As tables have it."""
        return " × ".join(f"{name} {a} → {b}" for name, (a, b) in zip(self.factors, self.steps, strict=True))

    @property
    def ends(self) -> tuple[float, float]:
        return self.sample.interval()

    @property
    def verdict(self) -> str:
        if -self.margin <= self.ends[0] and self.ends[1] <= self.margin:
            return "negligible"
        return "resolved" if self.p_holm < 0.05 else "unresolved"

    @property
    def amount(self) -> str:
        """Return such as "+2.1 nats [1.6, 2.7]"."""
        text = signed(self.sample.mean, self.digits)
        text = text[1:] if not text.strip("+0.") else text
        return f"{text} {self.unit} [{', '.join(number(end, self.digits) for end in self.ends)}]"

    @property
    def corrected(self) -> str:
        return ", corrected for the number of effects" if self.ends[0] > 0 or self.ends[1] < 0 else ""

    @property
    def claim(self) -> str:
        """Return what is said of a step."""
        return {
            "negligible": f"does not matter: {self.amount}, inside ±{self.margin}",
            "resolved": f"is worth {self.amount}",
            "unresolved": f"is not resolved with {self.sample.n} seeds{self.corrected}: {self.amount}",
        }[self.verdict]


def over_cells(effects: Sequence[Effect]) -> str:
    """Return in parentheses over how many cells effects are means."""
    counts = sorted({effect.cells for effect in effects})
    if counts[-1] == 1:
        return ""
    each = "each a mean" if len(effects) > 1 else "a mean"
    return f" ({each} over {' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} matched cells)"


@cache
def effects(facts: Facts, task: str, section: str = "") -> list[Effect]:
    """Return the effects of single factors that can be estimated, and then the interactions."""
    own = grid(facts, task, section)
    main = [
        _effect(own, task, (name,), (step,), own.differences(name, step))
        for name in own.levels
        for step in own.steps(name)
    ]
    both = [
        _effect(own, task, (a, b), (one, other), own.blocks(a, one, b, other))
        for a, b in combinations(own.levels, 2)
        for one in own.steps(a)
        for other in own.steps(b)
    ]
    return [*_adjusted(main), *_adjusted(both)]


def _effect(
    own: Grid, task: str, names: tuple[str, ...], steps: tuple[tuple[str, str], ...], rows: list[np.ndarray]
) -> Effect:
    table, known = complete(rows), TASKS[task]
    values = table.mean(axis=0) if len(table) else np.empty(0)
    found = sample(values, own.size)
    p = p_value(values, found)
    return Effect(names, steps, found, p, len(table), known.margin, known.digits, known.unit_of_difference)


def _adjusted(found: list[Effect]) -> list[Effect]:
    """Return those that can be estimated, with Holm's adjusted p over them."""
    found = [effect for effect in found if effect.cells]
    adjusted, _ = holm([effect.p for effect in found])
    return [replace(effect, p_holm=p) for effect, p in zip(found, adjusted, strict=True)]


def main_effects(facts: Facts, task: str, section: str = "") -> list[Effect]:
    return [effect for effect in effects(facts, task, section) if len(effect.factors) == 1]


def interactions(facts: Facts, task: str, section: str = "") -> list[Effect]:
    return [effect for effect in effects(facts, task, section) if len(effect.factors) == 2]


@cache
def within(facts: Facts, task: str, section: str, a: str, b: str) -> tuple[str, str, list[Effect]]:
    """Return the step of the factor that explains less, where two interact most; the other one; and by its levels what
    the step is worth.
    """
    own, parts = grid(facts, task, section), shares(facts, task, section)
    found = [each for each in interactions(facts, task, section) if each.factors == (a, b)]
    most = max((each for each in found if each.verdict == "resolved"), key=lambda each: abs(each.sample.mean))
    subject, by = (0, 1) if parts[a] <= parts[b] else (1, 0)
    name, other, wanted = (a, b)[subject], (a, b)[by], most.steps[subject]
    rows = [
        replace(_effect(own, task, (name,), (step,), own.differences(name, step, **{other: level})), level=level)
        for step in own.steps(name)
        for level in own.levels[other]
    ]
    kept = [effect for effect in _adjusted(rows) if effect.steps == (wanted,)]
    return kept[0].name, other, kept


def headline(facts: Facts, task: str) -> str:
    """Return the sentence on the largest effects, without its beginning."""
    main = sorted(main_effects(facts, task), key=lambda effect: -abs(effect.sample.mean))
    worth = [effect for effect in main if effect.verdict == "resolved"]
    if not worth and all(effect.verdict == "negligible" for effect in main):
        return f"no step of a factor matters: the effect of each is inside ±{main[0].margin} {main[0].unit}."
    if not worth:
        return f"no effect of a factor is resolved{main[0].corrected}; the largest is {main[0].name}, {main[0].amount}."
    parts = [f"{worth[0].name} is worth {worth[0].amount}", *(f"{one.name} {one.amount}" for one in worth[1:])]
    return f"{', '.join(parts)}{over_cells(worth)}."


@cache
def shares(facts: Facts, task: str, section: str = "") -> dict[str, float]:
    """Return term → its share of the sum of squares over all runs, of type II: factors, pairs, then what is left."""
    own = grid(facts, task, section)
    names = list(own.levels)
    rows = [
        (*cell, seed, float(value))
        for cell, values in own.values.items()
        for seed, value in enumerate(values)
        if np.isfinite(value)
    ]
    frame = pd.DataFrame(rows, columns=[*(f"f{i}" for i in range(len(names))), "seed", "y"])
    frame["cell"] = ["-".join(row[: len(names)]) for row in rows]
    ways = [(i,) for i in range(len(names))] + list(combinations(range(len(names)), 2))
    terms = {each: ":".join(f"C(f{i})" for i in each) for each in ways} | {(): "C(seed)"}

    def left(chosen: Iterable[str]) -> float:
        design, y = np.asarray(dmatrix(" + ".join(["1", *chosen]), frame)), frame["y"].to_numpy()
        return float(((y - design @ np.linalg.pinv(design) @ y) ** 2).sum())

    def adds(each: tuple[int, ...]) -> float:
        """What a term adds to all that do not contain it."""
        others = [term for other, term in terms.items() if not (each and set(each) <= set(other)) and other != each]
        return left(others) - left([*others, terms[each]])

    parts = {" × ".join(names[i] for i in each): adds(each) for each in ways} | {"seed": adds(())}
    residual = left(["C(cell)", "C(seed)"])
    parts |= {"higher interactions": left(terms.values()) - residual, "residual": residual}
    total = ((frame["y"] - frame["y"].mean()) ** 2).sum()
    parts["shared (unbalanced)"] = total - sum(parts.values())
    return {name: float(part / total) for name, part in parts.items()}
