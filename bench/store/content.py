"""What a record.json must hold for its readers to work with it, whoever wrote it. No torch."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Collection
from typing import Annotated, Any

import msgspec

from bench.spec.run import RunSpec
from bench.spec.status import Status
from bench.store.validation import type_problem

LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

ARRAYS = {
    "originals": "N 28 28", "reconstructions": "N 28 28", "prior": "N 28 28", "interpolations": "N N 28 28",
    "grid": "N N 28 28", "manifold": "N N 28 28", "latent": "N 2", "labels": "N", "kl_per_dim": "N",
    "mean_variance": "N", "bayes_confusion": "10 10",
}  # fmt: skip
"""Name of an array that pages draw from → its shape, N any number above 0.

`test_…` has a value for each test image, `m1m2_curve_…` one for each look at the validation images.
"""

Numbers = dict[str, float]
Size = Annotated[int, msgspec.Meta(ge=0, le=10**18)]

LARGEST_SETTING = 10**15
"""Of a number among the settings of a run; a larger one was put there to exhaust the reader."""


class Layer(msgspec.Struct):
    """A row of a record's layer table, as `archs.layers.Layer` documents it."""

    part: str
    layer: str
    kind: str
    output_shape: str
    weights: Size
    biases: Size
    macs: Size | None
    backward_macs: Size | None = None
    note: str = ""


class Environment(msgspec.Struct):
    """The part of a record's environment that readers rely on; there is more in it, and old records have less."""

    torch: str | None = None
    """Its version."""

    commit: str | None = None
    """The git commit of this project's code; more on that code in the fields at the end."""

    device_name: str | None = None
    """The name that the processor or the GPU is sold under."""

    workers: int | None = None
    """How many runs could share the machine."""

    begun: float = 0
    """When training began, in seconds since 1970."""

    ended: float = 0
    """When it ended, in seconds since 1970, by a clock that may have been set meanwhile: see `Record.ended`."""

    evaluation_seconds: float = 0
    """How long the evaluation took."""

    dirty: bool | None = None
    changed_files: list[str] | None = None
    code: dict[str, str] | None = None
    """Which code made it, as `bench.machine.provenance.Provenance` documents them."""

    foreign_code: dict[str, str] | None = None
    """Plug-ins and packages that were loaded in the process: name → hash or version."""

    conduct: dict[str, str] | None = None
    """How the network behaves beside what it scores: one of `bench.spec.conduct.Conduct` → what it is about."""


class StoredEvaluationSpec(msgspec.Struct):
    """The spec of a record of an evaluation, as `bench.spec.run.EvaluationSpec` documents it."""

    part: str
    run: str = ""
    settings: dict[str, Any] = {}
    others: list[str] = []
    protocol: int = 0


class FileEntry(msgspec.Struct):
    """What a record says of a file beside it."""

    bytes: Size
    sha256: str


class StoredRecord(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a record.json of schema 1; the fields of `Record` say what they mean."""

    run_id: str
    spec: dict[str, Any]
    status: str
    error: str | None
    metrics: dict[str, Any]  # numbers; `content_problem` checks each by itself, so that it can name the wrong one
    history: list[dict[str, float]]
    layers: list[Layer]
    environment: Environment


class StoredRecordWithFiles(StoredRecord):
    """The fields of a record.json of schema 2, but for its checksum."""

    files: dict[str, Any]  # name → `FileEntry`; `content_problem` holds the names to those that there may be first


def lone_surrogate(text: bytes, content: dict[str, Any]) -> str | None:
    """Say if a text holds half of a surrogate pair, which JSON can hold and a text file can't; None if none does."""
    if LONE_SURROGATE.search(text):
        try:
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return "holds a character that can't be written"
    return None


def encodable(content: Any) -> Any:
    """Return what is to be written as JSON as a reader will find it, with a "?" for each half of a surrogate pair.

    A text of others' code may hold one, an error message say, and a file with it would be taken for a damaged one.
    """
    return json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", errors="replace"))


def array_problem(name: str, dtype_kind: str, shape: tuple[int, ...]) -> str:
    """Say what in an array of a record its readers could not work with; empty if all is well.

    Args:
        dtype_kind: `numpy.dtype.kind` of it.
    """
    is_curve = name.startswith("m1m2_curve_")  # of a training without a look it has no value
    expected = "N" if is_curve or name.startswith("test_") else ARRAYS.get(name)
    if dtype_kind not in "biuf":
        return "expected numbers"
    sizes = None if expected is None else expected.split()
    if sizes is None or (
        len(sizes) == len(shape)
        and all((n > 0 or is_curve) and size in ("N", str(n)) for size, n in zip(sizes, shape, strict=True))
    ):
        return ""
    return f"has the shape {list(shape)}, expected [{', '.join(sizes)}]"


def content_problem(run_id: str, content: dict[str, Any], files: Collection[str] | None) -> str | None:
    """Say what in `content` its readers could not work with; None if all is well.

    Args:
        content: that of a record.json, without its schema and checksum.
        files: the names that it may list as those of the files beside it; None for schema 1, which lists none.
    """
    problem = type_problem(content, StoredRecord if files is None else StoredRecordWithFiles)
    if problem:
        return problem
    if content["run_id"] != run_id:
        return f"describes run {content['run_id'][:40]!r}; delete the folder to train it again"
    if content["status"] not in list(Status):
        return f"status is {content['status'][:40]!r}, expected 'finished' or 'failed'"
    if type_problem(content["metrics"], Numbers):
        for name, value in content["metrics"].items():  # which one it is
            problem = type_problem(value, float)
            if problem:
                return f"metric {name[:40]!r} is {reprlib.repr(value)}: {problem}"
    spec = content["spec"]
    if problem := type_problem(spec, StoredEvaluationSpec if "part" in spec else RunSpec):
        return f"spec: {problem}"
    for name, value in spec.items():
        if isinstance(value, float | int) and not 0 <= value <= LARGEST_SETTING:  # nor is NaN
            return f"spec: {name} is {reprlib.repr(value)}, expected a number from 0 to {LARGEST_SETTING:.0e}"
    if "part" not in spec and "protocol" not in spec:  # the default is this code's protocol, not the run's
        return "spec: object missing required field `protocol`"
    if files is not None and not content["files"].keys() <= set(files):
        return f"files: expected at most {' and '.join(files)}"
    if files is not None and (problem := type_problem(content["files"], dict[str, FileEntry])):
        return f"files{problem}"
    return None
