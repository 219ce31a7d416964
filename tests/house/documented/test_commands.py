"""Every command that a document shows is one: its program and module exist, its options are known, its files are there.

As it stands, with the documented numbers; test_runs.py runs it in a small form. What can't be parsed here is in
`ELSEWHERE`, with the reason.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import pytest

from archs.registry import discover
from bench.job import options
from tests.conftest import ROOT
from tests.house.documented.commands import DOCUMENTS, FENCE, Command, commands

COMMANDS = commands()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

ELSEWHERE = {
    "apt install": "changes the system",
    "cd conv-ablation": "into what git has made",
    "git clone": "its URL is the reader's to fill in",
    "git switch": "the reader's own branches",
    "python -c": "names an option of Python's",
    "python -m venv": "makes an environment; test_installed.py makes one",
    "python -m bench.studies.NAME": "stands for all of them",
    "tensorboard --logdir": "serves pages until it is stopped; its options are looked up",
    "mlflow ui": "serves pages until it is stopped; its options are looked up",
    "ray": "starts a cluster; its options are looked up",
}
"""How a command begins → why it is not called."""

NAMED_LATER = {"wide2": "cnn2", "my_arch": "cnn2"}
"""An architecture of the reader's own → one that is there."""

UV_OPTIONS = {"--isolated": 0, "--python": 1, "--with": 1, "--torch-backend": 1, "--extra": 1, "-q": 0}
"""uv is in no environment of ours: its options, each with the number of words that follow."""

PACKAGES = {"uv", "mlflow"}
"""What documents let pip install by name."""


class Parsed(Exception):
    """The options of a command were found to be in order."""


def reason(command: Command) -> str | None:
    """Why a command is not called; None if it is."""
    text = " ".join(command.words)
    return next((why for begin, why in ELSEWHERE.items() if text == begin or text.startswith(f"{begin} ")), None)


def test_there_are_commands_to_check() -> None:
    programs = [command.words[0] for command in COMMANDS]
    assert len(programs) > 90
    assert {"python", "pip", "uv", "git", "bash", "mlflow", "tensorboard", "ray", "conv-ablation"} <= set(programs)


def test_each_reason_is_of_a_command_that_is_documented() -> None:
    texts = [" ".join(command.words) for command in COMMANDS]
    assert [begin for begin in ELSEWHERE if not any(text.startswith(begin) for text in texts)] == []


@pytest.mark.parametrize("command", [one for one in COMMANDS if reason(one) is None], ids=str)
def test_every_documented_command_is_one(command: Command) -> None:
    CHECKS[command.words[0]](command, list(command.words[1:]))


def test_every_script_that_is_shown_is_one() -> None:
    blocks = [found for path in DOCUMENTS for found in FENCE.findall(path.read_text(encoding="utf-8"))]
    scripts = [block for language, block in blocks if language in ("sh", "bash")]
    assert scripts
    for script in scripts:
        subprocess.run(["bash", "-n", "-c", script], check=True)


def check_job(command: Command, words: list[str]) -> None:
    chosen = options.parse([NAMED_LATER.get(word, word) if "--archs" in words else word for word in words])
    assert discover().resolve(chosen.archs).archs


def check_python(command: Command, words: list[str]) -> None:
    """A script, or a module with its options."""
    words = words[1:] if words[0] == "-P" else words
    if words[0] == "run_ablation.py":
        return check_job(command, words[1:])
    assert words[0] == "-m", words
    module, arguments = words[1], words[2:]
    if module == "pytest":
        return check_pytest(command, arguments)
    if module == "timeit":
        return check_timeit(arguments)
    return check_module(command, module, arguments)


def check_module(command: Command, name: str, arguments: list[str]) -> None:
    """Let the module parse the arguments, and do nothing else; of a phrase in a sentence only its beginning counts."""
    package = (ROOT / Path(*name.split("."))).is_dir()
    module = importlib.import_module(f"{name}.__main__" if package else name)
    assert module.__file__ is not None
    assert '\nif __name__ == "__main__":' in Path(module.__file__).read_text(encoding="utf-8")
    if command.in_prose and not any(word.startswith("-") for word in arguments):
        arguments = [*[word for word in arguments if word.islower()], "--help"]
    if hasattr(module, "main"):
        assert parses(module.main, arguments), command
    else:
        assert arguments in ([], ["--help"])


def parses(main: Callable[..., Any], arguments: Sequence[str]) -> bool:
    """Whether the parser that a main function makes takes the arguments; nothing after it is done."""
    inner, depth = argparse.ArgumentParser.parse_known_args, [0]

    def parse_and_stop(self: argparse.ArgumentParser, *given: Any, **named: Any) -> Any:
        depth[0] += 1  # a sub-command has a parser within the parser
        try:
            found = inner(self, *given, **named)
        finally:
            depth[0] -= 1
        if depth[0] or found[1]:
            return found
        raise Parsed

    with patch.object(argparse.ArgumentParser, "parse_known_args", parse_and_stop):
        try:
            if main.__code__.co_argcount:
                main(list(arguments))
            else:
                with patch.object(sys, "argv", ["command", *arguments]):
                    main()
        except Parsed:
            return True
        except SystemExit as stop:
            return stop.code == 0  # --help
    return False


def check_pytest(command: Command, words: list[str]) -> None:
    known = pytest_help()
    for word in words:
        name = word.partition("=")[0]
        if word.startswith("-"):
            assert command.in_prose or re.search(rf"(^|\s){re.escape(name)}[ =,]", known, re.MULTILINE), name
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if before == "-k":
            assert any(word in path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")), word
        elif not word.startswith("-") and not before.startswith("-"):
            assert (ROOT / word).exists(), word


@cache
def pytest_help() -> str:
    command = [sys.executable, "-m", "pytest", "--help"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def check_timeit(arguments: list[str]) -> None:
    """What is timed is Python, and what it imports is there."""
    for code in arguments[arguments.index("-s") + 1 :]:
        compile(code, "timeit", "exec")
        for module, names in re.findall(r"from ([\w.]+) import ([\w, ]+)", code):
            assert all(hasattr(importlib.import_module(module), name.strip()) for name in names.split(","))


def check_pip(command: Command, words: list[str]) -> None:
    """Only `install`: of this project with extras that it has, of a file of requirements, or of a known package."""
    assert words[0] == "install"
    for word in words[1:]:
        if word in ("-e", "-r", "-q"):
            continue
        folder, _, extras = word.partition("[")
        if folder == ".":
            named = set(filter(None, extras.rstrip("]").split(",")))
            assert named <= PROJECT["optional-dependencies"].keys()
        else:
            assert word in PACKAGES or (ROOT / word).is_file(), word


def check_uv(command: Command, words: list[str]) -> None:
    """What uv runs or installs is checked; uv's own options are compared with a list."""
    name, rest = words[0], words[1:]
    if name == "pip":
        name, rest = " ".join(words[:2]), words[2:]
    while rest and rest[0].startswith("-") and rest[0] != "-e":
        if rest[0] == "--extra":
            assert rest[1] in PROJECT["optional-dependencies"]
        rest = rest[1 + UV_OPTIONS[rest[0]] :]
    if not rest and command.in_prose:
        assert name in ("run", "sync")
    elif name == "run":
        program = ["python", rest[0]] if rest[0].endswith(".py") else [rest[0]]
        CHECKS[program[0]](command, [*program[1:], *rest[1:]])
    elif name == "pip install":
        check_pip(command, ["install", *rest])
    else:
        assert (name, rest) == ("sync", [])


def check_script(command: Command, words: list[str]) -> None:
    script = words[0] if words else command.words[0]
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


def unknown(command: Command, words: list[str]) -> NoReturn:
    pytest.fail(f"{command}: neither checked nor in ELSEWHERE")


CHECKS: dict[str, Callable[[Command, list[str]], None]] = {
    **dict.fromkeys(("apt", "cd", "git", "mlflow", "ray", "tensorboard"), unknown),
    "python": check_python, "conv-ablation": check_job, "pytest": check_pytest, "pip": check_pip, "uv": check_uv,
    "bash": check_script, ".ci/run": check_script,
}  # fmt: skip


OF_OTHERS = [one for one in COMMANDS if one.words[0] in ("mlflow", "ray", "tensorboard")]


@pytest.mark.slow
@pytest.mark.parametrize("command", OF_OTHERS, ids=str)
def test_commands_of_other_packages_have_these_options(command: Command) -> None:
    program, *words = command.words
    path = Path(sys.executable).with_name(program)
    if not path.exists():
        pytest.skip(f"{program} is not installed")
    sub = [word for word in words[:1] if not word.startswith("-")]
    shown = help_of_others(path, *sub, "--helpfull" if program == "tensorboard" else "--help")
    for word in words:
        assert not word.startswith("-") or word.partition("=")[0] in shown, word


@cache
def help_of_others(*command: str | Path) -> str:
    """What a command says of itself, which takes it two seconds: once, however often documents show it."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_mlflow_s_pages_are_of_the_package_that_the_document_names() -> None:
    """They are made by flask: the extra's package needs none, so that another one must be installed before."""
    (extra,) = (re.split(r"[>=]", one)[0] for one in PROJECT["optional-dependencies"]["mlflow"])
    shown = [" ".join(one.words) for one in COMMANDS if one.document == "trackers.md" and not one.in_prose]
    assert shown.index("pip install mlflow") < shown.index("mlflow ui --backend-store-uri mlruns")
    try:
        needed = importlib.metadata.requires(extra) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{extra} is not installed (the extra [mlflow])")
    assert extra == "mlflow-skinny"
    assert not [one for one in needed if one.lower().startswith("flask") and "extra ==" not in one]
