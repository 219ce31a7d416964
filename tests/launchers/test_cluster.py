"""The Ray launcher on a real cluster of two nodes on this machine, one of which is killed in the middle of a job."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from archs.registry import discover
from bench import evaluation
from bench.data.datasets import load
from bench.job import options
from bench.job.display import Display
from bench.job.recipe import recipe_of
from bench.job.runs import candidates_of, runs_of
from bench.launchers.events import Event
from bench.launchers.local import launch
from bench.machine.provenance import provenance
from bench.spec.device import CPU
from bench.spec.run import Work
from bench.store.differences import differences
from bench.store.record import FILES
from bench.store.store import Damaged, Record, Store
from bench.tasks import get
from bench.worker.site import Site
from run_ablation import main
from tests.conftest import ROOT
from tests.job.test_job import TINY

NOTICED_SOON = {"health_check_period_ms": 300, "health_check_initial_delay_ms": 1000}
"""Settings of Ray, which asks nodes whether they live: one that is gone counts as such after 15 s otherwise."""

HELPER = """
import time
from pathlib import Path
from unittest.mock import patch

WIDTH = 4
WAIT_SECONDS = 60

def hold():
    \"""On a node of a cluster: says where it is, and stays until that node is let go.\"""
    try:
        import ray
    except ImportError:
        return
    if not ray.is_initialized() or ray.get_runtime_context().worker.mode != ray.WORKER_MODE:
        return
    node = ray.get_runtime_context().get_node_id()
    Path("FOLDER", "held-" + node).touch()
    until = time.monotonic() + WAIT_SECONDS
    while not Path("FOLDER", "go-" + node).exists():
        assert time.monotonic() < until, "not let go"
        time.sleep(0.01)
"""
PLUGIN = """
from torch import nn
from archs.base import Arch
from cluster_helper_for_test import WIDTH, hold

class Held(nn.Module):
    calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls == 3:
            hold()
        return x

def encoder(in_channels):
    return nn.Sequential(Held(), nn.Conv2d(in_channels, WIDTH, 3, stride=4), nn.ReLU(), nn.Flatten())

ARCH = Arch(name="travels", summary="a test", source="a test", encoder=encoder)
"""


def bytes_of(record: Record) -> dict[str, bytes]:
    assert record.folder is not None
    return {path.name: path.read_bytes() for path in record.folder.iterdir() if path.is_file()}


def test_a_record_from_elsewhere_is_taken_in_whole_or_not_at_all(tmp_path: Path) -> None:
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    record = Record("0123456789abcdef", {"part": "x"}, "finished", metrics={"elbo": -1.0})
    there.write(record, {"test_elbo": np.zeros(3)}, b"weights")
    files = bytes_of(there.load(record.run_id))
    assert set(files) == {"record.json", *FILES}
    for name in files:
        with pytest.raises(Damaged):
            here.adopt(record.run_id, {**files, name: files[name][:-1]})
        with pytest.raises(Damaged):
            here.adopt(record.run_id, {key: value for key, value in files.items() if key != name})
    assert here.run_ids() == []
    assert list(here.folder.iterdir()) == []
    here.adopt(record.run_id, files)
    assert bytes_of(here.load(record.run_id)) == files


OWN = """
import os, sys
from pathlib import Path
from bench.launchers.ray_cluster import Cluster

def listening():
    "The addresses at which what this process has started listens, as the system's tables have them."
    mine, added = {str(os.getpid())}, True
    while added:
        parents = {path.parent.name: path.read_text().rpartition(")")[2].split()[1] for path in stats()}
        added = {one for one, parent in parents.items() if parent in mine} - mine
        mine |= added
    sockets = set()
    for process in mine:
        for path in Path("/proc", process, "fd").iterdir():
            try:
                sockets.add(os.readlink(path))
            except OSError:
                continue
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                yield fields[1].partition(":")[0]

def stats():
    return [path for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]

cluster = Cluster("local", 1)
print(*sorted(set(listening())))
cluster.close()
print(*os.listdir(os.environ["TMPDIR"]))
"""


LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
"""127.0.0.1, ::1 and ::ffff:127.0.0.1 as /proc/net writes them."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_cluster_that_is_started_here_is_this_machine_s_alone_and_leaves_nothing() -> None:
    """It starts a whole Ray, in a process that has not loaded it yet: eight seconds."""
    pytest.importorskip("ray", reason="Ray is not installed (the extra [cluster])")
    with tempfile.TemporaryDirectory(prefix="r") as folder:  # a socket's path is short
        environment = os.environ | {"TMPDIR": folder}
        done = subprocess.run([sys.executable, "-c", OWN], env=environment, cwd=ROOT, capture_output=True, text=True)
    addresses, left = done.stdout.splitlines()
    assert addresses, done.stderr
    assert set(addresses.split()) <= LOOPBACK, "not only loopback"
    assert left == ""


@pytest.mark.slow
def test_an_address_where_nobody_listens_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (the extra [cluster])")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    for address, said in ((f"127.0.0.1:{port}", "refused"), ("nonsense", "expected auto, local, or the HOST:PORT")):
        command = [*TINY, "--launcher", "ray", "--ray-address", address, "--runs-dir", str(tmp_path / "runs")]
        assert main(command) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith(f"error: --ray-address {address}: ")
        assert said in line
    assert not (tmp_path / "runs").exists()


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[object]:
    """A head and a second node with one CPU each; both are processes of their own, as on two machines."""
    ray = pytest.importorskip("ray", reason="Ray is not installed (the extra [cluster])")
    from ray.cluster_utils import Cluster as Nodes

    small = {"num_cpus": 1, "object_store_memory": 100_000_000, "include_dashboard": False}
    nodes = Nodes(initialize_head=True, head_node_args=small | {"_system_config": NOTICED_SOON})
    yield nodes
    ray.shutdown()  # of a job that was refused: its process would have ended
    nodes.shutdown()


def work_of(folder: Path, plugins: list[str]) -> list[Work]:
    request = options.parse([*TINY, "--evaluate", "full", "--iwae-samples", "2", "--seeds", "2"])
    data = load("digits", "").describe()
    recipe = recipe_of(request, CPU, data)
    registry = discover(plugins)
    named, held = (candidates_of(registry.resolve([name]).archs) for name in ("cnn2", "travels"))
    runs = runs_of(named, [get("vae"), get("classifier")], 1, recipe, data)
    asked = evaluation.EvaluationRequest("full", request.iwae_samples, request.iwae_images)
    further = [part for part in evaluation.plan(runs, asked, "cnn2")[0] if part.part == "probe"]
    return [*runs_of(held, [get("classifier")], 2, recipe, data), *runs, *further]


@pytest.mark.slow
def test_a_job_survives_the_loss_of_a_node_and_its_records_are_those_of_one_machine(
    two_nodes: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.launchers.ray_cluster import Cluster

    (tmp_path / "cluster_helper_for_test.py").write_text(HELPER.replace("FOLDER", str(tmp_path)), encoding="utf-8")
    (tmp_path / "travels.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    plugins = [str(tmp_path / "travels.py")]
    work = work_of(tmp_path, plugins)
    sites = {
        name: Site(str(tmp_path / name), "", tuple(plugins), CPU, workers=2, provenance=provenance())
        for name in ("ray", "local")
    }
    second = two_nodes.add_node(num_cpus=1, object_store_memory=100_000_000)  # type: ignore[attr-defined]
    cluster = Cluster(two_nodes.address, 1, plugins)  # type: ignore[attr-defined]
    events: list[Event] = []
    lost = False
    with (
        closing(cluster),
        Display(work, 0, 2) as display,
        closing(cluster.launch(work, sites["ray"], {})) as happening,
    ):
        assert cluster.slots([CPU]) == 2
        for event in happening:
            display.show(event)
            events.append(event)
            held = {path.name.removeprefix("held-") for path in tmp_path.glob("held-*")}
            if len(held) == 2 and not lost:  # a run on each node, in the middle
                lost = True
                two_nodes.remove_node(second, allow_graceful=False)  # type: ignore[attr-defined]
                (head,) = held - {second.node_id}
                (tmp_path / f"go-{head}").touch()
    ended = [event for event in events if event.kind.is_end]
    assert lost
    assert [(event.kind, event.error) for event in ended] == [("finished", None)] * len(work)
    started = [event.spec.run_id for event in events if event.kind == "started" and event.spec]
    # one of the two runs that were held, and nothing else, ran twice
    assert len(started) == len(work) + 1
    (again,) = {run_id for run_id in started if started.count(run_id) == 2}
    assert again in {spec.run_id for spec in work[:2]}

    for event in launch(work, sites["local"]):
        assert event.kind != "failed", event.error
    for spec in work:
        theirs, ours = (Store(spec.store_folder(sites[name].runs_dir)).load(spec.run_id) for name in ("ray", "local"))
        assert differences(ours, theirs) == []
        assert theirs.environment["commit"] == ours.environment["commit"]
    assert not list(Path(sites["ray"].runs_dir).glob(".partial-*"))


@pytest.mark.slow
def test_no_room_on_the_cluster_is_one_line(two_nodes: object, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    address = two_nodes.address  # type: ignore[attr-defined]
    command = [*TINY, "--launcher", "ray", "--ray-address", address, "--threads", "64"]
    assert main([*command, "--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]) == 2
    assert "--threads 64: no node of the Ray cluster has that many CPUs" in capsys.readouterr().err


GROWING = {
    "until sure": ["--tasks", "classifier", "--until-sure", "--max-seeds", "5"],
    "race": ["--tasks", "vae", "--race", "--max-seeds", "4", "--confirm", "1"],
}
"""Of two comparisons three pairs settle none, and a race of three that hardly learn ends at the most seeds."""


@pytest.mark.slow
@pytest.mark.parametrize("rule", GROWING)
def test_a_plan_that_grows_does_its_rounds_on_a_cluster(rule: str, two_nodes: object, tmp_path: Path) -> None:
    address = two_nodes.address  # type: ignore[attr-defined]
    archs = [f"cnn:depth=1,channels={channels}" for channels in (2, 3, 4)]
    command = [*TINY, "--archs", *archs, "--epochs", "1", *GROWING[rule]]
    manifests = []
    for name, launcher in (("ray", ["--launcher", "ray", "--ray-address", address]), ("local", [])):
        where = ["--runs-dir", str(tmp_path / name), "--out", str(tmp_path / f"{name}-report")]
        with patch("reports.build"), patch("reports.load"), patch("reports.terminal_summary", return_value=""):
            assert main([*command, *launcher, *where]) == 0
        manifests.append(json.loads((tmp_path / f"{name}-report" / "manifest.json").read_text(encoding="utf-8")))
    ray, local = manifests
    assert ray["run_ids"] == local["run_ids"] and len(Store(tmp_path / "ray").run_ids()) > 9, "a further round"
    assert [ray.get(name) for name in ("stopping", "race")] == [local.get(name) for name in ("stopping", "race")]
    assert Store(tmp_path / "ray").run_ids() == Store(tmp_path / "local").run_ids()
