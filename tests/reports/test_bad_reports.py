"""Edited, damaged or invented report folders: one clear line on stderr, status 2, and nothing hostile on a page."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.store.record import checksum
from bench.store.store import Store
from reports.__main__ import main
from tests.reports.synthetic import write_experiment

HOSTILE = "<img src=x onerror=alert(1)>|`$\\input{/etc/passwd}$`**[x](javascript:alert(1))\u202e\n# boo"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experiment(
        tmp_path_factory.mktemp("sound"), ["cnn2", "cnn3"], tasks=["classifier"], seeds=2, n_test=60
    )


@pytest.fixture
def report(sound: Path, tmp_path: Path) -> Path:
    """A copy to damage: a report folder beside its runs."""
    shutil.copytree(sound.parent, tmp_path / "copy")
    return tmp_path / "copy" / sound.name


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def setting(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest.update(fields)


METRIC = {"name": "mine", "label": "mine", "unit": "", "higher_is_better": True, "definition": ""}


def declaring(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return setting(declared={"tasks": [{"name": "mine", "summary": "", "primary": "elbo", **fields}]})


MANIFESTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no runs_dir": (lambda m: m.pop("runs_dir"), "object missing required field `runs_dir`"),
    "no archs": (lambda m: m.pop("archs"), "object missing required field `archs`"),
    "runs_dir elsewhere": (setting(runs_dir="/etc"), "none of the 4 runs of"),
    "runs_dir nowhere": (setting(runs_dir="../../../nowhere"), "no runs directory"),
    "runs_dir too long": (setting(runs_dir="x" * 5_000), "no runs directory"),
    "runs_dir a list": (setting(runs_dir=["/etc"]), "runs_dir is ['/etc']: expected `str`, got `array`"),
    "runs_dir with a null byte": (setting(runs_dir="runs\0"), r"runs_dir is 'runs\x00': expected `str` matching regex"),
    "run_ids a text": (
        setting(run_ids="0123456789abcdef"),
        "run_ids is '0123456789abcdef': expected `array`, got `str`",
    ),
    "run_ids numbers": (setting(run_ids=[1]), "run_ids[0] is 1: expected `str`, got `int`"),
    "a path for a run id": (setting(run_ids=["../../../etc/passwd"]), "run '../../../etc/passwd': not a run id"),
    "no run": (setting(run_ids=[]), "none of the 0 runs of"),
    "archs numbers": (setting(archs=[2]), "archs[0] is 2: expected `str`, got `int`"),
    "an unknown task": (setting(tasks=["clasifier"]), "unknown task 'clasifier'; did you mean 'classifier'?"),
    "a path for a task": (setting(tasks=["../../x"]), "unknown task '../../x'; choose from"),
    "declared a list": (setting(declared=[]), "declared: [], expected tasks and metrics"),
    "a task without a name": (setting(declared={"tasks": [{"summary": ""}]}), "declared: tasks[0] lacks name"),
    "a label that is a number": (declaring(label=3), "declared: tasks[0]: label is 3, expected str"),
    "a bound on something else": (declaring(bounds="log p(z)"), "tasks[0]: bounds is 'log p(z)', expected Literal"),
    "a path for a declared task": (declaring(name="../x"), "task '../x': not a name"),
    "a path for an array": (declaring(kept={"../x": "elbo"}), "kept has ../x"),
    "pictures for numbers": (declaring(kept={"originals": "elbo"}), "kept has originals; call an array test_"),
    "a label taken": (declaring(label="VAE"), "task mine: the label 'VAE' is taken by the task vae; choose another"),
    "words that look into objects": (declaring(better="{winner.__class__}"), "expected {winner} in it once"),
    "words without end": (declaring(subject="x" * 10_000), "subject has more than 200 characters"),
    "a metric that nobody declares": (declaring(primary="mine"), "task mine: metric 'mine' is not declared"),
    "a metric that is built in": (
        setting(declared={"metrics": [METRIC | {"name": "elbo"}]}),
        "the metric name 'elbo' is taken",
    ),
    "a metric that is a column": (
        setting(declared={"metrics": [METRIC | {"name": "status"}]}),
        "the metric name 'status' is taken",
    ),
    "digits without end": (
        setting(declared={"metrics": [METRIC | {"digits": 10**9}]}),
        "metric mine: digits 1000000000",
    ),
    "a scale of nothing": (
        setting(declared={"metrics": [METRIC | {"scale": 0.0}]}),
        "metric mine: digits 2, scale 0.0",
    ),
    "baseline a list": (setting(baseline=[]), "baseline is []: expected `str`, got `array`"),
    "title a list": (setting(title=["x"]), "title is ['x']: expected `str | null`, got `array`"),
    "warnings a text": (setting(warnings="careful"), "warnings is 'careful': expected `array | null`, got `str`"),
    "planned negative": (setting(planned=-1), "planned is -1: expected `int` >= 0"),
    "seeds a text": (setting(seeds="three"), "seeds is 'three': expected `int | null`, got `str`"),
    "seeds without end": (setting(seeds=10**30), "expected `int` <= 10000000"),
    "seeds true": (setting(seeds=True), "seeds is True: expected `int | null`, got `bool`"),
    "seconds NaN": (setting(wall_seconds=float("nan")), "wall_seconds is nan: expected `float` >= 0"),
    "seconds without end": (setting(wall_seconds=float("inf")), "wall_seconds is inf: expected `float` <= 1"),
    "factors a list": (setting(factors=["depth"]), "factors is ['depth']: expected `object | null`, got `array`"),
    "factors of numbers": (setting(factors={"cnn2": {"depth": 2}}), "factors[...][...]: expected `str`, got `int`"),
    "illegal without a reason": (
        setting(illegal=[{"arch": "x"}]),
        "illegal[0] is {'arch': 'x'}: object missing required field `reason`",
    ),
    "skipped a text": (setting(skipped="pool4"), "skipped is 'pool4': expected `array | null`, got `str`"),
    "dataset a text": (setting(dataset="mnist"), "dataset is 'mnist': expected `object | null`, got `str`"),
    "half a character": (setting(title="\ud800"), "holds a character that can't be written"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_hostile_manifest_is_one_line(report: Path, name: str, capsys: pytest.CaptureFixture) -> None:
    change, expected = MANIFESTS[name]
    edit(report / "manifest.json", change)
    refused(report, expected, capsys)


RAW: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "manifest.json can't be read"),
    "half": (b'{"runs_dir": "../ru', "manifest.json can't be read"),
    "a list": (b"[]", "manifest.json is no manifest of run_ablation.py: expected `object`, got `array`"),
    "not text": (b"\xff\xfe\x00", "manifest.json can't be read"),
    "bottomless": (b"[" * 100_000, "manifest.json can't be read"),
}


@pytest.mark.parametrize("name", RAW)
def test_a_manifest_that_is_none_is_one_line(report: Path, name: str, capsys: pytest.CaptureFixture) -> None:
    content, expected = RAW[name]
    (report / "manifest.json").write_bytes(content)
    refused(report, expected, capsys)


def refused(report: Path, expected: str, capsys: pytest.CaptureFixture) -> None:
    before = sorted(os.listdir(report))
    assert main(["render", str(report)]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert shown[0].startswith("error: ")
    assert expected in shown[0]
    assert sorted(os.listdir(report)) == before  # nothing was drawn


COMMANDS: dict[str, tuple[list[str], str]] = {
    "no command": ([], "the following arguments are required: command"),
    "an unknown command": (["rendre"], "invalid choice: 'rendre'"),
    "no folder": (["render"], "the following arguments are required: folder"),
    "not a report": (["render", "nowhere"], "nowhere is not a report folder: expected nowhere/manifest.json"),
    "a file": (["render", "file"], "file is not a report folder"),
    "an unknown option": (["render", "nowhere", "--latx"], "unknown option '--latx'"),
    "one to compare": (["compare", "nowhere"], "the following arguments are required: B"),
    "nothing to compare": (["compare", "nowhere", "nowhere"], "nowhere is not a report folder"),
    "a bad verdict": (["compare", "a", "b", "--fail-on", "better"], "invalid choice: 'better'"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_bad_command_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    arguments, expected = COMMANDS[name]
    try:
        status = main(arguments)
    except SystemExit as stop:  # argparse's own
        status = int(str(stop.code))
    shown = capsys.readouterr().err.splitlines()
    assert status == 2
    assert len(shown) == 1
    assert expected in shown[0]


def test_a_damaged_record_is_named_and_missing_from_the_page(report: Path, capsys: pytest.CaptureFixture) -> None:
    store = Store(report.parent / "runs")
    first = store.run_ids()[0]
    (store.folder / first / "record.json").write_text("{", encoding="utf-8")
    assert main(["render", str(report)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"WARNING: run {first}: ")
    assert "is not JSON" in line
    assert line.endswith("; left out")
    assert len((report / "records.csv").read_text(encoding="utf-8").splitlines()) == 4  # a header and three of four
    assert (store.folder / first / "record.json").read_text(encoding="utf-8") == "{"  # drawing changes no record


def test_damaged_arrays_are_not_drawn(report: Path, capsys: pytest.CaptureFixture) -> None:
    store = Store(report.parent / "runs")
    path = store.folder / store.run_ids()[0] / "arrays.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    record = store.load(store.run_ids()[0])
    with pytest.raises(ValueError, match="does not match its checksum"):
        record.arrays()


def test_hostile_names_in_records_stay_text_on_every_page(report: Path) -> None:
    """Records and manifest edited by hand, with valid checksums: the worst that somebody could send."""
    edited = 0
    for path in (report.parent / "runs").glob("*/record.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["spec"]["arch"] == "cnn3":
            content["spec"]["arch"] = HOSTILE
            content["environment"]["device_name"] = HOSTILE
            for layer in content["layers"]:
                layer["layer"] = layer["part"] = HOSTILE
            content.pop("checksum")
            content["checksum"] = checksum(content)
            path.write_text(json.dumps(content), encoding="utf-8")
            edited += 1
    assert edited
    edit(
        report / "manifest.json",
        setting(
            archs=["cnn2", HOSTILE],
            title=HOSTILE,
            warnings=[HOSTILE],
            command=HOSTILE,
            created=HOSTILE,
            skipped=[{"reason": HOSTILE}],
            illegal=[{"arch": HOSTILE, "reason": HOSTILE}],
            factors={},
        ),
    )
    assert main(["render", str(report), "--latex"]) == 0
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert not re.search(r"<a [^>]*javascript:", page)
    assert "\u202e" not in page
    text = (report / "report.md").read_text(encoding="utf-8")
    outside_code = re.sub(r"```.*?```", "", re.sub(r"(`+) .*?\1", "", text, flags=re.DOTALL), flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<img", outside_code)
    assert not re.search(r"^# boo", text, re.MULTILINE)
    tables = list((report / "latex").glob("*.tex"))
    assert tables
    for table in tables:
        assert r"\input{" not in table.read_text(encoding="utf-8")
