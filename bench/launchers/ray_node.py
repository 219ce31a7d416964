"""What runs on a node of a Ray cluster: one piece of work, into a store of its own, whose bytes are the result."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from bench.data.dataset import Dataset
from bench.launchers.local import TICK_SECONDS
from bench.machine import determinism
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, Work
from bench.store.store import Store
from bench.worker.execute import execute
from bench.worker.site import Site

Post = tuple[str, int, Progress | None]
"""Run id, attempt, where it is; None when it starts."""


class Board:
    """Where tasks post how far they are and the job reads it: an actor on the job's own node."""

    def __init__(self) -> None:
        self.posts: list[Post] = []

    def post(self, post: Post) -> None:
        self.posts.append(post)

    def read(self) -> list[Post]:
        found, self.posts = self.posts, []
        return found


def attempt(
    spec: Work, site: Site, dataset: Dataset, needed: Mapping[str, Mapping[str, bytes]], board: Any, tries: int
) -> dict[str, bytes]:
    """Does `spec` and returns the files of its record, finished or failed.

    site: its plug-ins are relative to the working directory. needed: the files of the records that it reads.
    """
    board.post.remote((spec.run_id, tries, None))
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > TICK_SECONDS or progress.done >= 1:
            last = time.monotonic()
            board.post.remote((spec.run_id, tries, progress))

    determinism.prepare(bool((spec.run if isinstance(spec, EvaluationSpec) else spec).deterministic))
    with tempfile.TemporaryDirectory(prefix="conv-ablation-run-") as runs:
        for run_id, files in needed.items():
            Store(runs).adopt(run_id, files)
        # tried again after a capture that broke, say: without one
        here = dataclasses.replace(site, runs_dir=runs, dataset=dataset, graph=site.graph and tries == 1)
        execute(spec, here, report)
        folder = spec.store_folder(runs) / spec.run_id
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
