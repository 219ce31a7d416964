"""What a command prints on a terminal that lacks some of its characters."""

from __future__ import annotations

import os
import subprocess
import sys

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
