"""Shared by all tests: where MNIST is, why tests that need it are skipped, bytecode for the processes they start."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import signal
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    from archs.base import Arch
    from archs.registry import Registry
    from reports.figures.canvas import FigureWriter
    from reports.markup.blocks import Figure as FigureBlock

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded, here and in what the tests start
# before Ray is: tests import it before bench.launchers.ray_cluster does
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

os.environ.pop("COLUMNS", None)  # the width of somebody's terminal, or of a worker of pytest-xdist, would break lines

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


@functools.cache
def registered() -> Registry:
    """The architectures of this project, found once: among all that tests load that takes a twentieth of a second."""
    from archs.registry import discover

    return discover()


@functools.cache
def arch_of(name: str) -> Arch:
    """One of them, or of their families."""
    return registered().resolve([name]).archs[0]


@pytest.fixture(scope="session")
def mnist() -> Path:
    folder = mnist_dir()
    if folder is None:
        pytest.skip("MNIST is not in $ABLATION_DATA, ../shared/mnist or data/")
    return folder


def pytest_configure(config: pytest.Config) -> None:
    """Lets the processes that tests start hear SIGINT, and find bytecode where Python may write none beside a source.

    Each of them would else compile this project anew, and torch, if its installer hasn't.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background, where jobs would ignore it too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.option.loadscopereorder = False  # workers take files in the order of pytest_collection_modifyitems
    drawn_however_slowly()
    if sys.dont_write_bytecode and hasattr(config, "cache"):  # not with -p no:cacheprovider
        keep_bytecode(Path(config.cache.mkdir("bytecode")))


def drawn_however_slowly() -> None:
    """Lets hypothesis fail a test for what it finds, and never for the seconds that other work of the machine takes."""
    from hypothesis import HealthCheck, settings

    settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("shared machine")


def keep_bytecode(folder: Path) -> None:
    """Lets Python keep its bytecode in a folder, where links to what has been compiled of the libraries are the first.

    The workers of pytest-xdist are told by the environment too, and find the bytecode of tests there.
    """
    shutil.rmtree(folder / Path(tempfile.gettempdir()).relative_to("/"), ignore_errors=True)  # of earlier sessions
    if next(folder.iterdir(), None) is None:
        for library in {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}:
            for compiled in Path(library).glob("**/__pycache__"):
                beside = folder / compiled.parent.relative_to("/")
                beside.mkdir(parents=True, exist_ok=True)
                for path in compiled.iterdir():
                    (beside / path.name).symlink_to(path)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(folder)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that is imported for the tests is garbage: looking at it takes a tenth of the time until they begin."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """What was imported by now stays: each full collection of garbage would else look through all of it again.

    Texts in tables are held as where PyArrow, an extra, is not installed: a page takes two thirds of the time. Where it
    is, the processes that tests start hold them as it does.
    """
    import pandas as pd

    pd.set_option("mode.string_storage", "python")
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # or libraries say at the end that it leaked


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files that take longest first, so that no worker begins one when the others have nothing left to do."""
    slow, all_tests = Counter[Path](), Counter[Path](item.path for item in items)
    slow.update(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (-slow[item.path], -all_tests[item.path], item.path))
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


def show_nothing(self: FigureWriter, name: str, alt: str, *given: object, **options: object) -> FigureBlock:
    from reports.markup.blocks import Figure

    path = self.folder / "figures" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    return Figure(f"figures/{name}.png", alt)


def without_figures() -> AbstractContextManager[object]:
    """Figures are not even made, which takes a third of the time of a page without them; where words are looked at."""
    return patch("reports.figures.canvas.FigureWriter.write", show_nothing)


@pytest.fixture(scope="module")
def unmade() -> Iterator[None]:
    """As `without_figures`, for a whole module."""
    with without_figures():
        yield


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """What tests write need not outlast a power cut; the jobs that they start wait for the disk as ever."""
    with patch("os.fsync", lambda file: None):
        yield


@pytest.fixture
def heard() -> Iterator[None]:
    """Each signal that stops a job is heard, in what the test starts too, also where the tests run under nohup.

    That ignores SIGHUP, which is for whoever starts them to decide: all other tests go on after a hang-up.
    """
    from bench.spec.signals import STOPPING

    ignored = [number for number in STOPPING if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
