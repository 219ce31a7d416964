"""Which code made a record: the commit of this project and of no other, files that aren't of it, a hash of the code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bench.machine import provenance
from bench.machine.provenance import ROOMS, code_hashes, commit
from tests.conftest import ROOT

CODE = '"""A loss."""\n\n\ndef loss(kl):\n    """Return it."""\n    return kl  # plain\n'


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=own).stdout.strip()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with a commit, which stands for this one."""
    project = tmp_path / "project"
    for room in ROOMS:
        write(project / "bench" / room / "code.py", CODE)
    write(project / "README.md", "A project.")
    write(project / ".gitignore", "*scratch*\n")
    git(tmp_path, "init", "-q", str(project))
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    monkeypatch.setattr(provenance, "ROOT", project)
    return project


def test_a_clean_checkout_has_its_commit_and_no_changes(checkout: Path) -> None:
    assert commit() == (git(checkout, "rev-parse", "HEAD"), ())
    write(checkout / "README.md", "Another text, which changes no number.")
    assert commit()[1] == ()


@pytest.mark.parametrize("name", ["archs/mine.py", "archs/scratch_of_mine.py", "bench/tasks/deep/er.py"])
def test_a_python_file_that_the_commit_lacks_is_named(checkout: Path, name: str) -> None:
    """It trains; the second is one that .gitignore names."""
    write(checkout / name, "x = 1\n")
    assert commit()[1] == (name,)


@pytest.mark.parametrize("how", ["edited", "staged", "deleted"])
def test_a_file_that_is_not_as_committed_is_named(checkout: Path, how: str) -> None:
    path = checkout / "bench" / "tasks" / "code.py"
    path.unlink() if how == "deleted" else write(path, "x = 2\n")
    if how == "staged":
        git(checkout, "add", ".")
    assert commit()[1] == ("bench/tasks/code.py",)


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_a_repository_that_the_environment_names_is_not_ours(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Git sets these in its hooks."""
    other = tmp_path / "other"
    git(tmp_path, "init", "-q", str(other))
    git(other, "commit", "--allow-empty", "-qm", "of another project")
    expected = commit()
    monkeypatch.setenv(variable, str(other / {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index"}.get(variable, "")))
    assert commit() == expected


def test_a_repository_around_the_project_is_not_ours(checkout: Path) -> None:
    """An archive of the project, unpacked within another one."""
    git(checkout, "init", "-q", str(checkout.parent))
    git(checkout.parent, "commit", "--allow-empty", "-qm", "of another project")
    for path in sorted((checkout / ".git").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (checkout / ".git").rmdir()
    assert commit() == (None, None)


def test_a_hash_follows_the_code_of_its_room_and_no_prose(checkout: Path) -> None:
    before = code_hashes(checkout)
    assert list(before) == list(ROOMS)
    path = checkout / "bench" / "tasks" / "code.py"
    write(path, CODE.replace("A loss", "Another text").replace("  # plain", ""))
    assert code_hashes(checkout) == before
    write(path, CODE.replace("return kl", "return 4 * kl"))
    after = code_hashes(checkout)
    assert [room for room in ROOMS if after[room] != before[room]] == ["tasks"]
    write(path, CODE)
    write(path.with_name("more.py"), CODE)
    assert code_hashes(checkout)["tasks"] not in (before["tasks"], after["tasks"])


def test_every_room_that_is_hashed_is_there() -> None:
    for room in ROOMS:
        assert list((ROOT / "bench" / room).glob("*.py"))
    assert len(set(code_hashes().values())) == len(ROOMS)
