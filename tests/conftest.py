"""Shared by all tests: where MNIST is, why tests that need it are skipped, bytecode for the processes they start."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded, here and in what the tests start
# before Ray is: tests import it before bench.launchers.ray_cluster does
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

import pytest

ROOT = Path(__file__).resolve().parent.parent


def mnist_dir() -> Path | None:
    """The first of $ABLATION_DATA, ../shared/mnist and data/ that holds the raw MNIST files."""
    from bench.data.datasets import is_complete
    from bench.spec.paths import environment_path

    named = environment_path("ABLATION_DATA")
    candidates = [Path(named)] if named else []
    candidates += [ROOT.parent / "shared" / "mnist", ROOT / "data"]
    return next((folder for folder in candidates if is_complete("mnist", folder)), None)


@pytest.fixture(scope="session")
def mnist() -> Path:
    folder = mnist_dir()
    if folder is None:
        pytest.skip("MNIST is not in $ABLATION_DATA, ../shared/mnist or data/")
    return folder


def pytest_configure(config: pytest.Config) -> None:
    """Lets the processes that tests start hear SIGINT, and find bytecode where this one may write none itself.

    Each of them would else compile torch anew, which takes twice as long as to import it.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background, where jobs would ignore it too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    torch = importlib.util.find_spec("torch")
    assert torch is not None and torch.origin is not None
    is_compiled = Path(importlib.util.cache_from_source(torch.origin)).exists()
    if sys.dont_write_bytecode and not is_compiled and hasattr(config, "cache"):  # not with -p no:cacheprovider
        os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("bytecode"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "mnist" in getattr(item, "fixturenames", ()):
            item.add_marker("mnist")
        if item.get_closest_marker("cuda"):
            import torch

            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))


def save_nothing(figure: object, path: Path, vector: bool) -> None:
    path.touch()


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Figures are made but neither laid out nor drawn, which takes most of the time of a page; for a whole module."""
    with patch("reports.figures.canvas.save", save_nothing):
        yield
