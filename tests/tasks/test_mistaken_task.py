"""A task that is mistaken: what its functions raise is located, and what they return is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from archs.errors import UserError
from bench.data.digits import digits
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.worker.execute import execute
from bench.worker.restore import arch_and_fingerprint, task_and_fingerprint
from bench.worker.site import Site

TASK = """from bench.tasks import Task, classifier


def build(arch, latent_dim, seed):
    return classifier.build(arch, latent_dim, seed)


def loss(model, x, labels, noise):
    return classifier.loss(model, x, labels, noise)


def score(model, x, labels, noise):
    return classifier.score(model, x, labels, noise)


TASK = Task(name="mine", summary="", primary="accuracy", needs_decoder=False, build=build, loss=loss, score=score)
"""
LOSS, SCORE = "classifier.loss(model, x, labels, noise)", "classifier.score(model, x, labels, noise)"
RETURNED = "UserError: the score of task mine returns"


@pytest.mark.parametrize(
    "before, after, said",
    [
        ("classifier.build(", "make(", "NameError: name 'make' is not defined (mine.py:5 in build)"),
        (
            "return classifier.build",
            "classifier.build",
            "UserError: the build of task mine returns None, expected a torch.nn",
        ),
        (LOSS, "los", "NameError: name 'los' is not defined (mine.py:9 in loss)"),
        (LOSS, "model(x)", "UserError: the task's loss returns [50, 10] numbers, expected one: the batch's mean loss"),
        (LOSS, "1.0", "UserError: the task's loss returns a float, expected a tensor: the batch's mean loss"),
        (LOSS, "model(x).sum().detach()", "UserError: the task's loss returns a number without gradient; compute it"),
        (SCORE, "scores", "NameError: name 'scores' is not defined (mine.py:13 in score)"),
        (SCORE, "model(x)", f"{RETURNED} a Tensor, expected {{metric: values [B]}}"),
        (SCORE, "{'acc': labels}", f"{RETURNED} acc, and lacks accuracy"),
        (SCORE, "{'accuracy': 1.0}", f"{RETURNED} a float as accuracy of 200 images, expected a value per image"),
        (SCORE, "{'accuracy': x.mean()}", f"{RETURNED} [] as accuracy of 200 images, expected a value per image"),
    ],
)
def test_what_its_functions_do_wrong_is_the_run_s_error(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in TASK
    path = tmp_path / "mine.py"
    path.write_text(TASK.replace(before, after), encoding="utf-8")
    plugins, data = (str(path),), digits()
    spec = RunSpec(
        arch="cnn3", arch_fingerprint=arch_and_fingerprint("cnn3", plugins)[1], task="mine", dataset="digits",
        data_fingerprint=data.fingerprint, likelihood=None, seed=0, epochs=1, batch_size=50, lr=1e-3, latent_dim=None,
        train_images=100, device="cpu", threads=1, task_fingerprint=task_and_fingerprint("mine", plugins)[1],
    )  # fmt: skip
    record = execute(spec, Site(str(tmp_path / "runs"), "", plugins, dataset=data))
    assert str(record.error).startswith(said), record.error


@pytest.mark.parametrize(
    "functions, said",
    [
        (
            {"build": lambda arch: 0},
            "its build is <lambda>(arch), which can't be called with 3 arguments (too many positional",
        ),
        ({"score": None}, "its score is None; expected score(model, x, labels, noise)"),
        ({"noise_rows": 3}, "its noise_rows is an int; expected noise_rows(batch, labelled)"),
    ],
)
def test_a_function_that_can_t_be_called_is_named(functions: dict, said: str) -> None:
    with pytest.raises(UserError) as raised:
        Task(name="mine", summary="", primary="accuracy", **{"build": print, "loss": print, "score": print} | functions)
    assert str(raised.value).startswith(f"task mine: {said}")
