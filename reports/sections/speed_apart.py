"""Speeds measured apart from training: a figure of every round, a table per task, and under what they were measured."""

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
from reports.reading.speeds import Apart
from reports.sections.context import Context
from reports.wording.words import NOTHING, listed, number, plural, ratio, significant

WORKS = {"train": "training step", "inference": "inference", "sampling": "sampling"}
SPEED = Metric("images_per_s", "speed", "images/s", True, "images per second", digits=0)
MOST_OPEN = 12  # architectures; the table of more is folded
BUSY = 0.1  # processors kept busy by others, from which a reader is warned


def blocks(context: Context) -> Iterator[Block]:
    apart = context.experiment.apart
    assert apart is not None
    shown = [arch for arch in context.experiment.order if arch in set(apart.speeds["arch"])]
    yield Heading("Speed")
    works = [work for work in WORKS if (apart.speeds["work"] == work).any()]
    rows = [[_panel(context, apart, task, work) for work in works] for task in apart.tasks]
    alt = "Images per second, every round, median and its 95 % interval"
    yield context.album.block("throughput", alt, seeds.draw_rows, rows, shown, context.colours)
    notes: list[str] = []
    tables: list[Heading | Text | Table] = []
    for task in apart.tasks:
        table, same = _table(context, apart, task, shown)
        tables += [Text(f"**{md(context.experiment.label(task))}**"), table] if len(apart.tasks) > 1 else [table]
        notes += (
            [f"{md(context.experiment.label(task))}, the same for all: {'; '.join(md(text) for text in same)}."]
            if same
            else []
        )
    yield Text(" ".join([*_method(context, apart), *notes]))
    yield from _machine(apart)
    if len(shown) <= MOST_OPEN:
        yield from tables
    else:
        yield Details(f"Speed of {len(shown)} architectures", tables)


def _panel(context: Context, apart: Apart, task: str, work: str) -> seeds.Panel | None:
    rounds = apart.rounds[(apart.rounds["task"] == task) & (apart.rounds["work"] == work)]
    if rounds.empty:
        return None
    rows = []
    for arch, group in rounds.groupby("arch", sort=False):
        low, high = median_interval(group["images_per_s"].tolist())
        rows.append([arch, group["images_per_s"].median(), low, high])
    summary = pd.DataFrame(rows, columns=["arch", "mean", "low", "high"])
    title = f"{context.experiment.label(task)}: {WORKS[work]}"
    return seeds.Panel(title, "images/s ↑", SPEED, rounds.rename(columns={"round": "seed"}), summary, True)


def _table(context: Context, apart: Apart, task: str, shown: list[str]) -> tuple[Table, list[str]]:
    """The table of one task, and what it leaves out because it is the same for every row."""
    frames = {work: apart.of(task, work) for work in WORKS}
    train = frames["train"]
    order = [arch for arch in shown if arch in train.index]
    columns = {"architecture": order}
    for work, frame in frames.items():
        if len(frame):
            columns[f"{WORKS[work]} ↑ (images/s)"] = [_speed(frame.loc[arch]) for arch in order]
    columns["peak memory (MB)"] = [significant(train.loc[arch, "peak_bytes"] / 1e6) for arch in order]
    columns["MFLOPs per image"] = [significant(train.loc[arch, "flops_per_image"] / 1e6) for arch in order]
    columns["MFU (%)"] = [significant(100 * train.loc[arch, "mfu"], 2) for arch in order]
    columns["energy (mJ per image)"] = [significant(1000 * train.loc[arch, "joules_per_image"]) for arch in order]
    same = []
    for header, cells in list(columns.items())[1:]:
        if set(cells) == {NOTHING}:
            del columns[header]
        elif len(set(cells)) == 1 and len(order) > 1:
            same.append(f"{header} {columns.pop(header)[0]}")
    rows = tuple(zip(*columns.values(), strict=True))
    return Table(tuple(columns), rows, "l" + "r" * (len(columns) - 1), name=f"speed_{task}"), same


def _speed(row: Any) -> str:
    """6,570 ± 3 % (1.91× [1.72, 2.05])."""
    half = 50 * (row["high_quartile"] - row["low_quartile"]) / row["images_per_s"]
    text = (
        f"{significant(row['images_per_s'])} ± {half:.1f} %"
        if half < 9.95
        else f"{significant(row['images_per_s'])} ± {half:.0f} %"
    )
    if math.isnan(row["ratio"]):
        return text
    brackets = f" [{row['ratio_low']:.2f}, {row['ratio_high']:.2f}]" if math.isfinite(row["ratio_low"]) else ""
    return f"{text} ({ratio(row['ratio'])}{brackets}{'' if row['resolved'] else ' ?'})"


def _method(context: Context, apart: Apart) -> Iterator[str]:
    setting, environment = apart.document["setting"], apart.document["environment"]
    counts = sorted({int(count) for count in apart.speeds["rounds"]})
    rounds = f"{counts[0]} rounds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} rounds"
    where = f"{md(str(environment['device_name']))}, {plural(setting['threads'], 'thread')}"
    yield (
        f"Measured after training, one thing at a time, the architectures in turns, {rounds}: {where}, "
        f"{environment.get('precision', setting['dtype'])}, batches of {setting['batch_size']}; fresh weights, and noise "
        f"for images{'; everything as CUDA graphs, as in a run' if 'cuda' in environment else ''}."
    )
    yield "± is half the interquartile range over rounds" + (
        f"; in parentheses the median ratio to {md(context.experiment.baseline)} in the same round with its 95 % bootstrap "
        "interval, ? where it can't be told from 1."
        if apart.speeds["ratio"].notna().any()
        else "."
    )
    yield "Inference encodes and decodes, or classifies; sampling decodes draws from the prior."
    rates = [one["flops"] * one["calls"] / np.median(one["seconds"]) / 1e9 for one in apart.document["matmul"]]
    yield (
        "Memory, FLOPs (forward and backward, of layers with weights, in their direct form) and MFU are of the training step; "
        f"MFU is against the {significant(float(np.median(rates)))} GFLOP/s that a matrix product reached in the same rounds."
    )
    if apart.speeds["joules_per_image"].isna().all():
        yield "Energy was not measured: " + (
            "there is no NVML (a GPU of NVIDIA's and `nvidia-ml-py`)."
            if not environment["nvml"]
            else "`--throughput full` does."
            if apart.document["mode"] == "quick"
            else "NVML does not give it."
        )
    for one in apart.document["failed"]:
        cell = f"{md(one['arch'])} ({md(context.experiment.label(one['task']))})"
        yield f"{cell} could not be measured: {md(one['error'])}."


def _machine(apart: Apart) -> Iterator[Block]:
    """What else went on; a warning where that was much."""
    conditions = apart.document["conditions"]
    foreign = [one["foreign_cores"] for one in conditions if one["foreign_cores"] is not None]
    stolen = [one["stolen"] for one in conditions if one["stolen"] is not None]
    words = []
    if foreign:
        words.append(
            f"other processes kept {max(foreign):.2f} of {plural(conditions[0]['cores'], 'processor')} busy at most"
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
        words.append(f"it was slowed down ({listed(throttling, 6)})")
    others = max((gpu["foreign_processes"] or 0 for gpu in gpus), default=0)
    if others:
        words.append(f"{plural(others, 'other process', 'other processes')} used it")
    if not words:
        return
    on_gpu = apart.document["setting"]["device"] != "cpu"  # which does not mind what the processors do
    disturbed = (foreign and max(foreign) > BUSY and not on_gpu) or throttling or others
    text = f"Meanwhile {', '.join(words)}."
    yield Text(f"⚠ {text} The ratios, taken round by round, suffer less than the numbers." if disturbed else text)
