"""Whether two records of one run are the same in everything that is not read off a clock, and what differs if not.

No torch: weights are read as numpy arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import safetensors.numpy

from bench.store.record import Record

CIRCUMSTANCE = ("begun", "ended", "workers", "beside", "test_targets")
"""What a record's environment holds beside what could explain a difference."""


def is_clock(name: str) -> bool:
    return name.endswith(("seconds", "per_s"))


def differences(ours: Record, theirs: Record) -> list[str]:
    """A line for each part that differs, with its size; empty if all numbers are the same to the last bit."""
    found = []
    for name in ("spec", "status", "error", "layers"):
        if getattr(ours, name) != getattr(theirs, name):
            found.append(f"{name}: {short(getattr(ours, name))} → {short(getattr(theirs, name))}")
    if ours.environment.get("test_targets") != theirs.environment.get("test_targets"):
        found.append("test images: binarised to other pixels")
    found += numbers("metric", ours.metrics, theirs.metrics)
    if len(ours.history) != len(theirs.history):
        found.append(f"history: {len(ours.history)} epochs → {len(theirs.history)}")
    for before, after in zip(ours.history, theirs.history, strict=False):
        changed = list(numbers(f"epoch {before.get('epoch')}", before, after))
        if changed:  # the first epoch that differs says it all
            found += changed
            break
    found += tensors("array", ours.arrays(), theirs.arrays())
    found += tensors("weight", weights(ours), weights(theirs))
    return found


def weights(record: Record) -> Mapping[str, np.ndarray]:
    content = record.read("model.safetensors")
    return {} if content is None else safetensors.numpy.load(content)


def short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def numbers(kind: str, before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        a, b = before.get(name), after.get(name)
        if is_clock(name) or repr(a) == repr(b):  # repr: exact, and NaN is NaN
            continue
        by = f" (by {abs(b - a):.3g})" if a is not None and b is not None else ""
        yield f"{kind} {name}: {a!r} → {b!r}{by}"


def tensors(kind: str, before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield f"{kind} {name}: {'gone' if name in before else 'new'}"
        elif (before[name].dtype, before[name].shape) != (after[name].dtype, after[name].shape):
            a, b = before[name], after[name]
            yield f"{kind} {name}: {a.dtype} {a.shape} → {b.dtype} {b.shape}"
        elif before[name].tobytes() != after[name].tobytes():
            a, b = before[name].astype(np.float64), after[name].astype(np.float64)
            yield f"{kind} {name}: {np.mean(a != b):.1%} of its values differ, by at most {np.abs(a - b).max():.3g}"


def surroundings(ours: Record, theirs: Record) -> list[str]:
    """What differs around the runs: versions, device, threads, commit."""

    def known(record: Record) -> dict[str, Any]:
        return {k: v for k, v in record.environment.items() if k not in CIRCUMSTANCE and not is_clock(k)}

    before, after = known(ours), known(theirs)
    return [
        f"{name} was {short(before.get(name, 'not recorded'))}, is {short(after.get(name, 'not recorded'))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
