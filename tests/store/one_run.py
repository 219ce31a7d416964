"""A record with its arrays and weights, and its file in a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.spec.run import RunSpec
from bench.store.record import checksum
from bench.store.store import Record, Store

SPEC = RunSpec(
    arch="cnn2", arch_fingerprint="a" * 16, task="classifier", dataset="digits", data_fingerprint="d" * 16,
    likelihood=None, seed=0, epochs=1, batch_size=8, lr=0.1, latent_dim=None, train_images=None, device="cpu",
    threads=1,
)  # fmt: skip
RECORD = Record(
    run_id=SPEC.run_id,
    spec=SPEC.content(),
    status="finished",
    metrics={"accuracy": 1 / 3, "odd": float("nan")},
    history=[{"epoch": 1, "train_loss": 0.1}],
    layers=[
        {"part": "encoder", "layer": "fc", "kind": "fc", "output_shape": "10", "weights": 3, "biases": 1, "macs": 3}
    ],
    environment={"torch": "2.11.0"},
)
FAILED = Record(RECORD.run_id, RECORD.spec, "failed", "ValueError: no")
ARRAYS = {"test_correct": np.array([True, False, True])}
WEIGHTS = bytes(range(256))


def record_path(store: Store) -> Path:
    return store.folder / RECORD.run_id / "record.json"


def edit(store: Store, change: Callable[[dict[str, Any]], object], sign: bool = True) -> None:
    """Edits record.json by hand, as somebody would who also knows how to make the checksum."""
    content = json.loads(record_path(store).read_text())
    change(content)
    if sign:
        content.pop("checksum", None)
        content["checksum"] = checksum(content)
    record_path(store).write_text(json.dumps(content, indent=1, sort_keys=True))  # laid out as the store does it
