"""Say what is not counted among the multiply-accumulates of a network, and why."""

from __future__ import annotations

import pandas as pd

from reports.findings.experiment import Experiment
from reports.markup.escape import md
from reports.wording.formatting import NO_VALUE, natural_list

BEFORE = "not counted by the code that trained it"
"""The reason in a record of before there were reasons."""

WITHOUT = "without "
"""How the note on a row begins whose count lacks some operations."""

PARAMETERS_SECTION = "Where the parameters sit"


def layer_with_note(layer: str, note: str | None) -> str:
    """Return the text of a row of the layer table: what the layer does, and what is special about its numbers."""
    return f"{layer} ({note})" if isinstance(note, str) else layer


def about_unknown_macs(layers: pd.DataFrame) -> str:
    """Say which layers' operations are unknown, so that their network has no MACs; empty if all are known."""
    unknown = layers[layers["macs"].isna()].drop_duplicates(["arch", "layer", "note"])
    unknown = unknown.assign(note=unknown["note"].fillna(BEFORE))
    reasons = []
    for (arch, note), rows in unknown.groupby(["arch", "note"], sort=False):
        names = natural_list([md(layer) for layer in rows["layer"]], 4)
        reasons.append(f"of {md(str(arch))}, {md(str(note))} ({names})")
    return f"MACs are not known ({NO_VALUE}): {'; '.join(reasons)}." if reasons else ""


def about_zeros(layers: pd.DataFrame) -> str:
    """Say which layers multiply what is not counted; empty if all that is shown are products that are counted."""
    plain = layers[(layers["kind"] == "other") & (layers["macs"] == 0) & layers["note"].isna()]
    kinds = sorted({layer.rpartition(": ")[2] for layer in plain["layer"]})
    sentences = []
    if kinds:
        sentences.append(
            "Matrix products and convolutions are counted, as by torch's FlopCounterMode; the multiplications of "
            f"{natural_list([md(kind) for kind in kinds], 8)} are not."
        )
    if any(WITHOUT in note for note in layers["note"].dropna()):
        sentences.append(f"“{WITHOUT.strip()} …” names operations that multiply too and have no count there.")
    return " ".join(sentences)


def about_left_out_macs(experiment: Experiment, tasks: list[str]) -> str:
    """Say which architectures have no MACs, where others are shown by theirs; empty if none."""
    unknown = experiment.layers[experiment.layers["macs"].isna() & experiment.layers["task"].isin(tasks)]
    archs = [md(arch) for arch in experiment.order if arch in set(unknown["arch"])]
    if not archs:
        return ""
    return f"MACs are left out for {natural_list(archs, 6)}: they are not known (see {PARAMETERS_SECTION})."


def about_missing_flops(experiment: Experiment, speeds: pd.DataFrame) -> str:
    """Say of which training steps the operations are not known, and why; empty if all are.

    Args:
        speeds: as `bench.statistics.speed_frames.speeds_frame` returns them.
    """
    missing = speeds[(speeds["work"] == "train") & speeds["flops_per_image"].isna()]
    unknown = {tuple(key) for key in experiment.layers.loc[experiment.layers["macs"].isna(), ["arch", "task"]].values}
    with_labels, not_known, before = list[str](), list[str](), list[str]()
    for row in missing.itertuples(index=False):
        if experiment.declared.tasks[row.task].needs_labels:
            with_labels.append(md(experiment.label(row.task)))
        else:
            (not_known if (row.arch, row.task) in unknown else before).append(md(row.arch))
    reasons = []
    if with_labels:
        which = natural_list(list(dict.fromkeys(with_labels)))
        reasons.append(f"for {which}, whose step does not send each image through its layers once")
    if not_known:
        which = natural_list(list(dict.fromkeys(not_known)), 6)
        reasons.append(f"for {which}, some of whose operations are not known (see {PARAMETERS_SECTION})")
    if before:
        which = natural_list(list(dict.fromkeys(before)), 6)
        reasons.append(f"for {which}, which were not counted when it was measured (remove throughput.json to do so)")
    return f"FLOPs and MFU are not given {'; nor '.join(reasons)}." if reasons else ""
