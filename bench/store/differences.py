"""Compares two records of the same run in everything but timings. No torch: weights are read as numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import safetensors.numpy

from bench.spec.output.counts import plural
from bench.store.record import Record

NOT_COMPARED = ("begun", "ended", "workers", "beside", "test_targets")
"""Entries of a record's environment that can't explain why two records differ."""


def is_timing(name: str) -> bool:
    """Return whether a number of this name is read off a clock, so that it differs from run to run."""
    return name.endswith(("seconds", "per_s"))


def differences(ours: Record, theirs: Record) -> list[str]:
    """Return a line for each part that differs, with the size of the difference; none if all are equal bit by bit."""
    found = []
    for name in ("spec", "status", "error", "layers"):
        if getattr(ours, name) != getattr(theirs, name):
            found.append(f"{name}: {abbreviated(getattr(ours, name))} → {abbreviated(getattr(theirs, name))}")
    if ours.environment.get("test_targets") != theirs.environment.get("test_targets"):
        found.append("test images: binarised to other pixels")
    found += number_differences("metric", ours.metrics, theirs.metrics)
    if len(ours.history) != len(theirs.history):
        found.append(f"history: {plural(len(ours.history), 'epoch')} → {len(theirs.history)}")
    for before, after in zip(ours.history, theirs.history, strict=False):
        changed = list(number_differences(f"epoch {before.get('epoch')}", before, after))
        if changed:  # later epochs differ because this one does
            found += changed
            break
    found += array_differences("array", ours.arrays(), theirs.arrays())
    found += array_differences("weight", weights(ours), weights(theirs))
    return found


def weights(record: Record) -> Mapping[str, np.ndarray]:
    """Return the trained weights by name; none for a failed run."""
    content = record.read("model.safetensors")
    return {} if content is None else safetensors.numpy.load(content)


def abbreviated(value: object) -> str:
    """Return `value` as text on one line of at most 80 characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def number_differences(kind: str, before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[str]:
    """Yield a line for each number that differs, timings left out."""
    for name in sorted(before.keys() | after.keys()):
        a, b = before.get(name), after.get(name)
        if is_timing(name) or repr(a) == repr(b):  # repr is exact, and NaN equals NaN
            continue
        by = f" (by {abs(b - a):.3g})" if a is not None and b is not None else ""
        yield f"{kind} {name}: {a!r} → {b!r}{by}"


def array_differences(kind: str, before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Yield a line for each array that differs in a bit, in its type or in its shape."""
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield f"{kind} {name}: {'gone' if name in before else 'new'}"
        elif (before[name].dtype, before[name].shape) != (after[name].dtype, after[name].shape):
            a, b = before[name], after[name]
            yield f"{kind} {name}: {a.dtype} {a.shape} → {b.dtype} {b.shape}"
        elif before[name].tobytes() != after[name].tobytes():
            a, b = before[name].astype(np.float64), after[name].astype(np.float64)
            yield f"{kind} {name}: {np.mean(a != b):.1%} of its values differ, by at most {np.abs(a - b).max():.3g}"


def environment_differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return a line for each difference between what two things ran on: versions, device, instructions, commit.

    Args:
        ours: the environment of a record, or of a session of benchmarks.
        theirs: another.
    """
    before, after = flattened(ours), flattened(theirs)
    return [
        f"{name} was {abbreviated(before.get(name, absent(ours, name)))}, "
        f"is {abbreviated(after.get(name, absent(theirs, name)))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


SETTINGS = "numeric_settings"
"""The entry of an environment that holds those environment variables that were set: name → value."""


def flattened(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return those entries of an environment that can explain a difference; each variable is one."""
    found = {name: value for name, value in environment.items() if name not in NOT_COMPARED and not is_timing(name)}
    settings = found.pop(SETTINGS, None)
    return {**found, **settings} if isinstance(settings, Mapping) else found


def absent(environment: Mapping[str, Any], name: str) -> str:
    """Say what it means that an environment lacks an entry: a variable, which has a name in capitals, can be unset."""
    return "not set" if name.isupper() and SETTINGS in environment else "not recorded"
