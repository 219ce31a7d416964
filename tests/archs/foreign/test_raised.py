"""Where an exception came from: a line of the user's own, else the layer; and what that code was to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from archs.errors import UserError
from archs.foreign.raised import HALF_MADE
from archs.identity import structure
from archs.registry import discover
from bench.data.digits import digits
from bench.spec.run import RunSpec
from bench.store.record import Record
from bench.worker.execute import execute
from bench.worker.restore import arch_and_fingerprint
from bench.worker.site import Site
from tests.conftest import ROOT

HEAD = """import torch
from torch import nn
from archs.base import Arch


class Mine(nn.Module):
    def __init__(self, in_channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 4, stride=4)

    def forward(self, x):
        return self.conv(x).flatten(1)


def encoder(in_channels):
    return Mine(in_channels)


def decoder(in_features):
    return nn.Sequential(nn.Linear(in_features, 784), nn.Unflatten(1, (1, 28, 28)))


"""
ARCH = 'ARCH = Arch(name="mine", summary="s", source="t", encoder=encoder, decoder=decoder)\n'
ENCODER = (
    "encoder(in_channels) is to return a torch.nn.Module whose forward gets images [B, in_channels, 28, 28] and "
    "returns features [B, F]"
)
DECODER = (
    "decoder(in_features) is to return a torch.nn.Module whose forward gets [B, in_features] and returns logits "
    "[B, 1, 28, 28]"
)
FORWARD, INIT, BUILT = "self.conv(x).flatten(1)", "super().__init__()", "Mine(in_channels)"
MADE = "what builds its encoder returns"
ADVICE = "expected one tensor; the layers for mean and variance are the task's"
FLAT = "for 2 images, expected [2, features]; end it with nn.Flatten()"
EXPECTED = "expected a function of in_channels that returns a torch.nn.Module"


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = HEAD + ARCH
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return path


def run(folder: Path, plugin: Path, task: str = "vae") -> Record:
    plugins = (str(plugin),)
    found = arch_and_fingerprint("mine", plugins)[1]
    latent, likelihood = (5, "dynamic") if task == "vae" else (None, None)
    data = digits()
    spec = RunSpec("mine", found, task, "digits", data.fingerprint, likelihood, 0, 1, 50, 1e-3, latent, 100, "cpu", 1)
    return execute(spec, Site(str(folder / "runs"), "", plugins, dataset=data))


RAISED = {
    "a builder": ((BUILT, "Mine(in_channel)"), "NameError: name 'in_channel' is not defined (mine.py:16 in encoder)"),
    "a constructor": (
        ("stride=4)", "strid=4)"),
        "TypeError: Conv2d.__init__() got an unexpected keyword argument 'strid' (mine.py:9 in Mine.__init__)",
    ),
    "a forward": (
        (FORWARD, "self.con(x)"),
        "AttributeError: 'Mine' object has no attribute 'con' (mine.py:12 in Mine.forward)",
    ),
    "a layer of torch's": (
        (BUILT, "nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(100, 8))"),
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x784 and 100x8) (in layer 2, "
        "Linear(in_features=100, out_features=8, bias=True))",
    ),
    "a decoder": (
        ("nn.Linear(in_features,", "nn.Linear(7,"),
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x5 and 7x784) (in layer 0, "
        "Linear(in_features=7, out_features=784, bias=True))",
    ),
    "one more argument": (
        ("(self, x)", "(self, x, y)"),
        "TypeError: Mine.forward() missing 1 required positional argument: 'y' (in Mine())",
    ),
    "no message": ((f"return {FORWARD}", "assert False"), "AssertionError: no message (mine.py:12 in Mine.forward)"),
}
"""What is raised while a network is built or tried out: the contract is said too."""

LATER = {
    "in training": (
        (f"return {FORWARD}", f"assert len(x) != 50 or not self.training, 'fifty'\n        return {FORWARD}"),
        "AssertionError: fifty (mine.py:12 in Mine.forward)",
    ),
    "in evaluation": (
        (f"return {FORWARD}", f"assert len(x) < 9 or self.training, 'many'\n        return {FORWARD}"),
        "AssertionError: many (mine.py:12 in Mine.forward)",
    ),
    "no super": (
        (INIT, "pass"),
        "AttributeError: cannot assign module before Module.__init__() call (mine.py:9 in Mine.__init__); begin its "
        "__init__ with super().__init__()",
    ),
}

NAMED = {
    "the end of the process": (
        (BUILT, "exit(3)"),
        "its encoder ends the process: SystemExit: 3 (mine.py:16 in encoder)",
    ),
    "nothing": ((f"return {BUILT}", "pass"), f"{MADE} None, expected a torch.nn.Module"),
    "a class": ((BUILT, "Mine"), f"{MADE} the class Mine, expected a torch.nn.Module; write Mine(…)"),
    "a list": (
        (BUILT, "[nn.Flatten()]"),
        f"{MADE} a list of 1, expected a torch.nn.Module; write nn.Sequential(…) around them",
    ),
    "a function": ((BUILT, "torch.flatten"), f"{MADE} a builtin_function_or_method, expected a torch.nn.Module"),
    "a tuple": ((FORWARD, f"({FORWARD}, 1)"), f"its encoder gives a tuple of 2, {ADVICE}"),
    "a dict": ((FORWARD, f"{{'mean': {FORWARD}}}"), f"its encoder gives a dict of 1, {ADVICE}"),
    "None": (("return self", "self"), f"its encoder gives None, {ADVICE}"),
    "an array": ((FORWARD, f"{FORWARD}.detach().numpy()"), f"its encoder gives a ndarray, {ADVICE}"),
    "a shape": ((FORWARD, "self.conv(x)"), f"its encoder gives [2, 4, 7, 7] {FLAT}"),
    "no features": ((FORWARD, f"{FORWARD}[:, :0]"), f"its encoder gives [2, 0] {FLAT}"),
    "whole numbers": (
        (FORWARD, f"{FORWARD}.long()"),
        "its encoder gives numbers of torch.int64, expected torch.float32",
    ),
    "float64": ((FORWARD, f"{FORWARD}.double()"), "its encoder gives numbers of torch.float64, expected torch.float32"),
    "no number": (
        (FORWARD, f"{FORWARD} / 0 * 0"),
        "its encoder gives nan before any training; look for a division, a logarithm or a root",
    ),
    "a device": (
        (BUILT, f"{BUILT}.to('meta')"),
        "its encoder is built on the device meta, expected the CPU: a run takes it to its own device",
    ),
}
"""What we find: nothing more is to be known of it."""


def error_of(record: Record) -> str:
    return str(record.error).replace("addmm: ", "")  # which some versions of torch say


@pytest.mark.parametrize("kind", RAISED)
def test_what_a_network_raises_is_located_and_its_contract_said(tmp_path: Path, kind: str) -> None:
    change, said = RAISED[kind]
    record = run(tmp_path, written(tmp_path, change))
    assert error_of(record) == f"{said}; {DECODER if kind == 'a decoder' else ENCODER}"
    whole = record.environment["traceback"]
    assert whole[0] == "Traceback (most recent call last):"
    assert any(line.endswith("mine.py") or "mine.py" in line for line in whole) == ("mine.py" in said)


@pytest.mark.parametrize("kind", LATER)
def test_what_it_raises_later_is_located(tmp_path: Path, kind: str) -> None:
    change, said = LATER[kind]
    record = run(tmp_path, written(tmp_path, change))
    assert error_of(record) == said
    assert any("mine.py" in line for line in record.environment["traceback"])


@pytest.mark.parametrize("kind", NAMED)
def test_what_it_returns_is_named(tmp_path: Path, kind: str) -> None:
    change, said = NAMED[kind]
    record = run(tmp_path, written(tmp_path, change))
    assert error_of(record) == f"{'Diverged' if kind == 'no number' else 'UserError'}: mine: {said}"
    assert "traceback" not in record.environment


@pytest.mark.parametrize(
    "encoder", ["Mine", "lambda channels: Mine(channels)", "__import__('functools').partial(Mine)"]
)
def test_whatever_can_be_called_with_the_channels_is_a_builder(tmp_path: Path, encoder: str) -> None:
    assert run(tmp_path, written(tmp_path, ("encoder=encoder", f"encoder={encoder}"))).status == "finished"


def test_layers_in_a_list_are_remarked(tmp_path: Path) -> None:
    """What torch does not see is neither trained nor stored."""
    layer = "nn.Conv2d(in_channels, 4, 4, stride=4)"
    changes = (f"self.conv = {layer}", f"self.convs = [{layer}]"), ("self.conv(", "self.convs[0](")
    record = run(tmp_path, written(tmp_path, *changes), "classifier")
    assert record.environment["conduct"] == {"never moved": "encoder.convs[0].weight and 1 more of 4"}


@pytest.mark.parametrize("task", ["vae", "classifier"])
def test_a_network_without_weights_is_one(tmp_path: Path, task: str) -> None:
    assert run(tmp_path, written(tmp_path, (BUILT, "nn.Flatten()")), task).status == "finished"


@pytest.mark.parametrize(
    "given, said",
    [
        (
            "Mine(1)",
            f"a network that is built already (Mine); {EXPECTED}, since each run builds one of its own: the class "
            "itself, encoder=Mine",
        ),
        (
            "nn.Sequential(nn.Flatten())",
            f"a network that is built already (Sequential); {EXPECTED}, since each run builds one of its own: "
            "def encoder(…): return nn.Sequential(…)",
        ),
        ("None", f"None; {EXPECTED}"),
        (
            "lambda: Mine(1)",
            f"<lambda>(), which can't be called with one argument (too many positional arguments); {EXPECTED}",
        ),
    ],
)
def test_what_builds_nothing_is_refused_before_anything_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    monkeypatch.setattr(structure, "structure", lambda *unused: pytest.fail("it was built"))
    path = written(tmp_path, ("encoder=encoder", f"encoder={given}"))
    with pytest.raises(UserError) as raised:
        discover([path])
    assert str(raised.value) == f"{path}: mine: its encoder is {said}"


def test_a_file_beside_it_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "beside_mine.py").write_text("def width():\n    return 1 / 0\n", encoding="utf-8")
    path = written(tmp_path, (BUILT, "beside_mine.width()"), ("import torch\n", "import torch\nimport beside_mine\n"))
    error = run(tmp_path, path).error
    assert error == f"ZeroDivisionError: division by zero (beside_mine.py:2 in width); {ENCODER}"


def test_a_file_that_is_not_beside_it_is_explained(tmp_path: Path) -> None:
    path = written(tmp_path, ("import torch\n", "import torch\nimport my_helper\n"))
    with pytest.raises(UserError) as raised:
        discover([path])
    assert str(raised.value) == (
        f"plug-in {path}, line 2: ModuleNotFoundError: No module named 'my_helper'; install it or, if it is a file of "
        "yours, put it beside mine.py"
    )


def test_the_page_on_architectures_shows_what_is_said() -> None:
    page = " ".join((ROOT / "docs" / "adding-an-architecture.md").read_text(encoding="utf-8").split())
    assert (
        f"AttributeError: 'Encoder' object has no attribute 'convv' (wide2.py:15 in Encoder.forward); {ENCODER}" in page
    )
    assert HALF_MADE in page
