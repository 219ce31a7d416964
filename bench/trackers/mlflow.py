"""The tracker MLflow: a run per run in the experiment "conv-ablation", in a local folder or at any tracking URI.

MLflow calls its plain folder of files "in maintenance mode" and opens it only when told to; it is told to, since that
needs no data base and no server: docs/decisions.md#mlflow-writes-its-plain-folder. `sqlite:///FILE` and `http://…` are
handed on as they are. A run is recorded when it has ended; the tag `run_id` says which it is, and one that is there is
not recorded again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archs.errors import UserError
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, Work
from bench.spec.status import Status
from bench.trackers import Kind
from bench.trackers import _content as content

if TYPE_CHECKING:
    from bench.store.record import Record

EXPERIMENT = "conv-ablation"


class MLflow:
    """A tracker that writes with MLflow's client."""

    def __init__(self, where: str):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self.metric, self.param, self.tag = Metric, Param, RunTag
        is_uri = re.match(r"[a-z+]{3,}:", where)
        try:
            if not is_uri:
                Path(where).mkdir(parents=True, exist_ok=True)
            self.client: Any = MlflowClient(tracking_uri=where if is_uri else Path(where).resolve().as_uri())
            known = self.client.get_experiment_by_name(EXPERIMENT)
            self.experiment = known.experiment_id if known else self.client.create_experiment(EXPERIMENT)
        except (OSError, MlflowException) as error:
            message = " ".join(str(error).split())[:300]
            raise UserError(f"--mlflow {where}: {message}; name a writable folder, or a tracking URI") from error

    def started(self, spec: Work) -> None:
        """Do nothing: a run is recorded when it has ended."""

    def progress(self, spec: Work, progress: Progress) -> None:
        """Do nothing: a run is recorded when it has ended."""

    def ended(self, spec: Work, record: Record) -> None:
        """Record a run, or add a later evaluation to the run that it is of."""
        if isinstance(spec, EvaluationSpec):
            self._add_evaluation(spec, record)
            return
        known = self._find(spec.run_id)
        if known is not None:
            if known.info.status == ("FINISHED" if record.status == Status.FINISHED else "FAILED"):
                return
            self.client.delete_run(known.info.run_id)  # it failed before, or was cut short in the middle of writing
        begun, ended = (milliseconds(record, name) for name in ("begun", "ended"))
        tags = {"run_id": spec.run_id, "commit": str(record.environment.get("commit"))}
        tags |= {"error": record.error} if record.error else {}
        run = self.client.create_run(self.experiment, begun, tags, spec.label).info.run_id
        metrics = [
            self.metric(name, value, (begun or 0) + round(1000 * seconds), epoch)
            for name, epoch, value, seconds in content.curves(record)
        ]
        metrics += [self.metric(name, value, ended or 0, spec.epochs) for name, value in content.scores(record).items()]
        params = [self.param(name, str(value)) for name, value in content.settings(spec).items()]
        self.client.log_batch(run, metrics=metrics[:1000], params=params)
        for first in range(1000, len(metrics), 1000):  # no more in one request
            self.client.log_batch(run, metrics=metrics[first : first + 1000])
        for name, picture in content.pictures(record):
            self.client.log_image(run, picture[..., None], f"{name}.png")
        self.client.set_terminated(run, "FINISHED" if record.status == Status.FINISHED else "FAILED", ended)

    def reported(self, folder: Path) -> None:
        """Record the report as the artifacts of a run of its own, under the folder's name."""
        name = f"report {folder.resolve().name}"
        known = self._find(name)
        if known is None:
            known = self.client.create_run(self.experiment, tags={"run_id": name}, run_name=name)
        for path in [*folder.glob("report.*"), *folder.glob("*.csv")]:
            self.client.log_artifact(known.info.run_id, str(path))
        for path in content.figures(folder):
            self.client.log_artifact(known.info.run_id, str(path), "figures")
        self.client.set_terminated(known.info.run_id)

    def close(self) -> None:
        """Do nothing: all is written at once."""

    def _add_evaluation(self, spec: EvaluationSpec, record: Record) -> None:
        """Add the scores of a later evaluation to those of its run."""
        run, done = self._find(spec.run.run_id), f"evaluation.{spec.run_id}"
        if run is None or record.status != Status.FINISHED or done in run.data.tags:
            return
        ended = milliseconds(record, "ended") or 0
        found = content.scores(record).items()
        metrics = [self.metric(name, value, ended, spec.run.epochs) for name, value in found]
        self.client.log_batch(run.info.run_id, metrics=metrics, tags=[self.tag(done, spec.part)])

    def _find(self, run_id: str) -> Any:
        found = self.client.search_runs([self.experiment], f"tags.run_id = '{run_id}'", max_results=1)
        return found[0] if found else None


def milliseconds(record: Record, name: str) -> int | None:
    """Return a time of a record's environment in milliseconds since 1970; None where there is none."""
    seconds = record.ended if name == "ended" else record.environment.get(name)
    return None if seconds is None else round(1000 * seconds)


KIND = Kind(
    name="mlflow",
    metavar="DIR",
    summary="also record the runs with MLflow, in a local folder or at a tracking URI",
    needs=("mlflow",),
    extra="mlflow",
    open=MLflow,
)
