"""What older records lack and can be had from what they keep."""

from __future__ import annotations

import dataclasses

import numpy as np

from bench.spec.metrics import ACTIVE_KL
from bench.store.record import Damaged, Record


def with_kl_units(record: Record) -> Record:
    """Return a run's record with its active units by KL, which older ones have not counted: they keep the KLs."""
    if "active_units" not in record.metrics or "kl_units" in record.metrics:
        return record
    try:
        kl = record.arrays("kl_per_dim").get("kl_per_dim")
    except Damaged:  # whoever draws from the file says so
        return record
    if kl is None:
        return record
    return dataclasses.replace(record, metrics=record.metrics | {"kl_units": float(np.sum(kl > ACTIVE_KL))})
