"""What people type, and what it is taken for: lists, seeds, paths, environment variables."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from archs.errors import UserError
from bench import gate, trackers, verify
from bench.job.options import parse, parser
from bench.job.perform import site_of
from bench.job.request import Request
from bench.machine.provenance import Provenance
from bench.spec.paths import expanded, path, set_unless_set
from reports.__main__ import parser as reports_parser

ME = pwd.getpwuid(os.getuid())


def refused(arguments: list[str], capsys: pytest.CaptureFixture) -> str:
    """The one line that says what is wrong with arguments."""
    with pytest.raises((SystemExit, UserError)) as caught:
        parse(arguments)
    if caught.type is UserError:
        return f"error: {caught.value}"
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    "words, expected",
    [
        (
            ["5", "6", "7"],
            "'5 6 7' names single seeds; expected how many there are, N, for the seeds 0 to N−1: --seeds 8",
        ),
        (["5,6,7"], "'5,6,7' names single seeds; expected how many there are, N, for the seeds 0 to N−1: --seeds 8"),
        (["[0, 1]"], "'[0, 1]' names single seeds; expected how many there are, N, for the seeds 0 to N−1: --seeds 2"),
        (
            ["0-4"],
            "'0-4' names single seeds; expected how many there are, N, for the seeds 0 to N−1: --seeds 5 has all",
        ),
        (["0..4"], "--seeds 5 has all of these"),
        (["1", "99999"], "'1 99999' is not a whole number from 1 to 10,000"),
        (["1.5"], "'1.5' is not a whole number from 1 to 10,000"),
        (["3", "three"], "'3 three' is not a whole number from 1 to 10,000"),
    ],
)
def test_seeds_are_a_number_of_seeds(words: list[str], expected: str, capsys: pytest.CaptureFixture) -> None:
    line = refused(["--epochs", "1", "--seeds", *words, "--quick"], capsys)
    assert line.startswith("error: argument --seeds: ")
    assert expected in line
    assert refused([f"--seeds={words[0]}", *words[1:]], capsys) == line


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--epochs", "5", "--seeds", "3", "--epochs", "1", "5"], "argument --epochs: '1 5' is not a whole number"),
        (
            ["--out", "my", "report"],
            "argument --out: takes one value, but 2 follow ('my', 'report'); quote one that holds",
        ),
        (
            ["--plugin", "a.py", "b.py"],
            "argument --plugin: takes one value, but 2 follow ('a.py', 'b.py'); repeat the option: --plugin a.py",
        ),
        (["--quick", "yes"], "argument --quick: takes no value, but 'yes' follows"),
        (["cnn2", "cnn3"], "'cnn2' follows no option; choose from"),
        (["quick"], "'quick' follows no option; did you mean '--quick'?"),
        (["--epoch=3"], "unknown option '--epoch=3'; did you mean '--epochs'?"),
        (["--dataset", "mnist", "digits"], "argument --dataset: takes one value, but 2 follow ('mnist', 'digits')"),
    ],
)
def test_a_word_too_many_names_its_option(arguments: list[str], expected: str, capsys: pytest.CaptureFixture) -> None:
    assert refused(arguments, capsys).startswith(f"error: {expected}")


def test_sub_commands_know_their_options(capsys: pytest.CaptureFixture) -> None:
    for arguments, expected in (
        (["render", "folder", "--latx"], "error: unknown option '--latx'; did you mean '--latex'?\n"),
        (["render", "folder", "another"], "error: 'another' is one argument too many\n"),
    ):
        with pytest.raises(SystemExit):
            reports_parser().parse_args(arguments)
        assert capsys.readouterr().err == expected


def test_lists_may_be_joined_by_commas() -> None:
    assert parse(["--tasks", "vae,classifier"]).tasks == ("vae", "classifier")
    assert parse(["--tasks", "vae,", "m2", ",classifier,vae"]).tasks == ("vae", "m2", "classifier")
    assert parse(["--archs", "cnn2,cnn3+cnn2", "mlp,"]).archs == ("cnn2", "cnn3+cnn2", "mlp")
    options = ["cnn:kernel=3,stride=2", "cnn:depth=2/3,kernel=5+cnn3"]
    assert parse(["--archs", *options]).archs == tuple(options)


def test_numbers_of_labels_may_be_several_and_none_is_asked_for_twice() -> None:
    assert parse([]).labels == (100,)
    assert parse(["--labels", "600"]).labels == (600,)
    assert parse(["--labels", "100,600,", "1000", "100", "--quick"]).labels == (100, 600, 1000)


@pytest.mark.parametrize(
    "words, expected",
    [
        (["100", "105"], "'105' can't be shared equally by ten classes; expected a multiple of 10, for example 100"),
        (["100,x"], "'x' is not a whole number from 10 to 50,000"),
        ([","], "',' is not a whole number from 10 to 50,000"),
        (["100", "60000"], "'60000' is not a whole number from 10 to 50,000"),
    ],
)
def test_a_number_of_labels_that_can_t_be_is_named(
    words: list[str], expected: str, capsys: pytest.CaptureFixture
) -> None:
    assert refused(["--labels", *words], capsys) == f"error: argument --labels: {expected}"


def test_the_weight_of_classification_has_bounds(capsys: pytest.CaptureFixture) -> None:
    assert parse([]).classification_weight == 0.1
    assert parse(["--classification-weight", "0"]).classification_weight == 0
    assert parse(["--classification-weight", "50"]).classification_weight == 50
    for text in ("-0.1", "nan", "inf", "1e7", "ten"):
        expected = f"{text!r} is not a weight; expected a number from 0 to 1,000,000"
        assert (
            refused(["--classification-weight", text], capsys) == f"error: argument --classification-weight: {expected}"
        )


def test_a_list_that_can_t_be_meant_is_one_line(capsys: pytest.CaptureFixture) -> None:
    assert refused(["--tasks", "vae,clasifier"], capsys).startswith("error: unknown task 'clasifier'; did you mean 'cl")
    assert refused(["--tasks", ","], capsys).startswith("error: unknown task ','")


def given(tmp_path: Path, text: str) -> dict[str, str]:
    """Every path that the commands take, as they take it."""
    found = parse(["--data-dir", text, "--runs-dir", text, "--out", text, "--plugin", text])
    verified = verify.parser().parse_args(["RUN", "--runs-dir", text, "--plugin", text])
    judged = gate.parser().parse_args([text, text])
    rendered = reports_parser().parse_args(["render", text, "--runs-dir", text])
    compared = reports_parser().parse_args(["compare", text, text])
    return {
        "data": found.data_dir,
        "runs": found.runs_dir,
        "out": str(found.out),
        "plug-in": found.plugins[0],
        "verify": verified.runs_dir,
        "verify's plug-in": verified.plugin[0],
        "old": str(judged.old),
        "new": str(judged.new),
        "render": str(rendered.folder),
        "render's runs": str(rendered.runs_dir),
        "A": str(compared.a),
        "B": str(compared.b),
    }


def test_a_home_folder_is_meant_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert set(given(tmp_path, "~/x").values()) == {str(tmp_path / "x")}
    assert set(given(tmp_path, f"~{ME.pw_name}/x").values()) == {str(Path(ME.pw_dir) / "x")}
    assert set(given(tmp_path, "./~").values()) <= {"./~", "~"}
    monkeypatch.setenv("ABLATION_DATA", "~/x")
    assert parse([]).data_dir == str(tmp_path / "x")
    assert parse(["--data-dir", "here"]).data_dir == "here"
    monkeypatch.setenv("ABLATION_DATA", "")
    assert parse([]).data_dir == "data"


def test_every_option_that_is_a_path_is_read_as_one() -> None:
    own = {f"--{kind.name}" for kind in trackers.kinds()}  # they read it themselves: it may be a URI
    for build in (parser(), verify.parser()):
        for action in build._actions:
            if action.metavar in ("DIR", "FILE") and own.isdisjoint(action.option_strings):
                assert action.type is path, action.option_strings


@pytest.mark.parametrize(
    "text, expected",
    [
        ("~nosuchuser/x", "the path '~nosuchuser/x': there is no user 'nosuchuser'; write ./~nosuchuser/x for what is"),
        ("", "the path is empty; leave the option out, or name a folder or file"),
        ("x" * 300, f"the path '{'x' * 40}'… is too long; expected at most 255 bytes for each name, and 4,095 in all"),
        ("x/" * 3_000, f"the path '{'x/' * 20}'… is too long; expected at most 255 bytes for each name, and 4,095"),
        ("a\udcff", r"the path 'a\udcff' is no text in this locale; set PYTHONUTF8=1 if it is UTF-8, else rename it"),
    ],
)
def test_a_path_that_can_t_be_meant_is_one_line(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option in ("--data-dir", "--runs-dir", "--out", "--plugin"):
        assert refused([option, text], capsys).startswith(f"error: argument {option}: {expected}")
    for kind in trackers.kinds():
        pytest.importorskip(kind.needs[0], reason=f"{kind.needs[0]} is not installed")
        with pytest.raises(UserError) as caught:
            trackers.open_trackers({kind.name: text})
        assert str(caught.value).startswith(f"--{kind.name}: {expected}")
    if text:
        monkeypatch.setattr(os, "environ", {**os.environ, "ABLATION_DATA": text})
        assert refused([], capsys).startswith(f"error: $ABLATION_DATA: {expected}")
        assert verify.main(["RUN"]) == 2
        assert capsys.readouterr().err.startswith(f"error: $ABLATION_DATA: {expected}")


def test_a_path_holds_from_any_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers get whole ones, since others' code may change theirs; a link before `..` is followed as ever."""
    (tmp_path / "far" / "off").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "off")
    (tmp_path / "far" / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    request, plan = (
        Request(runs_dir="link/../runs", plugins=("mine.py",)),
        SimpleNamespace(device="cpu", devices=("cpu",), sharing=SimpleNamespace(stack=1, graph=False, side_by_side=1)),
    )
    site = site_of(request, plan, SimpleNamespace(slots=len), Provenance())  # type: ignore[arg-type]
    monkeypatch.chdir("/")
    assert os.path.samefile(site.runs_dir, tmp_path / "far" / "runs")
    assert (site.data_dir, site.plugins) == (str(tmp_path / "data"), (str(tmp_path / "mine.py"),))


def test_a_working_folder_that_is_gone_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    with pytest.raises(UserError, match=r"^the working folder can't be used \(No such file or directory\); change"):
        parse([])


def test_a_null_byte_is_in_no_path() -> None:
    with pytest.raises(UserError, match="holds a null byte"):
        expanded("a\0b")


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_trackers_write_into_a_home_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with trackers.open_trackers({name: "~/shown"}):
        assert [path.name for path in tmp_path.iterdir()] == ["shown"]


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTED", "")
    set_unless_set("TESTED", "1")
    set_unless_set("TESTED", "2")
    assert os.environ["TESTED"] == "1"
