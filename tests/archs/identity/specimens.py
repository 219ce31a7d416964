"""Plug-ins whose networks are made by more than the file that `--plugin` names, each with an edit of what makes it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FACTORY = """
from torch import nn

def make(width):
    def encoder(in_channels):
        return nn.Sequential(nn.Flatten(), nn.Linear(784 * in_channels, width), nn.ReLU())
    return encoder

def build(in_channels, width=8):
    return make(width)(in_channels)

def build_scaled(scale, in_channels, width):
    return make(scale * width)(in_channels)

class Maker:
    def __init__(self, width):
        self.width = width

    def __call__(self, in_channels):
        return make(self.width)(in_channels)

    def encoder(self, in_channels):
        return make(self.width)(in_channels)

class Net(nn.Sequential):
    def __init__(self, in_channels):
        super().__init__(nn.Flatten(), nn.Linear(784 * in_channels, 8), nn.ReLU())

def twice(builder):
    import functools

    @functools.wraps(builder)
    def wrapped(in_channels):
        return nn.Sequential(builder(in_channels), nn.Tanh())
    return wrapped
"""
"""A helper: the ways in which a builder comes from another file."""

ARCH = 'from archs.base import Arch\nARCH = Arch(name="NAME", summary="a test", source="a test", encoder=BUILDER)\n'


class Specimen(NamedTuple):
    """A plug-in in a folder of its own."""

    before: str
    """Its code above its `Arch`."""

    builder: str
    """An expression."""

    edit: tuple[str, str, str]
    """File, and what in it is replaced by what. "elsewhere/…" is a folder on PYTHONPATH."""

    files: dict[str, str] = {}  # noqa: RUF012
    """What lies beside it, and the factory."""


OWN = "my.py"
SPECIMENS = {
    "factory": Specimen("from factory import make", "make(8)", (OWN, "make(8)", "make(9)")),
    "partial": Specimen(
        "import functools\nfrom factory import build", "functools.partial(build, width=8)", (OWN, "=8)", "=9)")
    ),
    "nested": Specimen(
        "from functools import partial\nfrom factory import build_scaled",
        "partial(partial(build_scaled, 2), width=4)",
        (OWN, "_scaled, 2)", "_scaled, 3)"),
    ),
    "callable": Specimen("from factory import Maker", "Maker(8)", (OWN, "Maker(8)", "Maker(9)")),
    "method": Specimen("from factory import Maker", "Maker(8).encoder", (OWN, "Maker(8)", "Maker(9)")),
    "class": Specimen("from factory import Net", "Net", ("factory.py", "in_channels, 8)", "in_channels, 9)")),
    "wrapped": Specimen(
        "import functools\nfrom factory import twice\ndef encoder(in_channels):\n    from factory import make\n"
        "    return make(8)(in_channels)",
        "functools.partial(twice(encoder))",
        ("factory.py", "nn.Tanh()", "nn.Softplus()"),
    ),
    "late": Specimen(
        "def encoder(in_channels):\n    from inner import WIDTH\n    from factory import make\n"
        "    return make(WIDTH)(in_channels)",
        "encoder",
        ("inner.py", "8", "9"),
        {"inner.py": "WIDTH = 8\n"},
    ),
    "by_name": Specimen(
        "import importlib\nfrom factory import make\ndef encoder(in_channels):\n"
        '    return make(importlib.import_module("sub.inner").WIDTH)(in_channels)',
        "encoder",
        ("sub/inner.py", "8", "9"),
        {"sub/__init__.py": "", "sub/inner.py": "WIDTH = 8\n"},
    ),
    "on_path": Specimen(
        "from elsewhere_for_test import WIDTH\nfrom factory import make",
        "make(WIDTH)",
        ("elsewhere/wider_for_test.py", "8", "9"),
        {
            "elsewhere/elsewhere_for_test.py": "from wider_for_test import WIDTH",
            "elsewhere/wider_for_test.py": "WIDTH = 8",
        },
    ),
    "data": Specimen(
        "from pathlib import Path\nfrom factory import make\n"
        "WIDTH = int(Path(__file__).with_name('width.txt').read_text())",
        "lambda in_channels: make(WIDTH)(in_channels)",
        ("width.txt", "8", "9"),
        {"width.txt": "8"},
    ),
    "constant": Specimen(
        "from pathlib import Path\nfrom torch import nn\nclass Scaled(nn.Flatten):\n    def __init__(self):\n"
        "        super().__init__()\n        self.scale = float(Path(__file__).with_name('scale.txt').read_text())\n"
        "    def forward(self, x):\n        return super().forward(x) * self.scale",
        "lambda in_channels: Scaled()",
        ("scale.txt", "0.5", "0.25"),
        {"scale.txt": "0.5"},
    ),
    "numbers": Specimen(
        "from pathlib import Path\nimport torch\nfrom torch import nn\nclass Scaled(nn.Flatten):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n        scale = float(Path(__file__).with_name('scale.txt').read_text())\n"
        "        self.register_buffer('scale', torch.full((784,), scale))\n"
        "    def forward(self, x):\n        return super().forward(x) * self.scale",
        "lambda in_channels: Scaled()",
        ("scale.txt", "0.5", "0.501"),
        {"scale.txt": "0.5"},
    ),
}  # fmt: skip
"""What makes the network → a plug-in, named after it."""


def write(name: str, folder: Path) -> Path:
    """Write a specimen into a folder of its own, and return the plug-in."""
    specimen = SPECIMENS[name]
    code = f"{specimen.before}\n{ARCH.replace('NAME', name).replace('BUILDER', specimen.builder)}"
    for file, text in {OWN: code, "factory.py": FACTORY, **specimen.files}.items():
        path = place(name, file, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / name / OWN


def edit(name: str, folder: Path) -> None:
    """Edit a specimen."""
    file, old, new = SPECIMENS[name].edit
    path = place(name, file, folder)
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name}: no {old!r} in {file}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def place(name: str, file: str, folder: Path) -> Path:
    """Return where a file of a specimen lies."""
    return folder / file if file.startswith("elsewhere/") else folder / name / file
