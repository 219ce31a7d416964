"""What the models draw: reconstructions, samples, labels on request, paths between digits, a two-dimensional code."""

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
from reports.wording.words import listed, plural, shorten

SHEETS = 4  # architectures of which whole sheets are shown: the best ones
SAMPLES = 10  # of the stored prior samples, in a row


def blocks(context: Context) -> Iterator[Block]:
    """All pictures are of one seed, the same for every architecture where there is one that all finished."""
    chosen = {task: chosen_records(context.experiment, task) for task in context.experiment.tasks}
    found = {task: drawn(records) for task, records in chosen.items()}
    found = {task: arrays for task, arrays in found.items() if arrays}
    if not found:
        return
    order = context.experiment.order
    yield Heading("What the models reconstruct")
    panels = {
        context.experiment.label(task): pictures.Rows(
            {arch: own["reconstructions"] for arch, own in arrays.items()},
            next(iter(arrays.values()))["originals"],
            "test images",
        )
        for task, arrays in found.items()
    }
    many = plural(max(len(rows.found) for rows in panels.values()), "architecture")
    yield context.album.block(
        "reconstructions",
        f"The same test images as {many} reconstruct them, originals on top",
        pictures.draw,
        panels,
        order,
    )
    seeds = {task: {arch: int(chosen[task][arch].spec["seed"]) for arch in arrays} for task, arrays in found.items()}
    yield Text(
        f"The same ten test images for every architecture, originals on top; {of_seeds(seeds, context.experiment.label)}. Every picture shows "
        "p(x|z)'s mean, at the posterior mean of z."
    )
    yield from _samples(context, found)
    yield from _latent(context, found)


def chosen_records(experiment: Experiment, task: str) -> dict[str, Record]:
    """arch → the run whose pictures are shown, in the order of results.

    It is of the lowest seed that every architecture with a result finished; if there is none, of each one's own lowest.
    """
    runs: dict[str, dict[int, Record]] = {}
    for record in experiment.finished:
        if record.spec["task"] == task:
            runs.setdefault(record.spec["arch"], {})[record.spec["seed"]] = record
    of_all = set.intersection(*map(set, runs.values())) if runs else set()
    return {arch: runs[arch][min(of_all or runs[arch])] for arch in experiment.order if arch in runs}


def drawn(records: dict[str, Record]) -> dict[str, dict[str, np.ndarray]]:
    """arch → the pictures in its record; those that have none are left out."""
    found = {arch: record.arrays() for arch, record in records.items()}
    return {arch: arrays for arch, arrays in found.items() if {"originals", "reconstructions"} <= arrays.keys()}


def of_seeds(seeds: dict[str, dict[str, int]], label: Callable[[str], str]) -> str:
    """From task → arch → seed, whose models are shown, and names of tasks: "models of seed 0, but cnn3 of seed 2 (VAE); …"."""
    used = {seed for own in seeds.values() for seed in own.values()}
    if len(used) == 1:
        return f"models of seed {md(min(used))}"
    parts = []
    for task, own in seeds.items():
        most, _ = Counter(own.values()).most_common(1)[0]
        others = [f"{md(arch)} of seed {seed}" for arch, seed in own.items() if seed != most]
        but = f", but {listed(others, len(others))}" if others else ""
        parts.append(f"of seed {most}{but} ({md(label(task))})")
    return f"models {'; '.join(parts)}"


def _samples(context: Context, found: dict[str, dict[str, dict[str, np.ndarray]]]) -> Iterator[Block]:
    order = context.experiment.order
    prior = {
        context.experiment.label(task): pictures.Rows(
            {arch: own["prior"][:SAMPLES] for arch, own in arrays.items() if "prior" in own}
        )
        for task, arrays in found.items()
    }
    prior = {title: rows for title, rows in prior.items() if rows.found}
    paths = _sheets(found, "interpolations")
    if not prior and not paths:
        return
    yield Heading("What they draw by themselves")
    if prior:
        yield context.album.block("samples", "Samples from the prior, the same z for all", pictures.draw, prior, order)
        yield Text("Samples: z from the prior, the same for every architecture down a column.")
    for task, arrays in found.items():
        grids = {shorten(arch, 24): own["grid"] for arch, own in list(arrays.items())[:SHEETS] if "grid" in own}
        if grids:
            alt = f"{context.experiment.label(task)}: a row per label, the same z down a column"
            labels = [str(label) for label in range(10)]
            yield context.album.block(f"grid_{task}", alt, pictures.sheets, grids, labels)
            yield Text(
                f"{md(context.experiment.label(task))}: a row per label, one z per column. "
                "A column should show one handwriting, a row one digit."
            )
    if paths:
        task, sheets = paths
        alt = "Straight lines in z between pairs of test images"
        yield context.album.block("interpolations", alt, pictures.sheets, sheets)
        yield Text(
            f"Straight lines in z between the posterior means of two test images ({md(context.experiment.label(task))})."
        )


def _sheets(found: dict[str, dict[str, dict[str, np.ndarray]]], name: str) -> tuple[str, dict[str, np.ndarray]] | None:
    """The first task that has such pictures, and the best architectures' sheets."""
    for task, arrays in found.items():
        sheets = {shorten(arch, 24): own[name] for arch, own in list(arrays.items())[:SHEETS] if name in own}
        if sheets:
            return task, sheets
    return None


def _latent(context: Context, found: dict[str, dict[str, dict[str, np.ndarray]]]) -> Iterator[Block]:
    said = False
    for task, arrays in found.items():
        panels = {
            arch: (own["latent"], own["labels"], own.get("manifold"))
            for arch, own in list(arrays.items())[:SHEETS]
            if "latent" in own
        }
        if not panels:
            continue
        if not said:
            yield Heading("The latent plane")
            said = True
        yield context.album.block(
            f"latent_{task}", f"{context.experiment.label(task)}: the two-dimensional latent space", latent.draw, panels
        )
        if any(manifold is not None for *_, manifold in panels.values()):
            more = (
                " Beside it the decoder's images on a grid of Gaussian quantiles, so that each image stands for an equal share "
                "of the prior."
            )
        else:
            more = " The label is given, so the code need not tell classes apart: the clouds should lie on each other."
        yield Text(
            f"{md(context.experiment.label(task))}: every test image at its posterior mean, coloured by its class.{more}"
        )
