"""Every command that a document shows does what it should: each is run in a small form, or smaller.py says by what.

They are run in a folder that holds what their readers have by then: reports, sessions of benchmarks, code.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import timeit
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import pytest

import run_ablation
from bench.store.store import Store
from tests.conftest import ROOT, mnist_dir, save_nothing
from tests.house.documented.commands import Command, commands
from tests.house.documented.smaller import BY_CI, ELSEWHERE, NOT_RUN, SMALL, small_job
from tests.house.environments import new_environment
from tests.speed.briefly import measured_briefly
from tests.speed.test_gate_sessions import session

T = TypeVar("T")

SERVERS = {"mlflow": "/health", "tensorboard": "/data/logdir"}
"""A program that serves pages until it is stopped → one of them."""

STEPS = ("git", "pip")
"""Programs whose commands are steps of one test."""


def in_full() -> list[Command]:
    """Each command once, without what a sentence names by its beginning."""
    every = commands()

    def is_beginning(one: Command) -> bool:
        return any(other.words[: len(one.words)] == one.words != other.words for other in every)

    return list({one.words: one for one in every if not (one.in_prose and is_beginning(one))}.values())


COMMANDS = in_full()


def chosen(words: tuple[str, ...], of: Mapping[str, T]) -> T | None:
    """The value of the longest beginning of a command."""
    text = " ".join(words)
    begins = [begin for begin in of if text == begin or text.startswith((f"{begin} ", f"{begin}="))]
    return of[max(begins, key=len)] if begins else None


def job_options(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The options of a command that is a job, whoever starts it."""
    starts = ("conv-ablation",), ("python", "run_ablation.py"), ("uv", "run", "run_ablation.py")
    return next((words[len(start) :] for start in starts if words[: len(start)] == start), None)


def is_module(words: tuple[str, ...]) -> bool:
    return words[:2] == ("python", "-m") and chosen(words[2:], SMALL) is not None


def is_left(words: tuple[str, ...]) -> bool:
    return any(chosen(words, of) is not None for of in (ELSEWHERE, NOT_RUN, dict.fromkeys(BY_CI, "")))


DOCUMENTED_JOBS = [one for one in COMMANDS if job_options(one.words) is not None and not is_left(one.words)]
JOBS = list(dict.fromkeys(small_job(job_options(one.words) or ()) for one in DOCUMENTED_JOBS))
"""Some that differ in the number of seeds alone are the same in small."""

MODULES = [one for one in COMMANDS if is_module(one.words)]
TIMED = [one for one in COMMANDS if one.words[:3] == ("python", "-m", "timeit")]


def test_each_command_is_run_or_said_not_to_be() -> None:
    run = {one.words for one in [*DOCUMENTED_JOBS, *MODULES, *TIMED]}
    left = [one for one in COMMANDS if one.words not in run and not is_left(one.words)]
    assert {one.words[0] for one in left} <= {*SERVERS, *STEPS, "cd"}


def test_what_is_said_of_a_command_is_of_one_that_is_documented() -> None:
    for begin in [*ELSEWHERE, *NOT_RUN, *BY_CI]:
        assert any(chosen(one.words, {begin: ""}) is not None for one in COMMANDS), begin


@pytest.mark.parametrize("test", ELSEWHERE.values())
def test_a_test_that_is_said_to_run_a_command_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    assert f"\ndef {name}" in (ROOT / "tests" / path).read_text(encoding="utf-8")


def test_what_ci_is_said_to_run_it_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [begin for begin in BY_CI if begin.removeprefix("python ") not in script] == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of somebody who has read the documents: their code, a report under each of its names, sessions."""
    folder = tmp_path_factory.mktemp("place")
    wide2, denoise = (code_of(f"adding-{what}.md") for what in ("an-architecture", "a-task"))
    for name, code in {"wide2": wide2, "my_arch": wide2, "mine": wide2, "denoise": denoise}.items():
        (folder / f"{name}.py").write_text(code.replace('"wide2"', f'"{name}"'), encoding="utf-8")
    if data := mnist_dir():
        (folder / "data").symlink_to(data)
    for salt, name in enumerate(("old", "new", "OLD", "NEW")):
        session(folder / f"{name}.json", 10 * (1 + salt))
    with contextlib.chdir(folder):
        three = ["--archs", "cnn2", "mine", "my_arch", "--tasks", "vae"]
        for name in ("report", "reports/generated/NAME"):
            assert run_ablation.main([*small_job(three), "--plugin", "mine.py", "--out", name]) == 0
        for name in ("OLD", "NEW", "A", "B", "REPORT"):
            shutil.copytree("report", name)
        shutil.copytree("reports/generated/NAME", "reports/generated/try-1")
    return folder


def code_of(document: str) -> str:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(place)
    with patch("reports.figures.canvas.save", save_nothing), measured_briefly():
        yield place


@pytest.mark.slow
@pytest.mark.parametrize("options", JOBS, ids=lambda options: " ".join(options)[:100])
def test_a_documented_job_ends_with_a_report(
    options: tuple[str, ...], here: Path, capsys: pytest.CaptureFixture
) -> None:
    if "--launcher" in options:
        pytest.importorskip("ray", reason="Ray is not installed (the extra [cluster])")
    assert run_ablation.main(list(options)) == 0
    shown = capsys.readouterr().out
    if "--list" in options:
        assert "cnn2" in shown
    else:
        (report,) = re.findall(r"^report: (.*)$", shown, re.MULTILINE)
        assert Path(report).read_text(encoding="utf-8").startswith("# ")


@pytest.mark.slow
@pytest.mark.parametrize("command", MODULES, ids=str)
def test_a_documented_module_does_its_work(command: Command, here: Path, capsys: pytest.CaptureFixture) -> None:
    words = command.words[2:]
    small = chosen(words, SMALL)
    assert small is not None
    module = importlib.import_module("reports.__main__" if words[0] == "reports" else words[0])
    run = next(one.run_id for one in Store(Path("runs")).records() if one.spec["arch"] == "cnn2")
    arguments = [run if word == "RUN" else word for word in words[1:]]
    with patch.multiple(module, **small.constants) if small.constants else contextlib.nullcontext():
        if words[0].startswith("tests."):
            with patch.object(sys, "argv", ["command", *arguments, *small.arguments]):
                status = module.main()
        else:
            status = module.main([*arguments, *small.arguments])
    said = capsys.readouterr()
    assert status in ((0, 1) if "--fail-on" in words else (0, None)), said.err
    assert "error" not in said.err


@pytest.mark.slow
@pytest.mark.parametrize("command", TIMED, ids=str)
def test_a_documented_timing_is_one(command: Command, here: Path, capsys: pytest.CaptureFixture) -> None:
    if "load('mnist', 'data')" in command.words and mnist_dir() is None:
        pytest.skip("MNIST is not in $ABLATION_DATA, ../shared/mnist or data/")
    arguments = list(command.words[3:])
    arguments[arguments.index("-n") + 1] = "1"
    assert timeit.main(["-r", "1", *arguments]) is None
    assert "1 loop, best of 1: " in capsys.readouterr().out


@pytest.mark.slow
def test_the_documented_steps_of_git_and_pip_install_the_project(tmp_path: Path) -> None:
    """Of a clone into an environment; the libraries are those of this one, and nothing is downloaded."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    pytest.importorskip("hatchling", reason="hatchling is not installed (the group dev)")
    steps = [one.words for one in COMMANDS if one.words[0] in STEPS and not is_left(one.words)]
    clone = tmp_path / "conv-ablation"
    for words in (words for words in steps if words[:2] == ("git", "clone")):
        said([str(ROOT) if word == "URL" else word for word in words], tmp_path)
    for branch in ("main", "mine"):
        said(["git", "switch", "-q", "-C", branch], clone)
    for words in (words for words in steps if words[:2] == ("git", "switch")):
        said(list(words), clone)
    python, _ = new_environment(tmp_path / "environment", with_pip=True)
    for words in (words for words in steps if words[0] == "pip"):
        offline = ["--no-index", "--no-deps", "--no-build-isolation", "--force-reinstall"]
        said([str(python), "-m", *words, *offline], clone)
        if words[-1] == ".":
            assert "cnn2" in said([str(python.with_name("conv-ablation")), "--list"], tmp_path)
    said([str(python), "-m", "tests.tasks.test_declarations"], clone)
    assert said(["git", "status", "--porcelain"], clone) == "", "written anew, the declarations are the committed ones"


def said(command: list[str], folder: Path) -> str:
    """Run a command, and return what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", [one for one in COMMANDS if one.words[0] in SERVERS], ids=str)
def test_a_documented_server_shows_its_pages(command: Command, here: Path) -> None:
    program = Path(sys.executable).with_name(command.words[0])
    needed = {"mlflow": "flask", "tensorboard": "tensorboard"}[program.name]  # mlflow-skinny has no pages
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [program, *command.words[1:], "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ | dict.fromkeys(command.variables, "true"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert shown(f"http://127.0.0.1:{port}{SERVERS[program.name]}", server)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.communicate()


def shown(page: str, server: subprocess.Popen[bytes]) -> bytes:
    """Return what a server shows, once it does."""
    for _ in range(600):
        assert server.poll() is None, server.communicate()
        with contextlib.suppress(OSError), urllib.request.urlopen(page, timeout=10) as answer:
            return answer.read()
        time.sleep(0.1)
    raise TimeoutError(page)
