"""When a run began and ended, on a machine whose clock is set back while it trains."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from bench.data.digits import digits
from bench.worker.execute import execute
from bench.worker.site import Site
from tests.training.test_train import spec_of


def test_a_clock_that_is_set_back_puts_no_end_before_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, steps = time.time(), itertools.count()
    monkeypatch.setattr(time, "time", lambda: now - 3600 * next(steps))
    spec = spec_of("cnn3", "classifier", 0, epochs=1, train_images=128)
    record = execute(spec, Site(str(tmp_path), "", dataset=digits()))
    assert record.status == "finished"
    assert record.environment["begun"] == now
    assert 0 <= record.environment["ended"] - now < 600
