"""What is said of a task is said once: in its file. Everything else reads it.

python -m tests.tasks.test_declarations    writes bench/spec/builtin_tasks.json anew
"""

from __future__ import annotations

import ast
import json

import pytest

from archs.errors import UserError
from bench import evaluation, tasks
from bench.spec.declared import BUILT_IN, Declared, built_in, read
from bench.spec.metrics import METRICS, Metric
from bench.spec.task import TaskDescription
from tests.conftest import ROOT

BEFORE_DECLARATIONS = ("vae", "cvae", "classifier", "m2")
"""The tasks of manifests that declare none."""


def as_the_files_say() -> Declared:
    return tasks.declared(map(tasks.get, BEFORE_DECLARATIONS))


def test_what_is_kept_for_older_manifests_is_what_the_tasks_files_say() -> None:
    assert built_in() == as_the_files_say(), "python -m tests.tasks.test_declarations"


@pytest.mark.parametrize("name", tasks.names())
def test_a_file_holds_the_task_of_its_name(name: str) -> None:
    task = tasks.get(name)
    assert task.name == name
    assert task.primary in task.scores
    assert set(task.evaluations) <= set(evaluation.names())
    assert tasks.fingerprint(name, {}) is None


def test_labels_are_told_apart() -> None:
    labels = [tasks.get(name).label for name in tasks.names()]
    assert len(set(labels)) == len(labels)


def test_a_short_declaration_is_enough() -> None:
    short = TaskDescription(name="mine", summary="", primary="elbo")
    assert (short.label, short.prefix, short.subject) == ("mine", "mine ", "On mine")
    assert (short.better, short.best) == ("{winner} does better on mine", "{winner} does best on mine")
    assert (short.scores, short.kept, short.uses_latent_dim) == (("elbo",), {"test_elbo": "elbo"}, True)
    assert TaskDescription(name="mine", summary="", primary="of_its_own").prefix == ""
    assert TaskDescription(name="mine", summary="", primary="elbo", prefix="").prefix == ""


def test_declarations_come_back_from_json_as_they_went() -> None:
    own = Metric("mine", "mine", "", None, "", margin=0.5)
    declared = Declared({"a": TaskDescription(name="a", summary="", primary="mine")}, {"mine": own})
    assert read(json.loads(json.dumps(declared.as_dict()))) == declared


def test_fields_of_a_later_version_are_left_out() -> None:
    content = built_in().as_dict()
    content["tasks"][0]["colour"] = "red"
    assert read(json.loads(json.dumps(content))) == built_in()


def test_a_part_that_is_none_is_told() -> None:
    odd = TaskDescription(name="odd", summary="", primary="elbo", evaluations=("iwea",))
    with pytest.raises(UserError, match=r"task odd: unknown evaluation 'iwea'; did you mean 'iwae'\?"):
        evaluation.plan([], evaluation.EvaluationRequest("full"), "cnn2", {"odd": odd})


def test_every_metric_of_a_built_in_task_is_declared() -> None:
    for name in tasks.names():
        assert set(tasks.get(name).scores) <= {*METRICS, *(metric.name for metric in tasks.get(name).metrics)}


NAMED = {
    "bench/evaluation/parts/samples.py": {"classifier"},  # the judge of samples, whatever drew them
    "bench/test_speed.py": {"vae", "classifier"},  # the gate times one task of each architecture
    "reports/findings/readme_claims.py": {"cvae", "vae"},  # what a document says of its CVAE
    "reports/findings/few_labels.py": {"m2"},  # published numbers of that model
}
"""Where a task is meant by its name, and not for what it is; beside `bench/tasks` and the studies, each of one task."""


def test_nobody_keeps_a_list_of_tasks_beside_their_declarations() -> None:
    found: dict[str, set[str]] = {}
    for path in [*(ROOT / "bench").rglob("*.py"), *(ROOT / "reports").rglob("*.py")]:
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(("bench/tasks/", "bench/studies/")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in tasks.built_in():
                found.setdefault(place, set()).add(str(node.value))
    assert found == NAMED


if __name__ == "__main__":
    text = json.dumps(as_the_files_say().as_dict(), indent=1, ensure_ascii=False)
    BUILT_IN.write_text(f"{text}\n", encoding="utf-8")
