"""How each documented command is run by a test: in a small form, by a test elsewhere, by CI, or why it is not.

What a command begins with stands for it; the longest beginning counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FEWER = {"--tune": ("2",), "--labels": ("10", "20"), "--max-params": ("45000",), "--throughput": ("quick",)}
"""An option of a job that costs time → what a test sets instead."""

BESIDE = {
    "--evaluate": {"--iwae-images": ("4",), "--iwae-samples": ("2",), "--lr": ("0.001",)},
    "--launcher": {"--ray-address": ("local",)},
    "--match": {"--epochs": ("10",)},  # of few epochs no number may come near enough
    "--race": {"--race-epochs": ("1",), "--confirm": ("1",)},
}
"""An option of a job → what a test sets beside it."""

TINY_JOB = {
    "--dataset": ("digits",), "--epochs": ("1",), "--train-images": ("128",), "--device": ("cpu",), "--workers": ("1",),
    "--runs-dir": ("runs",),
}  # fmt: skip

OWN = ("wide2", "my_arch")
"""Architectures of the documents, each in a file of its name."""


def small_job(options: Sequence[str]) -> tuple[str, ...]:
    """Return the options of a tiny job that otherwise does what a documented one does.

    Of the alternatives in a grid the first two stay. What is set anew is left out, so that like jobs are the same.
    """
    grows = {"--until-sure", "--race"} & set(options)
    added = {"--max-seeds": ("3",)} if grows else {"--seeds": ("1",)}
    added |= {option: values for option, values in FEWER.items() if option in options}
    for option in options:
        added |= BESIDE.get(option, {})
    for name in (name for name in OWN if name in options):
        added |= {"--plugin": (f"{name}.py",)}
    added = TINY_JOB | ({} if "--match" in options else {"--throughput": ("off",)}) | added
    kept, is_set = list[str](), False
    for word in options:
        is_set = word in added if word.startswith("--") else is_set
        kept += [] if is_set else [re.sub(r"(=[^/,]*/[^/,]*)/[^,]*", r"\1", word)]
    return (*kept, *(word for option, values in added.items() for word in (option, *values)))


@dataclass(frozen=True)
class Small:
    """What makes a module quick: arguments that are added, and constants of it that are set."""

    arguments: Sequence[str] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)


SMALL = {
    "reports": Small(),
    "bench.gate": Small(),
    "bench.verify": Small(("--runs-dir", "runs")),
    "bench.studies.gate_trial run": Small(("--trials", "1", "--load", "none", "--seconds", "1")),
    "bench.studies.gate_trial table": Small(),
    "bench.studies.layer_speed": Small(
        constants={"ROUNDS": 2, "BATCH": 2, "CONVOLUTIONS": [(1, 2, 3, 2, 28, 1)], "TRANSPOSED": [(2, 2, 3, 2, 7, 14)]}
    ),
    "bench.studies.overhead": Small(("--rounds", "2", "--archs", "cnn2"), {"IMAGES": 256}),
    "bench.studies.scaling": Small(
        ("--rounds", "2"), {"BATCHES": [64], "DEPTHS": [1], "SEEDS": [1, 2], "ARCHS": ["cnn2"], "IMAGES": 64}
    ),
    "bench.studies.speed_table": Small(
        ("--device", "cpu", "--rounds", "2", "--archs", "cnn2", "--seeds", "2", "--images", "128")
    ),
    "bench.studies.waiting.remaining_time": Small(
        constants={
            "JOBS": {"digits": "--dataset digits --device cpu --train-images 128 --archs mlp --tasks classifier"}
        }
    ),
    "tests.reports.synthetic": Small(("--archs", "2", "--seeds", "2")),
}
"""A module, with a sub-command of it → how it is made quick."""

ELSEWHERE = {
    "pytest -k flops_are_those_that_torch_counts":
        "speed/test_workloads.py::test_flops_are_those_that_torch_counts",
    "pytest bench": "speed/test_gate_sessions.py::test_a_session_holds_what_was_measured_and_names_what_raised",
    "pytest tests/job/remaining/test_expected.py": "job/remaining/test_expected.py",
    "python -P run_ablation.py": "house/test_doors.py::test_the_job_finds_its_own_code_from_anywhere",
    "python -m bench.studies.calibration": "studies/test_calibration_tuned.py"
        "::test_a_simulation_anew_keeps_the_real_tables_of_its_folder",
    "python -m bench.studies.calibration --from": "studies/test_calibration_tuned.py"
        "::test_a_reports_records_are_added_to_tables_that_stay_as_they_are",
    "python -m bench.studies.looks.calibration":
        "studies/test_calibration_looks.py::test_a_tiny_run_writes_everything_and_its_page_can_be_made_again",
    "python -m bench.studies.m2": "studies/test_m2.py::test_tiny_trainings_go_on_where_they_were_stopped",
    "python -m bench.studies.racing.simulate":
        "studies/test_racing.py::test_the_committed_page_shows_the_committed_numbers",
    "python -m bench.studies.recipe":
        "studies/test_recipe.py::test_a_tiny_grid_is_trained_once_and_the_warm_up_at_what_it_chose",
    "python -m bench.studies.store_scaling": "studies/test_store_scaling.py::test_it_prints_a_table_and_draws_a_figure",
    "python -m bench.studies.spread": "studies/test_spread.py::test_tiny_trainings_go_on_where_they_were_stopped",
    "python -m pytest bench": "speed/test_gate_sessions.py"
        "::test_a_session_holds_what_was_measured_and_names_what_raised",
    "python -m tests.tasks.test_declarations": "house/documented/test_runs.py"
        "::test_the_documented_steps_of_git_and_pip_install_the_project",
    "python -m pytest tests/archs/test_arch_contract.py": "archs/test_arch_contract.py",
    "python -m tests.job.faults": "job/test_faults.py::test_kills_lose_nothing_and_two_jobs_share_a_store",
}  # fmt: skip
"""A command → the test that runs it, or the file that it runs."""

BY_CI = ("pip install -q uv", "python -m venv", "uv run pytest -n 2 --dist loadfile")
"""Commands of .ci/run, which whoever changes the project runs."""

NOT_RUN = {
    ".ci/run": "runs this test",
    "apt install": "changes the system",
    "bash tests/gpu/gpu_check.sh": "takes nine minutes, with or without a GPU",
    "pip install -r requirements.txt": "downloads 2.8 GB",
    "pip install mlflow": "downloads a package",
    "pip install uv": "downloads a package",
    "python -c": "names an option of Python's",
    "python -m bench.studies.compare_peers": "trains with another project, which is not installed, for minutes",
    "python -m bench.studies.NAME": "stands for all of them",
    "python -m pytest -n 2": "runs this test",
    "ray start": "other machines of a cluster; test_cluster.py has jobs on one of two nodes",
    "ray symmetric-run": "other machines of a cluster",
    "uv pip install": "downloads 1 GB",
    "uv run --isolated": "downloads another Python and another torch",
    "uv sync": "downloads a package",
}
"""A command → why no test runs it."""
