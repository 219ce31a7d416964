"""The tracker TensorBoard: event files in a sub-folder per run, `<task>/<arch>/seed-<k>-<id>/`, and in one per report.

A file is written from a finished record, whole, and renamed into place: where it is there already, nothing is written,
so the same command again adds nothing to a curve. Jobs look and write one at a time, under a lock, since two files of
one run would double its curves. While a run is in flight a file of its own shows the loss; it is removed when the run
ends.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archs.errors import UserError
from bench.spec.paths import expanded
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.status import Status
from bench.store.claims import exclusive_lock
from bench.trackers import Kind
from bench.trackers import _content as content

if TYPE_CHECKING:
    from bench.store.record import Record

EVENTS = "events.out.tfevents"
"""TensorBoard reads the files that have this in their name."""
LOCK = ".conv-ablation.lock"


class TensorBoard:
    """A tracker that writes event files."""

    def __init__(self, folder: str):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter  # loaded here, since that may take longer than anything later should
        self.folder = Path(expanded(folder, "--tensorboard"))
        self.live: dict[str, Any] = {}  # run id → its SummaryWriter
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f".probe-{uuid.uuid4().hex}").touch()
            for probe in self.folder.glob(".probe-*"):
                probe.unlink(missing_ok=True)
            with exclusive_lock(self.folder / LOCK):
                self._write_columns()
        except OSError as error:
            raise UserError(f"--tensorboard {folder}: {error.strerror}; name a writable folder") from error

    def started(self, spec: Work) -> None:
        """Remove what an earlier, killed attempt has left."""
        self._end_live(spec)

    def progress(self, spec: Work, progress: Progress) -> None:
        """Show the loss so far."""
        if not isinstance(spec, RunSpec):
            return
        if spec.run_id not in self.live:
            self.live[spec.run_id] = self.writer(str(self._place(spec)), filename_suffix=".live", flush_secs=5)
        self.live[spec.run_id].add_scalar("live/loss", progress.loss, round(1000 * progress.done))

    def ended(self, spec: Work, record: Record) -> None:
        """Write the event file of a run or of a later evaluation, unless it is there."""
        self._end_live(spec)
        with exclusive_lock(self.folder / LOCK):
            self._write_ended(spec, record)

    def _write_ended(self, spec: Work, record: Record) -> None:
        """Write the event file of what has ended, unless it is there."""
        place = self._place(spec)
        if any(place.glob(f"{EVENTS}.*.{record.run_id}.{record.status}")):
            return
        # TensorBoard reads the files of a folder in the order of their names, which is to be that of time
        final = place / f"{EVENTS}.{record.ended or 0:010.0f}.{record.run_id}.{record.status}"
        with writer_of(final) as writer:
            begun = float(record.environment.get("begun") or 0) or None
            for name, epoch, value, seconds in content.curves(record):
                writer.add_scalar(name, value, epoch, walltime=begun + seconds if begun else None)
            ended = record.ended
            for name, value in content.scores(record).items():
                writer.add_scalar(name, value, spec.epochs if isinstance(spec, RunSpec) else 0, walltime=ended)
            for name, picture in content.pictures(record):
                writer.add_image(name, picture, 0, walltime=ended, dataformats="HW")
            if record.error:
                writer.add_text("error", record.error)
            if isinstance(spec, RunSpec):
                add_settings(writer, spec, record, begun)
        for older in place.glob(f"{EVENTS}.*.{record.run_id}.*"):
            if older != final:  # it failed before, and is finished now
                older.unlink(missing_ok=True)

    def reported(self, folder: Path) -> None:
        """Write the report's figures, in place of those of the last time."""
        import numpy as np
        from PIL import Image

        with writer_of(self.folder / "reports" / folder.resolve().name / f"{EVENTS}.report") as writer:
            for path in content.figures(folder):
                with Image.open(path) as image:
                    writer.add_image(f"report/{path.stem}", np.asarray(image.convert("RGB")), 0, dataformats="HWC")

    def close(self) -> None:
        """Close the files of the runs that are still in flight."""
        for writer in self.live.values():
            writer.close()
        self.live.clear()

    def _place(self, spec: Work) -> Path:
        run = spec.run if isinstance(spec, EvaluationSpec) else spec
        task = run.task if run.labels is None else f"{run.task}-{run.labels}"
        return self.folder / task / run.arch / f"seed-{run.seed}-{run.run_id[:8]}"

    def _end_live(self, spec: Work) -> None:
        """Remove the file of a run in flight, of this job or of one that was killed."""
        writer = self.live.pop(spec.run_id, None)
        if writer is not None:
            writer.close()
        if isinstance(spec, RunSpec):
            for path in self._place(spec).glob(f"{EVENTS}.*.live"):
                path.unlink(missing_ok=True)

    def _write_columns(self) -> None:
        """Write what the HParams page is to show of each run: once, for the whole folder."""
        from tensorboard.plugins.hparams import summary_v2

        final = self.folder / f"{EVENTS}.columns"
        if not final.exists():
            with writer_of(final) as writer:
                writer.file_writer.add_summary(
                    summary_v2.hparams_config_pb(
                        hparams=[summary_v2.HParam(name) for name in content.SETTINGS],
                        metrics=[summary_v2.Metric(tag, display_name=name) for tag, name in content.columns().items()],
                    )
                )


def add_settings(writer: Any, spec: RunSpec, record: Record, begun: float | None) -> None:
    """Write the row of the HParams page: the settings, and that the run has ended."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2

    writer.file_writer.add_summary(summary_v2.hparams_pb(content.settings(spec), spec.run_id, begun), 0)
    status = api_pb2.STATUS_SUCCESS if record.status == Status.FINISHED else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=record.ended)
    data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    note = metadata.create_summary_metadata(data)
    value = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=note, tensor=metadata.NULL_TENSOR)
    writer.file_writer.add_summary(Summary(value=[value]), 0)


@contextmanager
def writer_of(final: Path) -> Iterator[Any]:
    """Yield a SummaryWriter whose one file appears as `final` when all is written, not at all if something raises."""
    from torch.utils.tensorboard import SummaryWriter

    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as beside:
        with SummaryWriter(beside) as writer:
            yield writer
        (written,) = Path(beside).iterdir()
        partial = final.with_name(f".partial-{uuid.uuid4().hex}")
        try:
            partial.write_bytes(written.read_bytes())
            partial.rename(final)
        finally:
            partial.unlink(missing_ok=True)


KIND = Kind(
    name="tensorboard",
    metavar="DIR",
    summary="also write curves, pictures and settings for TensorBoard",
    needs=("tensorboard",),
    extra="tensorboard",
    open=TensorBoard,
)
