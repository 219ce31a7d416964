"""Show the speeds that `--throughput` measured after training: every round, a table per task, and the conditions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bench.spec.metrics import Metric
from bench.statistics.bootstrap import median_interval
from reports.figures import seeds
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.reading.speeds import MeasuredSpeeds
from reports.sections.context import Context
from reports.wording.counts import about_missing_flops
from reports.wording.formatting import NO_VALUE, natural_list, number, plural, ratio, significant
from reports.wording.speeds import DISTURBED, MEASURED_BUSY, about_sessions

WORKS = {"train": "training step", "inference": "inference", "sampling": "sampling"}
"""Kind of work in throughput.json → its name on the page."""
SPEED = Metric("images_per_s", "speed", "images/s", True, "images per second", digits=0)
MOST_OPEN = 12
"""Architectures up to which the tables are open; those of more are folded."""


def blocks(context: Context, measured: MeasuredSpeeds) -> Iterator[Block]:
    """Yield the section."""
    shown = [arch for arch in context.experiment.order if arch in set(measured.speeds["arch"])]
    yield Heading("Speed")
    works = [work for work in WORKS if (measured.speeds["work"] == work).any()]
    rows = [[_panel(context, measured, task, work) for work in works] for task in measured.tasks]
    alt = "Images per second, every round, median and its 95 % interval"
    yield context.figures.write("throughput", alt, seeds.draw_rows, rows, shown, context.colours)
    notes: list[str] = []
    tables: list[Heading | Text | Table] = []
    for task in measured.tasks:
        table, same = _table(context, measured, task, shown)
        tables += [Text(f"**{md(context.experiment.label(task))}**"), table] if len(measured.tasks) > 1 else [table]
        if same:
            label = md(context.experiment.label(task))
            notes.append(f"{label}, the same for all: {'; '.join(md(text) for text in same)}.")
    yield Text(" ".join([*_method(context, measured), *notes]))
    yield from _machine(measured)
    if len(shown) <= MOST_OPEN:
        yield from tables
    else:
        yield Details(f"Speed of {len(shown)} architectures", tables)
    if measured.speeds["disturbed"].any():
        yield Text(MEASURED_BUSY)


def _of_several_numbers(context: Context, measured: MeasuredSpeeds) -> list[str]:
    """Return the labels of the tasks that were run with several numbers of labelled images, and timed with one."""
    tasks = dict.fromkeys(task for task, _ in context.experiment.numbers_of_labels.values())
    return [md(context.experiment.label(task)) for task in tasks if task in measured.tasks]


def _panel(context: Context, measured: MeasuredSpeeds, task: str, work: str) -> seeds.Panel | None:
    """Return every round of one task and kind of work with medians; None if that was not measured."""
    rounds = measured.rounds[(measured.rounds["task"] == task) & (measured.rounds["work"] == work)]
    if rounds.empty:
        return None
    rows = []
    for arch, group in rounds.groupby("arch", sort=False):
        each = [median_interval(own["images_per_s"].tolist()) for _, own in group.groupby("session")]
        low, high = min(low for low, _ in each), max(high for _, high in each)
        rows.append([arch, group["images_per_s"].median(), low, high])
    summary = pd.DataFrame(rows, columns=["arch", "mean", "low", "high"])
    title = f"{context.experiment.label(task)}: {WORKS[work]}"
    return seeds.Panel(
        title=title,
        label="images/s ↑",
        metric=SPEED,
        runs=rounds.rename(columns={"round": "seed"}),  # a dot per round, as elsewhere per seed
        summary=summary,
        from_zero=True,
    )


def _table(context: Context, measured: MeasuredSpeeds, task: str, shown: list[str]) -> tuple[Table, list[str]]:
    """Return the table of one task, and what it leaves out because it is the same for every row."""
    frames = {work: measured.of(task, work) for work in WORKS}
    train = frames["train"]
    order = [arch for arch in shown if arch in train.index]
    columns = {"architecture": order}
    for work, frame in frames.items():
        if len(frame):
            columns[f"{WORKS[work]} ↑ (images/s)"] = [
                _speed(frame.loc[arch]) if arch in frame.index else NO_VALUE for arch in order
            ]
    columns["peak memory (MB)"] = [significant(train.loc[arch, "peak_bytes"] / 1e6) for arch in order]
    columns["MFLOPs per image"] = [significant(train.loc[arch, "flops_per_image"] / 1e6) for arch in order]
    columns["MFU (%)"] = [significant(100 * train.loc[arch, "mfu"], 2) for arch in order]
    columns["energy (mJ per image)"] = [
        _marked(significant(1000 * train.loc[arch, "joules_per_image"]), train.loc[arch]) for arch in order
    ]
    same = []
    for header, cells in list(columns.items())[1:]:
        if set(cells) == {NO_VALUE}:
            del columns[header]
        elif len(set(cells)) == 1 and len(order) > 1:
            same.append(f"{header} {columns.pop(header)[0]}")
    rows = tuple(zip(*columns.values(), strict=True))
    return Table(tuple(columns), rows, "l" + "r" * (len(columns) - 1), name=f"speed_{task}"), same


def _speed(row: Any) -> str:
    """Format a median speed, its spread and its ratio to the baseline: "6,570 ± 3.0 % (1.91× [1.72, 2.05])".

    A mark follows if it was measured beside other work.
    """
    half_range = 50 * (row["high_quartile"] - row["low_quartile"]) / row["images_per_s"]
    text = f"{significant(row['images_per_s'])} ± {half_range:.{1 if half_range < 9.95 else 0}f} %"
    if math.isfinite(row["ratio"]):
        brackets = f" [{row['ratio_low']:.2f}, {row['ratio_high']:.2f}]" if math.isfinite(row["ratio_low"]) else ""
        text += f" ({ratio(row['ratio'])}{brackets}{'' if row['resolved'] else ' ?'})"
    return _marked(text, row)


def _marked(text: str, row: Any) -> str:
    """Add the mark of a number that was measured beside other work, if this one was."""
    return f"{text} {DISTURBED}" if row["disturbed"] and text != NO_VALUE else text


def _method(context: Context, measured: MeasuredSpeeds) -> Iterator[str]:
    """Yield sentences on how the speeds were measured, and what could not be."""
    setting, environment = measured.document["setting"], measured.document["environment"]
    counts = sorted({int(count) for count in measured.speeds["rounds"]})
    rounds = plural(counts[0], "round") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} rounds"
    where = f"{md(str(environment['device_name']))}, {plural(setting['threads'], 'thread')}"
    yield (
        f"Measured after training, one thing at a time, the architectures in turns, {rounds}: {where}, "
        f"{environment.get('precision', setting['dtype'])}, batches of {setting['batch_size']}; fresh weights, and "
        f"noise for images{'; everything as CUDA graphs, as in a run' if 'cuda' in environment else ''}."
    )
    yield "± is half the interquartile range over rounds" + (
        f"; in parentheses the median ratio to {md(context.experiment.baseline)} in the same round with its 95 % "
        "bootstrap interval, ? where it can't be told from 1."
        if measured.speeds["ratio"].notna().any()
        else "."
    )
    yield about_sessions(measured)
    if several := _of_several_numbers(context, measured):
        yield f"{natural_list(several)} is timed once, with {setting.get('labels', 0):,} labelled images."
    yield "Inference encodes and decodes, or classifies; sampling decodes draws from the prior."
    rates = [one["flops"] * one["calls"] / np.median(one["seconds"]) / 1e9 for one in measured.document["matmul"]]
    declared = context.experiment.declared.tasks
    is_told_labels = any(task in declared and declared[task].naming_cost for task in measured.tasks)
    planes = ", label planes as if they were drawn, which makes the MFU of a CVAE too high" if is_told_labels else ""
    rate = significant(float(np.median(rates)))
    yield (
        "Memory, FLOPs (of matrix products and convolutions, forward and backward, each layer in its direct "
        f"form{planes}) and MFU are of the training step; MFU is against the {rate} GFLOP/s that a matrix product "
        "reached in the same rounds."
    )
    if missing := about_missing_flops(context.experiment, measured.speeds):
        yield missing
    if measured.speeds["joules_per_image"].isna().all():
        yield "Energy was not measured: " + (
            "there is no NVML (a GPU of NVIDIA's and `nvidia-ml-py`)."
            if not environment["nvml"]
            else "`--throughput full` does."
            if measured.document["mode"] == "quick"
            else "NVML does not give it."
        )
    for one in measured.document["failed"]:
        cell = f"{md(one['arch'])} ({md(context.experiment.label(one['task']))})"
        yield f"{cell} could not be measured: {md(one['error'])}."


def _machine(measured: MeasuredSpeeds) -> Iterator[Block]:
    """Yield what else used the machine meanwhile; a warning where that was so much that numbers have a mark."""
    conditions = [one for one in measured.document["conditions"] if one["task"] in measured.tasks]
    known = [one for one in conditions if one["foreign_cores"] is not None and one["cores"]]
    foreign = [one["foreign_cores"] for one in known]
    stolen = [one["stolen"] for one in conditions if one["stolen"] is not None]
    words = []
    if foreign:
        words.append(
            f"other processes kept {max(foreign):.2f} of {plural(known[0]['cores'], 'processor')} busy at most"
        )
    if stolen and max(stolen) >= 0.005:
        words.append(f"other virtual machines took {100 * max(stolen):.1f} % of the processors' time")
    gpus = [one["gpu"] for one in conditions if one["gpu"]]
    clocks = [clock for gpu in gpus for clock in gpu["clock_mhz"] or []]
    if clocks:
        words.append(
            f"the GPU ran at {min(clocks):,} to {max(clocks):,} MHz of {number(gpus[0]['most_mhz'] or math.nan, 0)}"
        )
    throttling = sorted({reason for gpu in gpus for reason in gpu["throttling"]})
    if throttling:
        words.append(f"it was slowed down ({natural_list(throttling, 6)})")
    others = max((gpu["foreign_processes"] or 0 for gpu in gpus), default=0)
    if others:
        words.append(f"{plural(others, 'other process', 'other processes')} used it")
    if not foreign and measured.document["setting"]["device"] == "cpu":
        yield Text("What else the processors did meanwhile is not known: the system there does not tell.")
    if not words:
        return
    text = f"Meanwhile {', '.join(words)}."
    if measured.speeds["disturbed"].any():
        text = f"⚠ {text} The ratios, taken round by round, suffer less than the numbers."
    yield Text(text)
