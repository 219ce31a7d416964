"""Code of one architecture leaves the process as it was, wherever it runs; else it is named, and that is undone."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from archs.errors import ChangedForAll, UserError
from archs.foreign.process_state import ProcessState, Watch, left_as_found
from archs.identity.fingerprint import fingerprint
from archs.registry import discover
from bench import tasks
from bench.data.digits import digits
from bench.store.store import Record
from bench.worker.execute import execute
from bench.worker.site import Site
from tests.training.test_train import spec_of

CHANGES = {
    "torch.set_default_dtype(torch.float64)": "torch's default dtype (from torch.float32 to torch.float64)",
    "torch.set_num_threads(3)": "torch's number of threads (from 1 to 3)",
    "torch.set_grad_enabled(False)": "torch's gradient mode (from True to False)",
    "torch.set_float32_matmul_precision('medium')": "torch's matmul precision (from highest to medium)",
    "torch.set_flush_denormal(True)": "torch's flushing of denormal numbers (from False to True)",
    "torch.autograd.set_detect_anomaly(True)": "torch's anomaly detection (from False to True)",
    "torch.backends.mkldnn.enabled = False": "torch.backends.mkldnn.enabled (from True to False)",
    "torch.backends.cudnn.benchmark = True": "torch.backends.cudnn.benchmark (from False to True)",
    "torch.backends.cuda.matmul.fp32_precision = 'tf32'": "torch",  # which can't be read then depends on its version
    "torch.set_autocast_enabled('cpu', True)": "torch's autocast on the CPU (from False to True)",
    "torch.set_default_device('meta')": "torch's default device (from cpu to meta)",
    "import numpy; numpy.seterr(all='ignore')": "numpy's error handling",
    "import os; os.chdir('/')": "the working directory (from ",
    "import os; os.environ['CUDA_VISIBLE_DEVICES'] = ''": "the environment (from {",
    "torch.nn.functional.conv2d = lambda *a, **k: torch.conv2d(*a, **k) * 2": "torch.nn.functional.conv2d",
    "torch.conv2d = None": "torch.conv2d",
    "nn.Linear.forward = lambda self, x: x": "torch.nn.modules.linear.Linear.forward",
    "nn.Linear.__call__ = lambda self, x: x": "torch.nn.modules.linear.Linear.__call__",
    "torch.Tensor.relu = lambda self: self": "torch.Tensor.relu",
    "import random; random.random = lambda: 0.5": "random.random",
    "import archs.base; archs.base.Arch = object": "archs.base.Arch",
    "import bench.models.latent as it; it.build_latent_model = print": "bench.models.latent.build_latent_model",
}
"""What a file may do to the process → what is said of it."""

PLUGIN = """
import torch
from torch import nn
from archs.base import Arch
{loaded}

class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 8)

    def forward(self, x):
        {called}
        return self.layer(x.flatten(1))

def encoder(channels):
    {built}
    return Trunk()

MINE = Arch(name="mine", summary="", source="a test", encoder=encoder)
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Also, in the end, a process as it was, if a test should fail to see to that."""
    threads, here = torch.get_num_threads(), os.getcwd()
    torch.set_num_threads(1)
    before = ProcessState.now()
    yield
    before.restore()
    torch.set_num_threads(threads)
    os.chdir(here)


def plugin(folder: Path, loaded: str = "", built: str = "pass", called: str = "pass") -> str:
    path = folder / "mine.py"
    path.write_text(PLUGIN.format(loaded=loaded, built=built, called=called), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("change", CHANGES)
def test_a_plugin_that_changes_the_process_when_loaded_is_refused(tmp_path: Path, change: str) -> None:
    import bench.models.latent  # noqa: F401  so that it is there to be changed

    path, before = plugin(tmp_path, loaded=change), ProcessState.now()
    for _ in range(2):  # it is not taken for loaded the second time
        with pytest.raises(UserError) as error:
            discover([path])
        assert str(error.value).startswith(f"plug-in {path}, when it is loaded, changes {CHANGES[change]}")
        assert "\n" not in str(error.value)
    assert before.restore() == []


@pytest.mark.parametrize("change", [*CHANGES][:7])
def test_an_architecture_that_changes_the_process_when_built_is_refused(tmp_path: Path, change: str) -> None:
    (arch,) = discover([plugin(tmp_path, built=change)]).resolve(["mine"]).archs
    before = ProcessState.now()
    with pytest.raises(ChangedForAll) as error:
        tasks.get("classifier").new_model(arch, None, 0)
    assert str(error.value).startswith(f"mine, when its classifier is built, changes {CHANGES[change]}")
    assert before.restore() == []


def test_the_change_is_undone_even_if_the_code_fails(tmp_path: Path) -> None:
    before = ProcessState.now()
    with pytest.raises(UserError, match="ZeroDivisionError"):
        discover([plugin(tmp_path, loaded="torch.set_default_dtype(torch.float64); 1 / 0")])
    assert before.restore() == []


def test_drawing_random_numbers_when_loaded_is_no_mistake_and_leaves_no_trace(tmp_path: Path) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    drawn = "import random, numpy; torch.manual_seed(1); numpy.random.rand(); random.random(); nn.Linear(3, 3)"
    assert "mine" in discover([plugin(tmp_path, loaded=drawn)]).archs
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
    assert random.getstate() == before[2]


def test_what_torch_does_to_itself_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its compiler, imported late, wraps some of its functions."""
    monkeypatch.setattr(torch, "manual_seed", torch.manual_seed)  # to be put back
    with left_as_found("torch"):
        torch.manual_seed = torch._disable_dynamo(torch.manual_seed)


def test_a_working_directory_that_is_gone_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with left_as_found("nothing"):
        pass


def done(name: str, folder: Path, plugins: tuple[str, ...] = ()) -> Record:
    """The record of a short classifier run, in this process."""
    (arch,) = discover(plugins).resolve([name]).archs
    spec = spec_of("cnn3", "classifier", 0, epochs=1, train_images=128)
    spec = dataclasses.replace(spec, arch=name, arch_fingerprint=fingerprint(arch))
    folder.mkdir(exist_ok=True)
    return execute(spec, Site(str(folder), "", plugins, dataset=digits()))


@pytest.mark.parametrize("change", ["torch.set_default_dtype(torch.float64)", "F.cross_entropy = F.nll_loss"])
def test_a_run_that_changes_the_process_fails_and_leaves_the_next_one_alone(tmp_path: Path, change: str) -> None:
    alone = done("cnn3", tmp_path / "alone")
    path = plugin(
        tmp_path, loaded="from torch.nn import functional as F", called=f"if torch.is_grad_enabled(): {change}"
    )
    theirs = done("mine", tmp_path / "beside", (path,))
    assert theirs.status == "failed"
    assert theirs.error is not None
    assert "mine, in its classifier, changes torch" in theirs.error
    ours = done("cnn3", tmp_path / "beside", (path,))
    assert ours.metrics["accuracy"] == alone.metrics["accuracy"]
    assert ours.history[0]["train_loss"] == alone.history[0]["train_loss"]
    assert F.cross_entropy.__module__ == "torch.nn.functional"


def test_a_record_names_the_foreign_code_that_its_process_held(tmp_path: Path) -> None:
    (path,) = plugins = (plugin(tmp_path),)
    record = done("cnn3", tmp_path / "runs", plugins)
    assert len(record.environment["foreign_code"][Path(path).name]) == 12


def test_a_change_counts_against_all_that_ran_meanwhile() -> None:
    first, second = Watch(), Watch()
    torch.set_default_dtype(torch.float64)
    with pytest.raises(ChangedForAll, match=r"^one changes torch's default dtype"):
        first.look("one")
    with pytest.raises(ChangedForAll, match=r"^the other ran beside code that changes"):
        second.look("the other")
    Watch().look("whoever comes later")


def test_a_family_is_held_to_it_too(tmp_path: Path) -> None:
    path = tmp_path / "family.py"
    path.write_text(
        "import torch\nfrom archs.base import Arch, Family\n"
        "def build(options):\n    torch.set_default_dtype(torch.float64)\n"
        "    return Arch(name='odd', summary='', source='', encoder=print)\n"
        "ODD = Family(name='odd', summary='', source='', build=build)\n",
        encoding="utf-8",
    )
    with pytest.raises(ChangedForAll, match=r"odd, given its options, changes torch's default dtype"):
        discover([path]).resolve(["odd"])
    assert torch.get_default_dtype() is torch.float32
