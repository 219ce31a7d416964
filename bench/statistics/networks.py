"""Which names are one network on a task: a crossing `A+B` is A where nothing uses the decoder.

Its runs repeat those of A to the last bit, so they are no further evidence: one network is one member of a task's
family of comparisons. What decides is how the network is built, never that two results are equal. (Two names of a
registry that build the same layers are two networks here, since a table of layers does not show all that they compute.)
"""

from __future__ import annotations

import pandas as pd


def encoder_of(arch: str) -> str:
    """Return the canonical name of the architecture whose encoder `arch` has: A of a crossing `A+B`, else itself."""
    return arch.partition("+")[0]


def same_networks(runs: pd.DataFrame, needs_decoder: bool, baseline: str | None = None) -> dict[str, str]:
    """Return architecture → the one that is the same network under another name, of those that have one.

    It is the baseline if that is one of them, else A itself, else the first of the crossings with A's encoder; the
    baseline and A only where they were run, and A only if a run of it finished.

    Args:
        runs: the runs of one task, as `bench.statistics.frames.records_frame` returns them.
        needs_decoder: whether the task does. One that doesn't but uses a decoder all the same shows it by its networks'
            sizes: names of different `params_total` are never taken for one network.
    """
    if needs_decoder:
        return {}
    found: dict[str, str] = {}
    finished = set(runs.loc[runs["status"] == "finished", "arch"])
    sizes = _sizes(runs)
    groups: dict[tuple[str, float | None], list[str]] = {}
    for arch in dict.fromkeys(runs["arch"]):
        if arch in finished or arch == baseline:
            groups.setdefault((encoder_of(arch), sizes.get(arch)), []).append(arch)
    for (encoder, _), archs in groups.items():
        first = next((arch for arch in (baseline, encoder) if arch in archs), archs[0])
        found |= {arch: str(first) for arch in archs if arch != first}
    return found


def _sizes(runs: pd.DataFrame) -> dict[str, float]:
    """Return architecture → its number of parameters on the task, where that was recorded."""
    if "params_total" not in runs:
        return {}
    known = runs[runs["params_total"].notna()].drop_duplicates("arch")
    return dict(zip(known["arch"], known["params_total"].astype(float), strict=True))
