"""Nothing in the program can run what is in a data file: no unpickling, no evaluation of text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = [path for room in ("archs", "bench", "reports") for path in (ROOT / room).rglob("*.py")] + [
    ROOT / "run_ablation.py"
]
MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "yaml", "cloudpickle"}
BUILTINS = {"eval", "exec", "compile", "__import__", "globals"}
READERS = {"torch.load", "np.fromregex", "pd.read_pickle", "pd.eval", "torch.jit.load", "torch.hub.load", "os.system"}
ALLOWED = {
    "archs/foreign/plugins.py": [
        "spec.loader.exec_module"
    ],  # the one place that runs a file, because the command line names it
    "bench/machine/child.py": ["pickle"],  # whether an error can be sent to the job, which unpickles what it is sent
}


def called(function: ast.expr) -> str:
    """What stands before the parentheses of a call, without what is no name: to write all of it takes twice as long."""
    if isinstance(function, ast.Attribute):
        return f"{called(function.value)}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def offences(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] * (node.module.split(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            name = called(node.func)
            if name in BUILTINS or name in READERS or name.endswith("exec_module"):
                found.append(name)
            if name in ("np.load", "numpy.load") and "allow_pickle=False" not in ast.unparse(node):
                found.append(f"{name} without allow_pickle=False")
            if any(keyword.arg == "shell" for keyword in node.keywords):
                found.append(f"{name} with a shell")
    return found


def test_the_search_finds_what_it_looks_for() -> None:
    bad = "import pickle\neval('1')\nnp.load(x)\ntorch.load(y)\nsubprocess.run(z, shell=True)\nfrom yaml import load"
    assert len(offences(ast.parse(bad))) == 6
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == {"archs", "bench", "reports", "run_ablation.py"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_executes_data(path: Path) -> None:
    found = offences(ast.parse(path.read_text(encoding="utf-8")))
    assert found == ALLOWED.get(str(path.relative_to(ROOT)), [])
