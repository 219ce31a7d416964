"""What the models draw: reconstructions, samples, labels on request, paths between digits, a two-dimensional code."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.store.store import Record
from reports.figures import latent, pictures
from reports.findings.experiment import Experiment
from reports.markup.blocks import Block, Heading, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.phrases import shown_task
from reports.wording.words import plural, shorten

SHEETS = 4  # architectures of which whole sheets are shown: the best ones
SAMPLES = 10  # of the stored prior samples, in a row


def blocks(context: Context) -> Iterator[Block]:
    """All pictures are of the first seed that has them, the same for every architecture."""
    found = {task: drawn(context.experiment, task) for task in context.experiment.tasks}
    found = {task: arrays for task, arrays in found.items() if arrays}
    if not found:
        return
    order = context.experiment.order
    yield Heading("What the models reconstruct")
    panels = {
        shown_task(task): pictures.Rows(
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
    seed = min(record.spec["seed"] for record in context.experiment.finished)
    yield Text(
        f"The same ten test images for every architecture, originals on top; models of seed {md(seed)}. Every picture shows "
        "p(x|z)'s mean, at the posterior mean of z."
    )
    yield from _samples(context, found)
    yield from _latent(context, found)


def drawn(experiment: Experiment, task: str) -> dict[str, dict[str, np.ndarray]]:
    """arch → the pictures of its lowest finished seed, in the order of results."""
    first: dict[str, Record] = {}
    for record in sorted(experiment.finished, key=lambda record: record.spec["seed"]):
        if record.spec["task"] == task:
            first.setdefault(record.spec["arch"], record)
    found = {arch: first[arch].arrays() for arch in experiment.order if arch in first}
    return {arch: arrays for arch, arrays in found.items() if {"originals", "reconstructions"} <= arrays.keys()}


def _samples(context: Context, found: dict[str, dict[str, dict[str, np.ndarray]]]) -> Iterator[Block]:
    order = context.experiment.order
    prior = {
        shown_task(task): pictures.Rows(
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
            alt = f"{shown_task(task)}: a row per label, the same z down a column"
            labels = [str(label) for label in range(10)]
            yield context.album.block(f"grid_{task}", alt, pictures.sheets, grids, labels)
            yield Text(
                f"{md(shown_task(task))}: a row per label, one z per column. A column should show one handwriting, a row one digit."
            )
    if paths:
        task, sheets = paths
        alt = "Straight lines in z between pairs of test images"
        yield context.album.block("interpolations", alt, pictures.sheets, sheets)
        yield Text(f"Straight lines in z between the posterior means of two test images ({md(shown_task(task))}).")


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
            f"latent_{task}", f"{shown_task(task)}: the two-dimensional latent space", latent.draw, panels
        )
        if any(manifold is not None for *_, manifold in panels.values()):
            more = (
                " Beside it the decoder's images on a grid of Gaussian quantiles, so that each image stands for an equal share "
                "of the prior."
            )
        else:
            more = " The label is given, so the code need not tell classes apart: the clouds should lie on each other."
        yield Text(f"{md(shown_task(task))}: every test image at its posterior mean, coloured by its class.{more}")
