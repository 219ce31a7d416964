"""Shared by all tests: where MNIST is, and why a test that needs it is skipped."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded, here and in what the tests start
os.environ.setdefault(
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0"
)  # before Ray is: tests import it before bench.launchers.ray_cluster does

import pytest

ROOT = Path(__file__).resolve().parent.parent


def mnist_dir() -> Path | None:
    """The first of $ABLATION_DATA, ../shared/mnist and data/ that holds the raw MNIST files."""
    from bench.data.datasets import is_complete

    named = os.environ.get("ABLATION_DATA")
    candidates = [Path(named)] if named else []
    candidates += [ROOT.parent / "shared" / "mnist", ROOT / "data"]
    return next((folder for folder in candidates if is_complete("mnist", folder)), None)


@pytest.fixture(scope="session")
def mnist() -> Path:
    folder = mnist_dir()
    if folder is None:
        pytest.skip("MNIST is not in $ABLATION_DATA, ../shared/mnist or data/")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "mnist" in getattr(item, "fixturenames", ()):
            item.add_marker("mnist")
        if item.get_closest_marker("cuda"):
            import torch

            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))
