"""Makes an invented report one of equal compute."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.spec.run import RunSpec
from bench.store.store import Store

PER_EPOCH = 429
"""Steps, of 55,000 images in batches of 128."""


def match_report(report: Path, by: str, cost: Callable[[str, str], float], disturbed: Sequence[str] = ()) -> Path:
    """Give each architecture the steps that cost what the baseline's epochs do, and curves as long.

    Args:
        cost: cost(arch, task) of a training step.
        disturbed: tasks whose steps were timed beside other work.
    """
    manifest = json.loads((report / "manifest.json").read_text())
    store = Store(report / manifest["runs_dir"])
    records = [store.load(run_id) for run_id in manifest["run_ids"]]
    whole, baseline = PER_EPOCH * int(records[0].spec["epochs"]), manifest["baseline"]
    ratios = {(arch, task): cost(arch, task) / cost(baseline, task) for task in manifest["tasks"]
              for arch in manifest["archs"]}  # fmt: skip
    run_ids = []
    for record in records:
        steps = round(whole / ratios[record.spec["arch"], record.spec["task"]])
        if steps != whole:
            spec = dataclasses.replace(RunSpec(**record.spec), steps=steps, epochs=-(-steps // PER_EPOCH))
            last = len(record.history) - 1
            history = [record.history[min(epoch, last)] | {"epoch": epoch + 1} for epoch in range(spec.epochs)]
            arrays = record.arrays()
            record = dataclasses.replace(record, run_id=spec.run_id, spec=spec.content(), history=history)
            store.write(record, arrays)
        run_ids.append(record.run_id)
    shares = [
        {"arch": arch, "task": task, "labels": None, "cost": cost(arch, task), "ratio": ratio,
         "steps": round(whole / ratio), "disturbed": task in disturbed}
        for (arch, task), ratio in ratios.items()
    ]  # fmt: skip
    manifest |= {"run_ids": run_ids, "schedule": {"steps": whole, "warm_up_steps": round(0.4 * whole)}}
    manifest["match"] = {"by": by, "steps": whole, "steps_per_epoch": PER_EPOCH, "shares": shares}
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return report
