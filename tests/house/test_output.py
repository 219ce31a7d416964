"""What every command prints reaches whoever reads it: any locale, any width, a stream that is closed or full."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.spec.output.streams import in_ascii
from bench.spec.output.width import fill, prose_columns, terminal_columns
from reports.markup.blocks import Table
from reports.rendering.terminal import grid
from tests.conftest import ROOT

DOORS = [
    ["run_ablation.py"],
    ["-m", "reports"],
    ["-m", "reports", "compare"],
    ["-m", "bench.gate"],
    ["-m", "bench.verify"],
]
REPORT = str(ROOT / "reports" / "published" / "mnist-2cnn-vs-3cnn")
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""What a bare container or a batch system may set."""


def run(command: list[str], script: str = '"$@"', **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python by a shell script that calls it and redirects its streams; what arrives is read as UTF-8."""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | variables
    line = ["sh", "-c", script, "sh", sys.executable, *command]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=300)


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
def test_help_is_as_wide_as_a_small_terminal_and_breaks_no_word(door: list[str]) -> None:
    narrow, wide = (run([*door, "--help"], COLUMNS=columns).stdout for columns in ("80", "400"))
    assert [line for line in narrow.splitlines() if len(line) > 80] == []
    assert set(narrow.split()) == set(wide.split())


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_an_answer_is_as_wide_as_the_terminal(columns: int) -> None:
    told = run(["-m", "reports", "answer", REPORT], COLUMNS=str(columns)).stdout
    piped = run(["-m", "reports", "answer", REPORT]).stdout
    assert max(map(len, told.splitlines())) <= min(columns, 100)
    assert told.split() == piped.split()
    assert "\n  " in told, "a verdict that takes several lines is one item"
    assert max(map(len, piped.splitlines())) > 100, "a line for each verdict where a program may read them"


def test_the_width_is_that_of_the_variable_else_of_the_terminal_else_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)
    monkeypatch.delenv("COLUMNS", raising=False)
    assert (terminal_columns(), prose_columns()) == (None, 100)
    expected = {"57": (57, 57), "250": (250, 100), "3": (20, 20), "wide": (None, 100), "0": (None, 100)}
    for value, widths in expected.items():
        monkeypatch.setenv("COLUMNS", value)
        monkeypatch.setattr(sys, "__stdout__", None)  # the terminal that a run of the tests may have
        assert (terminal_columns(), prose_columns()) == widths, value


def test_prose_breaks_at_spaces_alone() -> None:
    assert fill("a cnn2-k4 ConditionalVariational", 10) == "a cnn2-k4\nConditionalVariational"
    assert fill("source: one two", 10, indent="  ", first="- ") == "- source:\n  one two"


def test_no_locale_stops_a_command() -> None:
    """Nor does it change what is found: the same words, our own signs in plain characters."""
    command = ["-m", "reports", "answer", REPORT]
    usual, plain = run(command), run(command, **NO_UTF8)
    assert (usual.returncode, plain.returncode, plain.stderr) == (0, 0, "")
    assert plain.stdout == in_ascii(usual.stdout)
    assert plain.stdout.isascii() and not usual.stdout.isascii()
    strict = run(["-m", "reports", "compare", REPORT, REPORT], PYTHONIOENCODING="ascii:strict")
    assert (strict.returncode, strict.stderr) == (0, "")


@pytest.mark.parametrize("command", [["-m", "bench.gate", "one"], ["run_ablation.py", "--no-such"], ["-m", "reports"]])
def test_a_closed_standard_error_changes_no_status_and_nothing_goes_astray(command: list[str]) -> None:
    assert run(command).returncode == 2
    done = run(command, '"$@" 2>&-')
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


IN_A_CHILD = """
from bench.machine.child import call_in_child, start_context
from bench.spec.command import run_command
from tests.house.saying import say
def main(arguments):
    start_context(())
    return 0 if call_in_child(say, "8 \\N{PLUS-MINUS SIGN} 1 Gr\\xf6\\xdfen " + arguments[0]) == "done" else 1
run_command(main)
"""


@pytest.mark.parametrize(
    ("redirected", "expected"),
    [("", 0), ("| true", 0), (">/dev/full", 0), ("2>/dev/full", 0), (">&- 2>&-", 0), ("<&- >&- 2>&-", 0)],
)
def test_what_an_architecture_prints_is_no_error_of_its_run(redirected: str, expected: int, tmp_path: Path) -> None:
    """Its run is in a child process, whose streams are its own."""
    if "full" in redirected and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    script = f'{{ "$@"; echo $? > {tmp_path / "status"}; }} {redirected}'
    done = run(["-c", IN_A_CHILD, "Ä"], script, **NO_UTF8)
    assert (tmp_path / "status").read_text(encoding="utf-8") == f"{expected}\n"
    if not redirected:
        assert done.stdout == done.stderr == "8 +- 1 Gr\\xf6\\xdfen \\xc3\\x84\n"


@pytest.mark.parametrize("columns", [40, 80, 200, None])
def test_a_table_goes_on_below_where_it_is_wider_than_the_terminal(columns: int | None) -> None:
    headers = ("architecture", "params", *(f"column {n} (units)" for n in range(6)))
    rows = (("cnn2", "43,809", *["−101.3 ± 0.2"] * 6), ("cnn3+cnn2", "39,953", *["–"] * 6))
    shown = grid(Table(headers, rows, "l" + "r" * 7), columns)
    whole = grid(Table(headers, rows, "l" + "r" * 7))
    parts = shown.split("\n\n")
    assert (len(parts) == 1) == (columns in (200, None)) == (shown == whole)
    assert max(map(len, shown.splitlines())) <= (columns or 200)
    assert all([line.split()[0] for line in part.splitlines()[2:]] == ["cnn2", "cnn3+cnn2"] for part in parts)
    for header in headers:
        assert sum(header in part for part in parts) == (len(parts) if header == "architecture" else 1)


LOUD = """
from torch import nn
from archs.base import Arch


class Loud(nn.Linear):
    def forward(self, x):
        print("8 \\N{PLUS-MINUS SIGN} 1", flush=True)
        return super().forward(x)


def encoder(in_channels):
    return nn.Sequential(nn.Flatten(), Loud(784 * in_channels, 20))


ARCH = Arch(name="loud", summary="prints", source="tests", encoder=encoder)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("redirected", "expected"), [("| true", 0), (">/dev/full 2>&1", 2)])
def test_a_job_of_an_architecture_that_prints_is_done_whoever_reads_it(
    redirected: str, expected: int, tmp_path: Path
) -> None:
    (tmp_path / "loud.py").write_text(LOUD, encoding="utf-8")
    command = ["run_ablation.py", "--plugin", str(tmp_path / "loud.py"), "--archs", "loud", "--tasks", "classifier"]
    command += ["--dataset", "digits", "--seeds", "1", "--epochs", "1", "--train-images", "200", "--device", "cpu"]
    command += ["--throughput", "off", "--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    run(command, f'{{ "$@"; echo $? > {tmp_path / "status"}; }} {redirected}', **NO_UTF8)
    assert (tmp_path / "status").read_text(encoding="utf-8") == f"{expected}\n"
    assert "failed" not in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
