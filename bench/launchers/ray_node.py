"""What runs on a node of a Ray cluster: one piece of work, into a store of its own, whose bytes are the result."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.data.dataset import Dataset
from bench.launchers.local import TICK_SECONDS
from bench.machine import determinism
from bench.spec.output.streams import take_everything
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, Work
from bench.store.store import Store
from bench.worker.execute import execute
from bench.worker.site import Site


class Post(NamedTuple):
    """What a task says while it is under way."""

    run_id: str

    attempt: int
    """From 1."""

    progress: Progress | None
    """None: it starts."""


class ProgressBoard:
    """Where tasks post how far they are and the job reads it: an actor on the job's own node."""

    def __init__(self) -> None:
        self.posts: list[Post] = []

    def post(self, post: Post) -> None:
        """Add a post."""
        self.posts.append(post)

    def take_posts(self) -> list[Post]:
        """Return what has been posted since the last call."""
        found, self.posts = self.posts, []
        return found


def run_task(
    spec: Work, site: Site, dataset: Dataset, needed: Mapping[str, Mapping[str, bytes]], board: Any, attempt: int
) -> dict[str, bytes]:
    """Do a piece of work; return the files of its record, finished or failed, by name.

    Args:
        site: its plug-ins are relative to the working directory.
        needed: the files of the records that the work reads, by run id and name.
        board: the actor of a `ProgressBoard`.
        attempt: which one this is, from 1.
    """
    take_everything()
    board.post.remote(Post(spec.run_id, attempt, None))
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > TICK_SECONDS or progress.done >= 1:
            last = time.monotonic()
            board.post.remote(Post(spec.run_id, attempt, progress))

    determinism.prepare(bool((spec.run if isinstance(spec, EvaluationSpec) else spec).deterministic))
    with tempfile.TemporaryDirectory(prefix="conv-ablation-run-") as runs:
        for run_id, files in needed.items():
            Store(runs).adopt(run_id, files)
        # a second attempt, after a capture that failed, say, takes no graph
        here = dataclasses.replace(site, runs_dir=runs, dataset=dataset, graph=site.graph and attempt == 1)
        execute(spec, here, report)
        folder = spec.store_folder(runs) / spec.run_id
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
