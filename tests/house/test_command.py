"""What a command prints where something is lacking: a character, a disk, a standard output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SAY = "import sys; from bench.spec.command import run_command; run_command(lambda words: print(words[0]) or 0)"


def said(text: str, encoding: str) -> str:
    variables = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", SAY, text], cwd=ROOT, env=variables, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode(encoding)


def test_what_can_t_be_encoded_is_printed_in_plain_characters() -> None:
    text = "−1.5 ± 0.2 × 3 … ELBO ↑ β"
    assert said(text, "utf-8") == f"{text}\n"
    assert said(text, "ascii") == "-1.5 +- 0.2 x 3 ... ELBO ^ beta\n"
    assert said("a name: Ä", "ascii") == "a name: \\xc4\n"


FAILS = """
import errno, os, sys, tempfile
from bench.spec.command import run_command
def main(arguments):
    code, path = arguments
    if code == "temporary":
        tempfile._candidate_tempdir_list = lambda: [path]
        tempfile.TemporaryDirectory()
    raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)), path)
run_command(main)
"""


def failed(code: str, path: str = "/some/file") -> tuple[int, list[str]]:
    done = subprocess.run([sys.executable, "-c", FAILS, code, path], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ENOSPC", "/some/file: No space left on device"),
        ("ESTALE", "/some/file: Stale file handle"),
        ("EIO", "/some/file: Input/output error"),
        ("EACCES", "/some/file: Permission denied"),
        ("temporary", "no temporary folder can be written to; name one with TMPDIR"),
    ],
)
def test_what_a_disk_or_the_system_fails_to_do_is_one_line(code: str, words: str) -> None:
    assert failed(code) == (2, [f"error: {words}; what is kept stays: mend that, or name another folder, and go on"])


def test_what_may_be_an_error_of_ours_is_shown_as_one() -> None:
    status, lines = failed("EEXIST")
    assert status == 70
    assert lines[0].startswith("Traceback") and lines[-1] == "FileExistsError: [Errno 17] File exists: '/some/file'"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_a_library_prints_never_gets_into_a_file(closed: str, tmp_path: Path) -> None:
    """The first file that is opened would else have the number of a standard stream that is closed."""
    kept = tmp_path / "record"
    code = (
        "import os, sys; from bench.spec.command import run_command\n"
        "def main(arguments):\n"
        "    with open(arguments[0], 'w') as file:\n"
        "        file.write('kept'), [os.write(number, b'said') for number in (1, 2)]\n"
        "    return 7\n"
        "run_command(main)"
    )
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", code, str(kept)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 7
    assert kept.read_text() == "kept"
