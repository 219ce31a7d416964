"""What a command prints where it can't: a terminal without the characters, a reader who has left, a full disk."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SAY = """
import sys
from archs.errors import UserError
from bench.spec import command

command.prepare()
problem = "nothing is wrong"
try:
    command.say(sys.argv[1])
except UserError as error:
    problem = str(error)
command.say("more")
print(problem, file=sys.stderr)
"""


def said(text: str, redirection: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f'set -o pipefail; "$@" {redirection}', "bash", sys.executable, "-c", SAY, text]
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, encoding="utf-8")


@pytest.mark.parametrize(
    "redirection, expected",
    [
        ("", "nothing is wrong"),
        ("| true", "nothing is wrong"),
        (">&-", "nothing is wrong"),
        pytest.param(
            ">/dev/full",
            "the output can't be written: No space left on device",
            marks=pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full"),
        ),
    ],
)
def test_an_output_that_nobody_takes_costs_nothing(redirection: str, expected: str) -> None:
    done = said("x" * 100_000, redirection)
    assert (done.returncode, done.stderr.splitlines()) == (0, [expected])


def test_what_can_t_be_encoded_is_printed_in_plain_characters() -> None:
    text = "−1.5 ± 0.2 × 3 … ELBO ↑ β"
    assert said(text, "", PYTHONIOENCODING="utf-8").stdout == f"{text}\nmore\n"
    assert said(text, "", PYTHONIOENCODING="ascii").stdout == "-1.5 +- 0.2 x 3 ... ELBO ^ beta\nmore\n"
    assert said("a name: Ä", "", PYTHONIOENCODING="ascii").stdout == "a name: \\xc4\nmore\n"
