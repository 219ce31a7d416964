"""The tracker MLflow: a run per run in the experiment "conv-ablation", in a local folder or at any tracking URI.

MLflow calls its plain folder of files "in maintenance mode" and opens it only when told to; it is told to, since that
needs no data base and no server: docs/decisions.md#mlflow-writes-its-plain-folder. `sqlite:///FILE` and `http://…` are
handed on as they are. A run is recorded when it has ended, whole or not at all; the tag `run_id` says which it is, and
one that is there is not recorded again. MLflow itself would take two runs of one tag, and its folder two experiments of
one name: so jobs of this machine look and write one at a time, under a lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archs.errors import UserError
from bench.spec.paths import expanded, set_unless_set
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.status import Status
from bench.store.claims import exclusive_lock
from bench.trackers import Kind
from bench.trackers import _content as content

if TYPE_CHECKING:
    from bench.store.record import Record

EXPERIMENT = "conv-ablation"

TIME_OUTS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""Seconds for a server's answer, and how often it is asked again. MLflow itself would wait for six minutes in all."""


class MLflow:
    """A tracker that writes with MLflow's client."""

    def __init__(self, where: str):
        set_unless_set("MLFLOW_ALLOW_FILE_STORE", "true")
        set_unless_set("MLFLOW_DISABLE_TELEMETRY", "true")
        for name, value in TIME_OUTS.items():
            set_unless_set(name, value)
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self.metric, self.param, self.tag = Metric, Param, RunTag
        folder = folder_of(where)
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self.lock = lock_of(folder, where)
            self.client: Any = MlflowClient(tracking_uri=where if folder is None else folder.resolve().as_uri())
            with exclusive_lock(self.lock):
                known = self.client.get_experiment_by_name(EXPERIMENT)
                self.experiment = known.experiment_id if known else self.client.create_experiment(EXPERIMENT)
                if folder is not None:  # else a job of another machine may be writing
                    self._clear_leftovers()
        except (OSError, MlflowException) as error:
            message = " ".join(str(error).split())[:300]
            raise UserError(f"--mlflow {where}: {message}; name a writable folder, or a tracking URI") from error

    def _clear_leftovers(self) -> None:
        """Remove the runs that jobs were killed in the middle of writing; while we hold the lock nobody writes."""
        for run in self.client.search_runs([self.experiment], "attributes.status = 'RUNNING'"):
            if "run_id" in run.data.tags:  # else it is somebody else's
                self.client.delete_run(run.info.run_id)

    def started(self, spec: Work) -> None:
        """Do nothing: a run is recorded when it has ended."""

    def progress(self, spec: Work, progress: Progress) -> None:
        """Do nothing: a run is recorded when it has ended."""

    def ended(self, spec: Work, record: Record) -> None:
        """Record a run, or add a later evaluation to the run that it is of."""
        with exclusive_lock(self.lock):
            if isinstance(spec, EvaluationSpec):
                self._add_evaluation(spec, record)
            else:
                self._add_run(spec, record)

    def _add_run(self, spec: RunSpec, record: Record) -> None:
        """Record a run unless it is there; what is there of it otherwise has failed before, or was cut short."""
        status = "FINISHED" if record.status == Status.FINISHED else "FAILED"
        found = self._find(spec.run_id)
        kept = next((run for wanted in ("FINISHED", status) for run in found if run.info.status == wanted), None)
        for run in found:
            if run is not kept:
                self.client.delete_run(run.info.run_id)
        if kept is not None:
            return
        begun, ended = (milliseconds(record, name) for name in ("begun", "ended"))
        tags = {"run_id": spec.run_id, "commit": str(record.environment.get("commit"))}
        tags |= {"error": record.error} if record.error else {}
        new = self.client.create_run(self.experiment, begun, tags, spec.label).info.run_id
        try:
            self._fill(new, spec, record)
            self.client.set_terminated(new, status, ended)
        except BaseException:  # Ctrl-C too: a run that goes on for ever would be left
            with contextlib.suppress(Exception):
                self.client.delete_run(new)
            raise

    def _fill(self, run: str, spec: RunSpec, record: Record) -> None:
        """Write the settings, curves, scores and pictures of a run."""
        begun, ended = (milliseconds(record, name) or 0 for name in ("begun", "ended"))
        metrics = [
            self.metric(name, value, begun + round(1000 * seconds), epoch)
            for name, epoch, value, seconds in content.curves(record)
        ]
        metrics += [self.metric(name, value, ended, spec.epochs) for name, value in content.scores(record).items()]
        params = [self.param(name, str(value)) for name, value in content.settings(spec).items()]
        self.client.log_batch(run, metrics=metrics[:1000], params=params)
        for first in range(1000, len(metrics), 1000):  # no more in one request
            self.client.log_batch(run, metrics=metrics[first : first + 1000])
        for name, picture in content.pictures(record):
            self.client.log_image(run, picture[..., None], f"{name}.png")

    def reported(self, folder: Path) -> None:
        """Record the report as the artifacts of a run of its own, under the folder's name."""
        name = f"report {folder.resolve().name}"
        with exclusive_lock(self.lock):
            found = self._find(name)
            known = found[0] if found else self.client.create_run(self.experiment, tags={"run_id": name}, run_name=name)
            for path in [*folder.glob("report.*"), *folder.glob("*.csv")]:
                self.client.log_artifact(known.info.run_id, str(path))
            for path in content.figures(folder):
                self.client.log_artifact(known.info.run_id, str(path), "figures")
            self.client.set_terminated(known.info.run_id)

    def close(self) -> None:
        """Do nothing: all is written at once."""

    def _add_evaluation(self, spec: EvaluationSpec, record: Record) -> None:
        """Add the scores of a later evaluation to those of its run."""
        done = f"evaluation.{spec.run_id}"
        run = next((run for run in self._find(spec.run.run_id) if run.info.status == "FINISHED"), None)
        if run is None or record.status != Status.FINISHED or done in run.data.tags:
            return
        ended = milliseconds(record, "ended") or 0
        found = content.scores(record).items()
        metrics = [self.metric(name, value, ended, spec.run.epochs) for name, value in found]
        self.client.log_batch(run.info.run_id, metrics=metrics, tags=[self.tag(done, spec.part)])

    def _find(self, run_id: str) -> list[Any]:
        """Return the runs of this tag; there are several where two jobs once wrote it without a lock."""
        quote = '"' if "'" in run_id else "'"  # MLflow has no escapes
        return list(self.client.search_runs([self.experiment], f"tags.run_id = {quote}{run_id}{quote}"))


def folder_of(where: str) -> Path | None:
    """Return the local folder that the option names, as it stands or as a URI; None for a data base or a server.

    Raises:
        UserError: it can't be meant.
    """
    if not re.match(r"[a-z+]{3,}:", where):
        return Path(expanded(where, "--mlflow"))
    parts = urllib.parse.urlsplit(where)
    return Path(urllib.request.url2pathname(parts.path)) if parts.scheme == "file" else None


def lock_of(folder: Path | None, where: str) -> Path:
    """Return the lock file of a place: in a folder, where MLflow takes only sub-folders for experiments.

    That of a data base or a server is among this machine's temporary files.
    """
    if folder is not None:
        return folder / ".conv-ablation.lock"
    name = hashlib.sha256(f"{os.path.expanduser('~')} {where}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"conv-ablation-mlflow-{name}.lock"


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
