"""Code of others that does not come to an end, while it is loaded or builds: it is stopped, and named with its line."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from archs.base import Arch
from archs.foreign import time_limit
from archs.foreign.plugins import load_plugin
from archs.foreign.time_limit import Endless
from archs.identity.structure import structure
from bench import tasks
from bench.job.listing import entry
from bench.worker.label_inputs import label_inputs

BUILDS = """
from archs.base import Arch

def encoder(in_channels):
    while True:
        in_channels += 1

ARCH = Arch(name="endless", summary="never comes back", source="test", encoder=encoder)
"""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "SECONDS", 0.1)
    monkeypatch.setattr(time_limit, "AGAIN_SECONDS", 0.1)


@pytest.fixture
def endless(tmp_path: Path) -> Arch:
    plugin = tmp_path / "endless.py"
    plugin.write_text(BUILDS, encoding="utf-8")
    return load_plugin(plugin).ARCH


def test_a_builder_stops_whoever_calls_it_and_a_list_goes_on(endless: Arch) -> None:
    task, said = tasks.get("classifier"), r"^{} has not come to an end within 0.1 s \(endless.py:\d in encoder\)$"
    with pytest.raises(Endless, match=said.format("endless, when its classifier is built,")):
        task.new_model(endless, None, 0)
    with pytest.raises(Endless, match=said.format("a builder")):
        structure(endless.encoder, 1)
    with pytest.raises(Endless, match=said.format("endless")):
        label_inputs([endless], [tasks.get("cvae")], 4)
    problems: dict[str, None] = {}
    assert "parameters: classifier –, reader –" in entry(
        endless, "endless", [task, tasks.get("reader")], problems
    ).replace("\N{NO-BREAK SPACE}", " ")
    assert len(problems) == 1
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_file_that_is_loaded_for_ever_is_named(tmp_path: Path) -> None:
    plugin = tmp_path / "endless.py"
    plugin.write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    with pytest.raises(Endless, match=r"^plug-in .*endless.py, when it is loaded, has not come .* \(endless.py:2\)$"):
        load_plugin(plugin)


def test_elsewhere_than_in_the_main_thread_nothing_is_stopped() -> None:
    found: list[str] = []

    def call() -> None:
        with time_limit.time_limit("a thread"):
            found.append("called")

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert found == ["called"]


def test_code_that_catches_all_is_stopped_once_more_and_what_is_in_time_is_not() -> None:
    with pytest.raises(Endless), time_limit.time_limit("it"):
        for _ in range(2):
            try:
                threading.Event().wait(10)
            except Endless:
                continue
            pytest.fail("it was not stopped")
        threading.Event().wait(10)
    with time_limit.time_limit("it"), time_limit.time_limit("what is in it"):
        pass
