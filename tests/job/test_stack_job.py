"""--stack through the command line: the same results as without, a refusal says why, a death fails all of a stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.job.options import parse
from bench.launchers.workers import site_of_worker
from bench.spec.device import FIRST_GPU, Device
from bench.store.store import Record, Store
from bench.worker.site import Site
from tests.job.test_job import BROKEN, job


def records(folder: Path) -> dict[tuple[str, str, int], Record]:
    store = Store(folder / "runs")
    found = [store.load(run_id) for run_id in store.run_ids()]
    return {(record.spec["arch"], record.spec["task"], record.spec["seed"]): record for record in found}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    """The records of one job with its seeds alone and with them together."""
    wanted = ["--archs", "cnn3", "pool4", "--tasks", "vae", "classifier", "--seeds", "3", "--workers", "1",
              "--train-images", "128", "--epochs", "1"]  # fmt: skip
    folders = [tmp_path_factory.mktemp(name) for name in ("alone", "together")]
    assert job(folders[0], *wanted) == 0
    assert job(folders[1], *wanted, "--stack", "3") == 0
    alone, together = map(records, folders)
    return alone, together


def test_stacked_runs_are_the_same_runs_with_nearly_the_same_numbers(both: tuple[dict, dict]) -> None:
    alone, together = both
    assert set(alone) == set(together)
    assert len(alone) == 9  # pool4 only classifies
    for key, record in together.items():
        assert record.run_id == alone[key].run_id
        assert record.status == "finished"
        expected = {name: value for name, value in alone[key].metrics.items() if name in ("elbo", "kl", "accuracy")}
        assert expected
        assert {name: record.metrics[name] for name in expected} == pytest.approx(expected, rel=2e-3)
        assert record.metrics["train_seconds"] > 0


def test_records_say_how_large_the_stack_was_or_why_there_was_none(both: tuple[dict, dict]) -> None:
    alone, together = both
    assert {record.environment["stack"] for record in alone.values()} == {1}
    for (arch, _, _), record in together.items():
        if arch == "cnn3":
            assert record.environment["stack"] == 3
            assert "stack_refused" not in record.environment
        else:  # dropout
            assert record.environment["stack"] == 1
            assert "random" in record.environment["stack_refused"]
    refused = [record.metrics["accuracy"] for (arch, _, _), record in together.items() if arch == "pool4"]
    assert refused == [record.metrics["accuracy"] for (arch, _, _), record in alone.items() if arch == "pool4"]


def test_a_worker_that_dies_takes_its_whole_stack_with_it_and_no_more(tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN)
    wanted = [
        "--archs",
        "dies",
        "cnn3",
        "--plugin",
        str(plugin),
        "--tasks",
        "classifier",
        "--seeds",
        "2",
        "--workers",
        "1",
    ]
    assert job(tmp_path, *wanted, "--stack", "2") == 1
    found = records(tmp_path)
    assert [found["dies", "classifier", seed].status for seed in (0, 1)] == ["failed", "failed"]
    assert "was killed by SIGKILL" in found["dies", "classifier", 1].error
    assert [found["cnn3", "classifier", seed].environment["stack"] for seed in (0, 1)] == [2, 2]


def test_gpus_are_taken_in_turn() -> None:
    site = Site("runs", "data", device=FIRST_GPU, devices=(FIRST_GPU, Device("cuda:1")))
    assert [site_of_worker(site, index).device for index in range(4)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert site_of_worker(Site("runs", "data"), 1).device == "cpu"


@pytest.mark.parametrize("text", ["on", "-1", "2.5", ""])
def test_a_bad_value_of_stack_is_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse([f"--stack={text}"])
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert repr(text) in lines[0]
    assert "auto, off or a number of seeds" in lines[0]
