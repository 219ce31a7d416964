"""What the two factors of a crossing are worth, and how much of the variance goes with them: grids of 2 × 2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tests.audit.computing.own_statistics import Sample, holm, p_value, sample
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.shown import number, signed


@dataclass(frozen=True)
class Effect:
    """A step of a factor, or an interaction, in shown units."""

    name: str
    sample: Sample
    p_holm: float
    cells: int
    margin: float
    digits: int
    unit: str

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


@cache
def cube(facts: Facts, task: str) -> tuple[np.ndarray, list[tuple[str, str, str]]]:
    """Return values [encoders, decoders, seeds] and (factor, from, to) of each factor."""
    factors = facts.manifest["factors"]
    archs = [arch for arch in facts.manifest["archs"] if arch in factors and arch in set(facts.of(task)["arch"])]
    levels = {name: list(dict.fromkeys(factors[arch][name] for arch in archs)) for name in ("encoder", "decoder")}
    if [len(own) for own in levels.values()] != [2, 2] or len(archs) != 4 or task == "classifier":
        raise Wrong("no crossing of two with two")
    values = facts.values(task)
    if facts.anytime:  # the cells that were settled early have no later seeds
        values = values[archs].dropna()
    cell = {(factors[arch]["encoder"], factors[arch]["decoder"]): values[arch].to_numpy() for arch in archs}
    table = np.array([[cell[e, d] for d in levels["decoder"]] for e in levels["encoder"]])
    return table, [(name, own[0], own[1]) for name, own in levels.items()]


@cache
def effects(facts: Facts, task: str) -> list[Effect]:
    """Return the effect of the encoder, of the decoder, and their interaction."""
    y, steps = cube(facts, task)
    main = [(y[1] - y[0]).mean(0), (y[:, 1] - y[:, 0]).mean(0)]
    both = (y[1, 1] - y[0, 1]) - (y[1, 0] - y[0, 0])
    samples = [sample(values, np.abs(y).max()) for values in (*main, both)]
    p = [p_value(values, own) for values, own in zip((*main, both), samples, strict=True)]
    adjusted = [*holm(p[:2])[0], *holm(p[2:])[0]]
    names = [f"{name} {a}→{b}" for name, a, b in steps]
    names.append(f"{steps[0][0]} × {steps[1][0]}")
    own = TASKS[task]
    rows = zip(names, samples, adjusted, (2, 2, 1), strict=True)
    return [Effect(*row, own.margin, own.digits, own.unit_of_difference) for row in rows]


def within(facts: Facts, task: str) -> tuple[str, str, dict[str, Effect]]:
    """Return the step of the factor that explains less, the other factor, and its levels → what the step is worth."""
    y, steps = cube(facts, task)
    parts = shares(facts, task)
    subject, by = (0, 1) if parts[steps[0][0]] <= parts[steps[1][0]] else (1, 0)
    values = [(y[1, i] - y[0, i]) if subject == 0 else (y[i, 1] - y[i, 0]) for i in (0, 1)]
    samples = [sample(each, np.abs(y).max()) for each in values]
    adjusted, _ = holm([p_value(each, own) for each, own in zip(values, samples, strict=True)])
    like = effects(facts, task)[subject]
    found = [replace(like, sample=own, p_holm=p, cells=1) for own, p in zip(samples, adjusted, strict=True)]
    return like.name, steps[by][0], dict(zip(steps[by][1:], found, strict=True))


def headline(facts: Facts, task: str) -> str:
    """Return the sentence on the largest effects, without its beginning."""
    main = sorted(effects(facts, task)[:2], key=lambda effect: -abs(effect.sample.mean))
    worth = [effect for effect in main if effect.verdict == "resolved"]
    if not worth and all(effect.verdict == "negligible" for effect in main):
        return f"no step of a factor matters: the effect of each is inside ±{main[0].margin} {main[0].unit}."
    if not worth:
        return f"no effect of a factor is resolved{main[0].corrected}; the largest is {main[0].name}, {main[0].amount}."
    parts = [f"{worth[0].name} is worth {worth[0].amount}", *(f"{one.name} {one.amount}" for one in worth[1:])]
    return f"{', '.join(parts)} ({'each ' if len(worth) > 1 else ''}a mean over 2 matched cells)."


@cache
def shares(facts: Facts, task: str) -> dict[str, float]:
    """Return term → its share of the sum of squares over all runs."""
    y, steps = cube(facts, task)
    centred = y - y.mean()
    parts = {
        steps[0][0]: y[0].size * (centred.mean((1, 2)) ** 2).sum(),
        steps[1][0]: y[0].size * (centred.mean((0, 2)) ** 2).sum(),
        "seed": 4 * (centred.mean((0, 1)) ** 2).sum(),
    }
    cells = y.shape[2] * (centred.mean(2) ** 2).sum()
    parts[f"{steps[0][0]} × {steps[1][0]}"] = cells - parts[steps[0][0]] - parts[steps[1][0]]
    total = (centred**2).sum()
    parts["residual"] = total - cells - parts["seed"]
    return {name: float(part / total) for name, part in parts.items()}
