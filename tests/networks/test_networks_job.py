"""Networks of other people's kinds through the command line: one worker or two, in this order or that; the page."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.store.differences import differences
from bench.store.store import Store
from run_ablation import main
from tests.job.test_job import job
from tests.networks.networks import PLUGINS, REFUSED, ZOO

NAMES = ["always-drops", "numpy-drawn", "lenet", "dcgan", "lazy", "stochastic-depth", "sigmoid"]
"""Those whose numbers could depend on what a process did before, and one that has a warning."""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmade")]


def run(folder: Path, names: list[str], workers: int) -> Store:
    plugins = [word for path in PLUGINS for word in ("--plugin", path)]
    wanted = ["--tasks", "cvae", "--train-images", "128", "--epochs", "1", "--workers", str(workers)]
    assert job(folder, "--archs", *names, *plugins, *wanted, report=workers == 1) == 0
    return Store(folder / "runs")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """The same job by one worker, and by two in the other order."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    return run(folders[0], NAMES, 1), run(folders[1], NAMES[::-1], 2)


def test_one_worker_and_two_give_the_same_bits(stores: tuple[Store, Store]) -> None:
    one, two = stores
    assert sorted(one.run_ids()) == sorted(two.run_ids())
    for run_id in one.run_ids():
        assert differences(one.load(run_id), two.load(run_id)) == [], one.load(run_id).spec["arch"]


def test_their_models_can_be_loaded(stores: tuple[Store, Store]) -> None:
    for run_id in stores[0].run_ids():
        model = bench.load_model(stores[0].folder, run_id, PLUGINS)
        assert not model.training


def test_the_page_warns_by_name(stores: tuple[Store, Store]) -> None:
    page = (Path(stores[0].folder).parent / "report" / "report.md").read_text(encoding="utf-8")
    assert "sigmoid cvae: its decoder gives no logit below 0" in page
    assert "always-drops cvae: it draws random numbers when it is evaluated" in page
    assert "lenet cvae: its" not in page


def test_the_list_has_every_network_and_says_which_can_t_be_built(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--plugin", str(ZOO / "behaviour.py")]) == 0
    shown = capsys.readouterr()
    assert all(name in shown.out for name in ("sigmoid", "tanh", *REFUSED))
    lines = [line for line in shown.err.splitlines() if "WARNING" in line]
    assert lines == [f"WARNING: {REFUSED['pair']} are the task's"]
