"""Grids of runs, of any size and with holes: cells that differ in one setting alone are set against each other.

Of a page's own runs, or of those of a race's first round.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from tests.audit.facts import TASKS, Facts, Wrong

OF_RACE = "The race: what each factor is worth"
"""The section that is of a race's first round."""

Cell = tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """Values by cell and seed, in shown units."""

    levels: dict[str, list[str]]
    """Factor → its levels, in order."""

    values: dict[Cell, np.ndarray]
    """Levels of a cell → its value for each seed, NaN where there is none."""

    @property
    def size(self) -> float:
        return max(float(np.nanmax(np.abs(own))) for own in self.values.values())

    @property
    def runs(self) -> int:
        return sum(int(np.isfinite(own).sum()) for own in self.values.values())

    def steps(self, factor: str) -> list[tuple[str, str]]:
        """Return each level with the next one."""
        own = self.levels[factor]
        return [(own[i], own[i + 1]) for i in range(len(own) - 1)]

    def differences(self, factor: str, step: tuple[str, str], **held: str) -> list[np.ndarray]:
        """Return by seed what a step changes, for each pair of cells that differ in it alone."""
        return [after - before for before, after in self._pairs(factor, step, held)]

    def _pairs(
        self, factor: str, step: tuple[str, str], held: dict[str, str]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for cell, own in self.values.items():
            named = dict(zip(self.levels, cell, strict=True))
            other = tuple(step[1] if name == factor else level for name, level in named.items())
            if named[factor] == step[0] and other in self.values and held.items() <= named.items():
                yield own, self.values[other]

    def blocks(self, a: str, of_a: tuple[str, str], b: str, of_b: tuple[str, str]) -> list[np.ndarray]:
        """Return by seed how much more a step of b is worth after one of a, for each block of four cells."""
        found = []
        for cell in self.values:
            named = dict(zip(self.levels, cell, strict=True))
            if (named[a], named[b]) != (of_a[0], of_b[0]):
                continue
            changed = [{}, {a: of_a[1]}, {b: of_b[1]}, {a: of_a[1], b: of_b[1]}]
            four = [tuple({**named, **change}.values()) for change in changed]
            if all(corner in self.values for corner in four):
                neither, first, second, both = (self.values[corner] for corner in four)
                found.append(both - first - second + neither)
        return found


def complete(rows: list[np.ndarray]) -> np.ndarray:
    """Return the part without a hole of differences [cells, seeds]: whoever lacks most of its own goes, cells first."""
    table = np.array(rows)
    if not len(rows):
        return table.reshape(0, 0)
    there = np.isfinite(table)
    table = table[there.any(axis=1)][:, there.any(axis=0)]
    while np.isnan(table).any():
        of_cell, of_seed = np.isnan(table).mean(axis=1), np.isnan(table).mean(axis=0)
        if of_cell.max() >= of_seed.max():
            table = np.delete(table, of_cell.argmax(), axis=0)
        else:
            table = np.delete(table, of_seed.argmax(), axis=1)
    return table


@cache
def grid(facts: Facts, task: str, section: str = "") -> Grid:
    """Return the grid that a section is about."""
    if section == OF_RACE:
        by_arch, factors = first_round(facts), facts.manifest["race"]["factors"]
        by_arch = {arch: own for arch, own in by_arch.items() if arch in factors}
    else:
        if task == "classifier":
            raise Wrong("of the two factors of a crossing a classifier has one")
        factors, table = facts.manifest["factors"], facts.values(task)
        archs = [arch for arch in facts.manifest["archs"] if arch in factors and arch in table]
        if facts.anytime:  # the cells that were settled early have no later seeds
            table = table[archs].dropna()
        by_arch = {arch: table[arch].to_numpy() for arch in archs}
    by_arch = {arch: own for arch, own in by_arch.items() if np.isfinite(own).any()}
    levels = {name: in_order([factors[arch][name] for arch in by_arch]) for name in next(iter(factors.values()))}
    levels = {name: own for name, own in levels.items() if len(own) > 1}
    values = {tuple(factors[arch][name] for name in levels): own for arch, own in by_arch.items()}
    if not levels or len(values) < len(by_arch):
        raise Wrong("no grid")
    return Grid(levels, values)


def in_order(levels: list[str]) -> list[str]:
    """Return levels once each: numbers by their size, others as they come."""
    found = list(dict.fromkeys(levels))
    return sorted(found, key=float) if all(level.replace(".", "", 1).isdigit() for level in found) else found


@cache
def first_round(facts: Facts) -> dict[str, np.ndarray]:
    """Return architecture → its test score at each seed of the first round; NaN of a failed run."""
    if "race" not in facts.manifest:
        raise Wrong("there was no race")
    rule = facts.manifest["race"]
    task, seeds = TASKS[rule["task"]], min(rule["first_seeds"], rule["max_seeds"])
    found = {arch: np.full(seeds, math.nan) for arch in rule["archs"]}
    met = set()
    for record in map(facts.record, rule["run_ids"]):
        arch, seed = record["spec"]["arch"], record["spec"]["seed"]
        met.add((arch, seed))
        if seed < seeds and record["status"] == "finished":
            found[arch][seed] = record["metrics"][task.metric] * task.scale
    if any((arch, seed) not in met for arch in found for seed in range(seeds)):
        raise Wrong("the first round is not over")
    return found
