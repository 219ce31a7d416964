"""Show what the models draw: reconstructions, samples, digits on request, paths between digits, the latent plane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from bench.store.store import Record
from reports.figures import latent, pictures
from reports.findings.experiment import Experiment
from reports.markup.blocks import Block, Heading, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.formatting import natural_list, plural

MOST_SHEETS = 4
"""Architectures of which whole sheets of images are shown: the first ones of `Experiment.order`."""
SAMPLES_SHOWN = 10
"""Images in a row; a record holds more samples."""
Arrays = dict[str, np.ndarray]
"""Name in a record → pictures, or what they are drawn from."""


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section, with pictures of one seed where there is one that every architecture finished."""
    chosen = {task: chosen_records(context.experiment, task) for task in context.experiment.tasks}
    found = {task: pictures_of(records) for task, records in chosen.items()}
    found = {task: arrays for task, arrays in found.items() if arrays}
    if not found:
        return
    order = context.experiment.order
    yield Heading("What the models reconstruct")
    panels = {
        context.experiment.label(task): pictures.ImageRows(
            by_arch={arch: own["reconstructions"] for arch, own in arrays.items()},
            top=next(iter(arrays.values()))["originals"],
            top_label="test images",
        )
        for task, arrays in found.items()
    }
    many = plural(max(len(rows.by_arch) for rows in panels.values()), "architecture")
    yield context.figures.write(
        "reconstructions",
        f"The same test images as {many} reconstruct them, originals on top",
        pictures.draw,
        panels,
        order,
    )
    seeds = {task: {arch: int(chosen[task][arch].spec["seed"]) for arch in arrays} for task, arrays in found.items()}
    yield Text(
        "On top the first test image of each class, as every model is scored on it; "
        f"{models_of_seeds(seeds, context.experiment.label)}. What a model draws, here and below, is the mean of "
        "p(x|z) and no sample of pixels; here z is the posterior mean."
    )
    yield from _samples(context, found)
    yield from _latent(context, found)


def chosen_records(experiment: Experiment, task: str) -> dict[str, Record]:
    """Return architecture → the run whose pictures are shown, in the order of results.

    It is of the lowest seed that every architecture with a result finished; if there is none, of each one's own lowest.
    """
    runs: dict[str, dict[int, Record]] = {}
    for record in experiment.finished:
        if record.spec["task"] == task:
            runs.setdefault(record.spec["arch"], {})[record.spec["seed"]] = record
    seeds_of_all = set.intersection(*map(set, runs.values())) if runs else set()
    return {arch: runs[arch][min(seeds_of_all or runs[arch])] for arch in experiment.order if arch in runs}


def pictures_of(records: dict[str, Record]) -> dict[str, Arrays]:
    """Return architecture → the arrays of its record; those without pictures are left out."""
    found = {arch: record.arrays() for arch, record in records.items()}
    return {arch: arrays for arch, arrays in found.items() if {"originals", "reconstructions"} <= arrays.keys()}


def models_of_seeds(seeds: dict[str, dict[str, int]], label: Callable[[str], str]) -> str:
    """Say of which seeds the pictures are, such as "models of seed 0, but cnn3 of seed 2 (VAE)".

    Args:
        seeds: task → architecture → seed.
        label: from a task to its name on the page.
    """
    used = {seed for own in seeds.values() for seed in own.values()}
    if len(used) == 1:
        return f"models of seed {md(min(used))}"
    parts = []
    for task, own in seeds.items():
        most, _ = Counter(own.values()).most_common(1)[0]
        others = [f"{md(arch)} of seed {seed}" for arch, seed in own.items() if seed != most]
        but = f", but {natural_list(others, len(others))}" if others else ""
        parts.append(f"of seed {most}{but} ({md(label(task))})")
    return f"models {'; '.join(parts)}"


def _samples(context: Context, found: dict[str, dict[str, Arrays]]) -> Iterator[Block]:
    """Yield what the models draw without a test image: samples, digits on request, paths between digits."""
    order = context.experiment.order
    prior = {
        context.experiment.label(task): pictures.ImageRows(
            by_arch={arch: own["prior"][:SAMPLES_SHOWN] for arch, own in arrays.items() if "prior" in own}
        )
        for task, arrays in found.items()
    }
    prior = {title: rows for title, rows in prior.items() if rows.by_arch}
    paths = _sheets(found, "interpolations")
    if not prior and not paths:
        return
    yield Heading("What they draw by themselves")
    if prior:
        yield context.figures.write(
            "samples", "Samples from the prior, the same z for all", pictures.draw, prior, order
        )
        yield Text("Samples: z from the prior, the same for every architecture down a column.")
    for task, arrays in found.items():
        grids = {arch: own["grid"] for arch, own in list(arrays.items())[:MOST_SHEETS] if "grid" in own}
        if grids:
            alt = f"{context.experiment.label(task)}: a row per label, the same z down a column"
            labels = [str(label) for label in range(10)]
            yield context.figures.write(f"grid_{task}", alt, pictures.sheets, grids, labels)
            yield Text(
                f"{md(context.experiment.label(task))}: a row per label, one z per column. If the label says which "
                "digit it is, and z how it is written, a row is one digit and a column one handwriting."
                f"{_shown(arrays, 'grid')}"
            )
    if paths:
        task, sheets = paths
        alt = "Straight lines in z between the posterior means of pairs of test images"
        yield context.figures.write("interpolations", alt, pictures.sheets, sheets)
        label, shown = md(context.experiment.label(task)), _shown(found[task], "interpolations")
        given = "; the label changes halfway" if "grid" in next(iter(found[task].values())) else ""
        yield Text(f"Straight lines in z between the posterior means of two test images ({label}){given}.{shown}")


def _shown(arrays: dict[str, Arrays], name: str) -> str:
    """Say that the pictures of that name are of some architectures only, if so; else an empty text."""
    known = sum(name in own for own in arrays.values())
    return f" Shown are {MOST_SHEETS} of {known} architectures." if known > MOST_SHEETS else ""


def _sheets(found: dict[str, dict[str, Arrays]], name: str) -> tuple[str, Arrays] | None:
    """Return the first task that has an array of that name, and the first architectures' sheets of it."""
    for task, arrays in found.items():
        sheets = {arch: own[name] for arch, own in list(arrays.items())[:MOST_SHEETS] if name in own}
        if sheets:
            return task, sheets
    return None


def _latent(context: Context, found: dict[str, dict[str, Arrays]]) -> Iterator[Block]:
    """Yield the latent plane of each task whose code has two dimensions."""
    has_heading = False
    for task, arrays in found.items():
        panels = {
            arch: latent.LatentPlane(own["latent"], own["labels"], own.get("manifold"))
            for arch, own in list(arrays.items())[:MOST_SHEETS]
            if "latent" in own
        }
        if not panels:
            continue
        if not has_heading:
            yield Heading("The latent plane")
            has_heading = True
        yield context.figures.write(
            f"latent_{task}", f"{context.experiment.label(task)}: the two-dimensional latent space", latent.draw, panels
        )
        if any(plane.manifold is not None for plane in panels.values()):
            more = (
                " Beside it what the decoder draws on a grid of Gaussian quantiles, so that each image stands for an "
                "equal share of the prior: its axes are not those of the points."
            )
        elif context.experiment.declared.tasks[task].naming_cost:
            more = (
                " The label is given, so the code need not tell classes apart: a code that does not has its clouds on "
                "each other."
            )
        else:
            more = ""
        label = md(context.experiment.label(task))
        yield Text(
            f"{label}: the test images, each at its posterior mean and coloured by its class; up to one in 500 may lie "
            f"outside.{more}{_shown(arrays, 'latent')}"
        )
