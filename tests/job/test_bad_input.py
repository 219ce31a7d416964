"""Bad input: one clear line on stderr that names the offender, status 2, no traceback, nothing trained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from run_ablation import main
from tests.conftest import ROOT

CASES = [
    (["--archs", "cnn4"], "unknown architecture 'cnn4'; did you mean"),
    (["--archs", "cnn:kernel="], "kernel= has an empty value"),
    (["--archs", "cnn:depth=0"], "'0' is not a whole number from 1 to 8"),
    (["--archs", "cnn:kernel=15"], "layer 2 gets 14×14 pixels: kernel 15 is larger than that; use at most 14"),
    (["--archs", "cnn2+pool4"], "pool4 has no decoder"),
    (["--archs", "pool4", "--tasks", "vae"], "pool4 has no decoder; add --tasks classifier"),
    (["--archs", "cnn2", "--baseline", "cnn3"], "baseline 'cnn3' is not one of the architectures compared"),
    (["--archs"], "--archs: expected at least one argument"),
    (["--device", "gpu"], "unknown device 'gpu'; did you mean"),
    (["--device", "cuda:99"], "device 'cuda:99' is not there"),
    (["--tasks", "vea"], "unknown task 'vea'; did you mean 'vae'"),
    (
        ["--tasks", "denois"],
        "unknown task 'denois'; choose from classifier, cvae, m2, reader, vae; a task of yours is in a file that",
    ),
    (["--likelihood", "gray"], "unknown likelihood 'gray'; did you mean 'grey'"),
    (["--dataset", "mnits"], "unknown data set 'mnits'; did you mean 'mnist'"),
    (["--seeds", "0"], "'0' is not a whole number from 1"),
    (
        ["--archs", "cnn2", "pool4", "--seeds", "2501"],
        "10,004 runs are planned (2 architectures, 3 tasks, 2,501 seeds), more than 10,000; ask for fewer, or add",
    ),
    (["--confirm", "3"], "--confirm is of --race, which is not asked for; add it, or leave --confirm out"),
    (["--race-epochs", "3"], "--race-epochs is of --race, which is not asked for"),
    (["--max-seeds", "9"], "--max-seeds limits --until-sure or --race, and neither is asked for"),
    (["--race", "--until-sure"], "--race and --until-sure add seeds by rules that don't go together; leave one of"),
    (
        ["--race"],
        "--race finds the best by one result, but 3 tasks are asked for (vae, cvae, classifier); name one: --tasks vae",
    ),
    (["--race", "--tasks", "vae", "--seeds", "2"], "--race --seeds 2: expected at least 3 for the first round"),
    (
        ["--race", "--tasks", "vae", "--seeds", "9", "--max-seeds", "8"],
        "--race --seeds 9: the first round has more than the most seeds, 8; raise --max-seeds",
    ),
    (["--race", "--tasks", "vae", "--tune", "3"], "--race --tune: a race compares runs of one recipe; race first"),
    (["--race", "--tasks", "vae", "--match", "flops"], "--race --match flops: a race compares runs of equally many"),
    (["--race", "--tasks", "vae", "--archs", "cnn2"], "--race: cnn2 is the only architecture, so there is no race"),
    (
        ["--race", "--tasks", "m2", "--labels", "10", "20"],
        "--race finds the best by one result, but 2 numbers of labels are asked for (10, 20); name one: --labels 10",
    ),
    (["--race", "--tasks", "vae", "--confirm", "-1"], "'-1' is not a whole number from 0 to 1,000"),
    (["--race", "--tasks", "vae", "--confirm", "1001"], "'1001' is not a whole number from 0 to 1,000"),
    (["--race", "--tasks", "vae", "--race-epochs", "0"], "'0' is not a whole number from 1 to 100,000"),
    (["--race", "--tasks", "vae", "--max-seeds", "2"], "'2' is not a whole number from 3 to 10,000"),
    (["--race", "--tasks", "vae", "--max-minutes", "0"], "'0' is no number of minutes; expected one above 0"),
    (
        ["--race", "--tasks", "vae", "classifier"],
        "--race finds the best by one result, but 2 tasks are asked for (vae, classifier); name one: --tasks vae",
    ),
    (
        ["--race", "--tasks", "vae", "--archs", "pool4", "cnn2"],
        "--race: no other architecture has a task in common with the baseline pool4, so there is no race; name another",
    ),
    (
        ["--race", "--tasks", "vae", "--max-params", "10"],
        "--max-params 10: nothing but the baseline cnn2 is left; cnn3 has 40,977 parameters of the task VAE,",
    ),
    (["--max-params", "0"], "'0' is not a whole number from 1"),
    (["--max-params", "9"], "--max-params 9: nothing but the baseline cnn2 is left; cnn3 has 47,057 parameters of the"),
    (["--tasks", "vae", "--max-macs", "9"], "--max-macs 9: nothing but the baseline cnn2 is left; cnn3 has "),
    (["--seeds", "three"], "'three' is not a whole number"),
    (["--epochs", "-1"], "'-1' is not a whole number"),
    (["--epochs"], "--epochs: expected one argument"),
    (["--batch-size", "1.5"], "'1.5' is not a whole number"),
    (["--lr", "nan"], "'nan' is not a learning rate"),
    (["--lr", "0"], "'0' is not a learning rate"),
    (["--latent-dim", "0"], "'0' is not a whole number from 1"),
    (["--labels", "105"], "'105' can't be shared equally by ten classes; expected a multiple of 10, for example 100"),
    (["--tasks", "m2", "--labels", "5000"], "--labels 5000: the training images hold at most 12"),
    (["--evaluate", "ful"], "unknown evaluation 'ful'; did you mean 'full'"),
    (["--iwae-samples", "0"], "'0' is not a whole number from 1"),
    (["--iwae-images", "ten"], "'ten' is not a whole number"),
    (["--workers", "0"], "'0' is not a whole number from 1"),
    (["--epoch", "3"], "unknown option '--epoch'; did you mean '--epochs'"),
    (["--plugin", "nowhere.py"], "plug-in nowhere.py: no such file"),
    (["--dataset", "mnist", "--data-dir", "/proc/nowhere"], "data folder /proc/nowhere"),
    (["--dataset", "auto", "--data-dir", "README.md"], "data folder README.md is a file; expected a folder that holds"),
    (["--runs-dir", "/proc/nowhere"], "runs folder /proc/nowhere"),
    (["--out", "/proc/nowhere"], "report folder /proc/nowhere"),
    (["--runs-dir", "README.md"], "runs folder README.md: File exists"),
    (["--out", "README.md"], "report folder README.md: File exists"),
    (["--seeds", "10001"], "'10001' is not a whole number from 1 to 10,000"),
    (["--seeds", "1e3"], "'1e3' is not a whole number"),
    (["--seeds", "٣"], "'٣' is not a whole number"),
    (["--lr", "inf"], "'inf' is not a learning rate"),
    (["--lr", "fast"], "'fast' is not a learning rate"),
    (["--train-images", "0"], "'0' is not a whole number from 1"),
    (["--threads", "0"], "'0' is not a whole number from 1"),
    (["--device", "cuda:x"], "unknown device 'cuda:x'"),
    (["--fail-fats"], "unknown option '--fail-fats'; did you mean '--fail-fast'?"),
    (["--deterministic=yes"], "--deterministic: ignored explicit argument 'yes'"),
    (["--archs", "cnn2\ncnn3"], "holds a character that no name has"),
    (["--archs", "../archs/cnn2"], "unknown architecture '..'"),
    (["--archs", "cnn2/cnn33"], "unknown architecture 'cnn33'; did you mean 'cnn3'?"),
    (["--archs", "cnn:channels=1025"], "'1025' is not a whole number from 1 to 1024"),
    (["--archs", "cnn:kernel=$(id)"], "is not a value"),
    (["--archs", "cnn2+cnn3+cnn2"], "has 2 '+'"),
    (["--baseline", ""], "empty architecture name"),
    (["--plugin", "."], "plug-in .: a folder; give the path of a Python file, for example my_arch.py"),
    (["--archs", "mine.py"], "architecture 'mine.py' is a file: name it with --plugin, and here what it declares"),
    (["--plugin", "README.md"], "plug-in README.md: not a Python file; its name must end in .py"),
]

TASK = """from bench.spec.metrics import Metric
from bench.tasks import Task
SAME = dict(summary='', build=print, loss=print, score=print)
"""

PLUGINS = {
    "empty": ("", "holds no Arch, Family or Task at module level"),
    "syntax": ("def f(:\n  pass", "line 1: SyntaxError"),
    "raises": ("x = 1\nx.y", "line 2: AttributeError: 'int' object has no attribute 'y'"),
    "exits": ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
    "imports nothing there": ("import nothing_there", "line 1: ModuleNotFoundError"),
    "null byte": ("x = 1\0", "SyntaxError"),
    "taken": (
        "from archs.base import Arch\nA = Arch(name='cnn2', summary='', source='', encoder=print)",
        "the name 'cnn2' is taken by archs/cnn2.py; choose another name",
    ),
    "bad name": (
        "from archs.base import Arch\nA = Arch(name='../x', summary='', source='', encoder=print)",
        "'../x' is not a name; use a-z, 0-9",
    ),
    "lacks": ("from archs.base import Arch\nA = Arch(name='x')", "line 2: TypeError"),
    "a task's name taken": (
        f"{TASK}T = Task(name='vae', primary='elbo', **SAME)",
        "the name 'vae' is taken by bench/tasks/vae.py",
    ),
    "a task's label taken": (
        f"{TASK}T = Task(name='x', primary='elbo', label='VAE', **SAME)",
        "the label 'VAE' is taken by the task vae",
    ),
    "a task without a winner": (
        f"{TASK}T = Task(name='x', primary='elbo', best='good', **SAME)",
        "best is 'good', expected {winner}",
    ),
    "a task of an unknown metric": (
        f"{TASK}T = Task(name='x', primary='elbow', **SAME)",
        "unknown metric 'elbow'; did you mean 'elbo'?",
    ),
    "a metric's name taken": (
        f"{TASK}T = Task(name='x', primary='seed', metrics=(Metric('seed', '', '', True, ''),), **SAME)",
        "the metric name 'seed' is taken",
    ),
    "a path for a task": (f"{TASK}T = Task(name='../x', primary='elbo', **SAME)", "task '../x': not a name"),
    "keeps what it does not score": (
        f"{TASK}T = Task(name='x', primary='elbo', kept={{'test_a': 'kl'}}, **SAME)",
        "kl not among its scores",
    ),
    "recursion": ("def f(): f()\nf()", "RecursionError"),
}


@pytest.mark.parametrize("name", PLUGINS)
def test_a_bad_plug_in_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source, expected = PLUGINS[name]
    plugin = tmp_path / "mine.py"
    plugin.write_text(source, encoding="utf-8")
    where = ["--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--dataset", "digits"]
    tasks = ["--tasks", "x"] if "label" in name else []
    assert main(["--plugin", str(plugin), *where, *tasks]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert shown[0].startswith((f"error: plug-in {plugin}", f"error: {plugin}", "error: task x"))
    assert expected in shown[0]
    assert sorted(tmp_path.glob("*.py")) == [plugin]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments, expected", CASES, ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else ""
)
def test_one_line_and_status_2(
    arguments: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").touch()
    given = {"--dataset": "digits", "--runs-dir": "runs", "--out": "out"}
    defaults = [word for key, value in given.items() if key not in arguments for word in (key, value)]
    try:
        status = main([*defaults, *arguments])
    except SystemExit as stop:  # argparse's own
        status = stop.code  # type: ignore[assignment]
    shown = capsys.readouterr().err.strip().splitlines()
    assert status == 2
    assert [line for line in shown if line.startswith("error: ")] == shown[-1:]
    assert expected in shown[-1]
    assert not list(tmp_path.glob("runs/*"))


def test_the_program_itself_shows_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "run_ablation.py", "--archs", "cnn:depth=0"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: cnn: depth=0: '0' is not a whole number from 1 to 8"]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from bench.job.options import parser; parser(); "
        "print(sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_list_prints_every_architecture(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["--list"]) == 0
    shown = capsys.readouterr().out
    for expected in ("cnn2", "cnn2-k4", "cnn3", "mlp", "pool4", "cnn:…", "43,809", "classifier"):
        assert expected in shown
    assert "ConditionalVariationalAutoEncoder" in shown and "cnn:depth=2,kernel=3,stride=2," in shown, "words are whole"
    assert max(len(line) for line in shown.splitlines() if "cnn:depth=" not in line) <= 60
