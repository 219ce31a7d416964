"""Puts a design beside an invented report, as if its job had planned exactly what it shows, or something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.spec.declared import of_manifest
from bench.spec.run import digest

CREATED = "2026-01-02T03:00:00Z"
RECIPE = ("likelihood", "epochs", "batch_size", "lr", "latent_dim", "train_images", "classification_weight", "device",
          "threads", "deterministic", "protocol")  # fmt: skip


def planned(report: Path, change: Callable[[dict[str, Any]], object] = lambda design: None) -> Path:
    """Write design.json of what a report shows into it, after a change; return the report."""
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    declared = of_manifest(manifest)
    specs = [
        json.loads((report / manifest["runs_dir"] / run_id / "record.json").read_text(encoding="utf-8"))["spec"]
        for run_id in manifest["run_ids"]
    ]

    def of(task: str) -> list[dict[str, Any]]:
        return [spec for spec in specs if spec["task"] == task]

    def one(name: str) -> Any:
        return next((spec[name] for spec in specs if spec.get(name) is not None), None)

    design = {
        "version": 1,
        "created": CREATED,
        "architectures": [
            {
                "name": arch,
                "fingerprint": next(spec["arch_fingerprint"] for spec in specs if spec["arch"] == arch),
                "tasks": [task for task in manifest["tasks"] if any(spec["arch"] == arch for spec in of(task))],
            }
            for arch in manifest["archs"]
        ],
        "baseline": manifest["baseline"],
        "dataset": {"name": one("dataset"), "fingerprint": one("data_fingerprint")},
        "tasks": [
            {
                "name": task,
                "fingerprint": None,
                "metric": declared.primary(task).name,
                "higher_is_better": declared.primary(task).higher_is_better,
                "margin": declared.primary(task).margin,
                "labels": sorted({spec["labels"] for spec in of(task) if "labels" in spec}) or None,
            }
            for task in manifest["tasks"]
        ],
        "recipe": {name: one(name) for name in RECIPE},
        "tuning": {name: manifest["tuning"][name] for name in ("trials", "space")} if "tuning" in manifest else None,
        "match": manifest.get("match", {}).get("by"),
        "seeds": list(range(manifest["seeds"])),
        "evaluation": {"level": manifest.get("evaluate", "basic"), "parts": []},
        "stopping": {"kind": "fixed", "seeds": manifest["seeds"]},
        "runs": {"planned": len(specs), "made_before": 0},
    }
    change(design)
    (report / "design.json").write_text(json.dumps(design), encoding="utf-8")
    (report / "manifest.json").write_text(json.dumps({**manifest, "design": digest(design)}), encoding="utf-8")
    return report


def until_sure(most: int, first: int = 3, made_before: int = 0) -> Callable[[dict[str, Any]], None]:
    """Return what makes a plan one of seeds that are added until settled, at most so many."""

    def change(design: dict[str, Any]) -> None:
        design["stopping"] = {"kind": "until sure", "seeds": most, "first_seeds": first, "max_minutes": None}
        design["seeds"] = list(range(most))
        design["runs"]["made_before"] = made_before

    return change


def raced(
    *lost: str, most: int, first: int = 3, epochs: int = 10, confirm: int = 5, made_before: int = 0
) -> Callable[[dict[str, Any]], None]:
    """Return what makes a plan one of a race, in which there were some that the report does not show."""

    def change(design: dict[str, Any]) -> None:
        design["architectures"] += [{**design["architectures"][0], "name": name} for name in lost]
        design["stopping"] = {"kind": "race", "seeds": most, "first_seeds": first, "max_minutes": None}
        design["stopping"] |= {"race_epochs": epochs, "confirm": confirm}
        design["seeds"] = list(range(most))
        design["runs"]["made_before"] = made_before

    return change
