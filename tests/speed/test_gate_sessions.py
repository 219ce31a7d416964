"""What the gate says of sessions that lack something, are the same, or hold too little; and who may write a session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.gate import main
from bench.gate import parser as gate_parser
from bench.speed.gate_session import read
from bench.speed.reference import TURNS
from tests.conftest import ROOT
from tests.house.test_doors import unread
from tests.speed.test_gate import pytest_bench, sample, write

NAMES = ("cnn2 vae train", "cnn3 vae train", "mlp vae train")


def session(path: Path, salt: int, names: tuple[str, ...] = NAMES, slower: float = 1.0, **more: Any) -> str:
    """A file with some benchmarks; the first is slower. What is in `more` is put beside them."""
    benchmarks = {name: sample(slower if name == NAMES[0] else 1.0, salt=salt + i) for i, name in enumerate(names)}
    write(path, benchmarks)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | more), encoding="utf-8")
    return str(path)


def said(capsys: pytest.CaptureFixture) -> list[str]:
    return capsys.readouterr().out.split("\n\n")


def test_what_vanished_is_a_status_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    old = session(tmp_path / "old.json", 10)
    new = session(tmp_path / "new.json", 20, NAMES[:1])
    assert main([old, new]) == 3
    first, *others = said(capsys)
    assert first == f"**Nothing is slower, but 2 of 3 benchmarks were not judged**: {new} against {old}."
    assert f"Not judged (only in {old}): cnn3 vae train, mlp vae train." in "\n".join(others)
    slow = session(tmp_path / "slow.json", 20, NAMES[:1], slower=1.3)
    assert main([old, slow]) == 1, "a slowdown is told before what is missing"
    assert said(capsys)[0].startswith("**1 of 1 benchmark is slower, and 2 of 3 were not judged**")


def test_what_is_new_is_named_and_no_error(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    old, new = session(tmp_path / "old.json", 10, NAMES[:2]), session(tmp_path / "new.json", 20)
    assert main([old, new]) == 0
    assert "New, so without a comparison: mlp vae train." in said(capsys)[-1]


@pytest.mark.parametrize("where", ["old", "new"])
def test_what_raised_in_a_session_was_not_judged(where: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Also a new architecture that has never run, so that no session has it; and one of which a turn is there."""
    failed = {where: {"unmeasured": ["cnn3 vae train", "mine vae train"]}}
    old = session(tmp_path / "old.json", 10, **failed.get("old", {}))
    new = session(tmp_path / "new.json", 20, **failed.get("new", {}))
    assert main([old, new]) == 3
    first, *others = said(capsys)
    assert "but 2 of 4 benchmarks were not judged" in first
    assert (
        f"Not judged (an error, or skipped, in {tmp_path / where}.json): cnn3 vae train, mine vae train." in others[2]
    )
    assert "| cnn3" not in "\n".join(others)


def test_the_same_session_twice_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    old = session(tmp_path / "old.json", 10)
    copy = tmp_path / "copy.json"
    copy.write_text(json.dumps(json.loads(Path(old).read_text(encoding="utf-8")), indent=3))
    (tmp_path / "link.json").symlink_to(old)
    for new in (old, str(copy), str(tmp_path / "link.json")):
        assert main([old, new]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {new} holds the very timings of {old} (3 of 3 benchmarks, for example cnn2 vae")


@pytest.mark.parametrize(
    ("dirty", "words"),
    [
        ((False, False), "without changes, so the same code"),
        ((True, True), "both with changes to it"),
        ((False, True), "new.json with changes to it"),
    ],
)
def test_two_sessions_of_one_commit_are_named(
    dirty: tuple[bool, bool], words: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    commits = [{"id": "0123456789abcdef" * 2, "dirty": is_dirty} for is_dirty in dirty]
    old = session(tmp_path / "old.json", 10, commit_info=commits[0])
    new = session(tmp_path / "new.json", 20, commit_info=commits[1])
    assert main([old, new]) == 0
    (note,) = (part for part in said(capsys) if "one commit" in part)
    assert note.strip().startswith("⚠ Both sessions are of one commit, 0123456789ab: ") and f"{words}." in note
    unknown = session(tmp_path / "unknown.json", 30, commit_info={"id": "unversioned", "dirty": False})
    assert main([unknown, session(tmp_path / "u.json", 40, commit_info={"id": "unversioned"})]) == 0
    assert "commit" not in capsys.readouterr().out


def test_other_versions_and_instructions_are_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    before = {"torch": "2.11.0", "cpu_capability": "AVX512", "numeric_settings": {}}
    after = {"torch": "2.11.0", "cpu_capability": "DEFAULT", "numeric_settings": {"ATEN_CPU_CAPABILITY": "default"}}
    old = session(tmp_path / "old.json", 10, environment=before)
    assert main([old, session(tmp_path / "new.json", 20, environment=after)]) == 0
    assert said(capsys)[-1].strip() == (
        "⚠ ATEN_CPU_CAPABILITY was not set, is default; cpu_capability was AVX512, is DEFAULT."
    )
    assert main([old, session(tmp_path / "older.json", 30)]) == 0, "a session of a version that recorded none"
    assert "cpu_capability" not in capsys.readouterr().out


BAD = [
    ("", "is empty: the `pytest bench` that was to write it measured nothing"),
    ('{"benchmarks": [', "can't be read: Expecting value"),
    ('{"benchmarks": []}\n{"benchmarks": []}', "can't be read: Extra data"),
    ("[" * 100_000, "can't be read: maximum recursion depth"),
    ("\xff", "can't be read: 'utf-8' codec"),
    ('"\\ud800"', "can't be read: '\\ud800' is no text that can be written"),
    (
        '{"benchmarks": [], "unmeasured": ["x"]}',
        "holds no timings: its 1 benchmark raised an error or was skipped, for",
    ),
]
WRONG = [
    ({"calls": 0}, "benchmarks[0].extra_info.calls is 0: expected `int` >= 1"),
    ({"calls": None}, "benchmarks[0].extra_info.calls is None: expected `int`, got `null`"),
    ({"calls": "2"}, "benchmarks[0].extra_info.calls is '2': expected `int`, got `str`"),
    ({"calls": 10**400}, "benchmarks[0].extra_info.calls is 1000"),
    ({"images": 10**400}, "benchmarks[0].extra_info.images is 1000"),
    ({"threshold": None}, "benchmarks[0].extra_info.threshold is None: expected `float`, got `null`"),
    ({"threshold": float("nan")}, "benchmarks[0].extra_info.threshold is nan: expected `float` > 0.0"),
    ({"threshold": float("inf")}, "benchmarks[0].extra_info.threshold is inf: expected `float` < 10.0"),
    ({"threshold": "8 %"}, "benchmarks[0].extra_info.threshold is '8 %': expected `float`, got `str`"),
    ({"reference_seconds": []}, "benchmarks[0].extra_info.reference_seconds is []: expected `array` of length >= 1"),
    ({"reference_seconds": [float("nan")]}, "reference_seconds"),
    ({"reference_seconds": [float("inf")]}, "reference_seconds"),
]


@pytest.mark.parametrize(("content", "says"), BAD, ids=[says[:30] for _, says in BAD])
def test_a_damaged_file_is_one_line(content: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(content.encode("latin-1"))
    assert main([session(tmp_path / "good.json", 10), str(bad)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {bad} ") and says in line


@pytest.mark.parametrize(("info", "says"), WRONG, ids=[str(info)[:40] for info, _ in WRONG])
def test_a_wrong_value_is_named(info: dict, says: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    good = session(tmp_path / "good.json", 10)
    content = json.loads(Path(good).read_text(encoding="utf-8"))
    content["benchmarks"][0]["extra_info"] |= info
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(content))
    assert main([good, str(bad)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_the_help_and_the_readme_say_what_each_status_means() -> None:
    shown = " ".join(gate_parser().format_help().split())
    for words in ("0 nothing is slower", "1 something is slower", "2 bad input", "3 nothing that was judged is slower",
                  "4 nothing is known to be slower"):  # fmt: skip
        assert words in shown
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "4 if benchmarks have too few rounds" in readme and "3 if benchmarks were not judged" in readme


@pytest.mark.parametrize("disabling", ["--benchmark-disable", "--benchmark-skip", "--collect-only"])
def test_a_session_that_measures_nothing_is_refused(disabling: str, tmp_path: Path) -> None:
    """Else the file of an earlier session would be taken for its own."""
    earlier = Path(session(tmp_path / "new.json", 10))
    before = earlier.read_bytes()
    done = pytest_bench(disabling, f"--benchmark-json={earlier}")
    assert done.returncode == 4  # pytest's own for bad usage
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"ERROR: --benchmark-json={earlier} would not be written, since nothing is measured with ")
    assert disabling in line
    assert earlier.read_bytes() == before


def test_a_session_that_can_t_be_written_is_refused_before_it_begins(tmp_path: Path) -> None:
    done = pytest_bench(f"--benchmark-json={tmp_path / 'nowhere' / 'new.json'}")
    assert done.returncode == 4
    assert "new.json: No such file or directory; name one that can be written" in done.stderr


@pytest.mark.parametrize("seconds", ["nan", "0", "-1", "ten"])
def test_a_time_that_is_none_is_refused(seconds: str) -> None:
    done = pytest_bench(f"--seconds={seconds}")
    assert done.returncode == 4
    assert f"{seconds!r} is not a time to measure for; expected seconds above 0, at most 3600" in done.stderr


FAILING = """
import bench.speed.workloads as workloads
import pytest

prepare = workloads.prepare

def fails(arch, *others):
    if arch.name == "cnn3":
        raise RuntimeError("this architecture can't be measured")
    return prepare(arch, *others)

workloads.prepare = fails
"""


@pytest.mark.slow
def test_a_session_holds_what_was_measured_and_names_what_raised(tmp_path: Path) -> None:
    """One session for both, since each loads torch and goes through its benchmarks `TURNS` times."""
    (tmp_path / "failing.py").write_text(FAILING)
    file = tmp_path / "new.json"
    chosen = ["-k", "(cnn3 or pool4) and inference", "--seconds", "0.01", f"--benchmark-json={file}"]
    assert pytest_bench("-p", "failing", *chosen, plugins=tmp_path).returncode == 1
    content = json.loads(file.read_text(encoding="utf-8"))["benchmarks"]
    assert [one["extra_info"]["what"] for one in content] == ["pool4 classifier inference"] * TURNS
    for one in content:
        assert len(one["extra_info"]["reference_seconds"]) == len(one["stats"]["data"]) + 1
    found = read(file)
    assert set(found.samples) == {"pool4 classifier inference"} and found.unmeasured == {"cnn3 vae inference"}
    timings = found.samples["pool4 classifier inference"].seconds
    assert len(timings) == sum(len(one["stats"]["data"]) for one in content)
    assert found.environment["cpu_capability"] and found.environment["numeric_settings"] is not None


def test_a_session_that_came_to_nothing_leaves_no_earlier_one_to_be_taken_for_it(tmp_path: Path) -> None:
    file = Path(session(tmp_path / "new.json", 10))
    nothing = f"--ignore={ROOT / 'bench' / 'test_speed.py'}"  # which loads torch
    assert pytest_bench(nothing, f"--benchmark-json={file}").returncode == 5  # pytest's own: nothing to do
    assert file.read_bytes() == b""


@pytest.mark.parametrize(("slower", "status"), [(1.0, 0), (1.3, 1)])
def test_the_verdict_is_kept_though_nobody_reads_it(slower: float, status: int, tmp_path: Path) -> None:
    old, new = session(tmp_path / "old.json", 10), session(tmp_path / "new.json", 20, slower=slower)
    assert unread("-m", "bench.gate", old, new) == (status, "")
