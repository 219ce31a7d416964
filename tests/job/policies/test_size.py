"""A plan that is too large to be meant is named before it is made."""

from __future__ import annotations

import dataclasses

import pytest

from archs.errors import UserError
from bench import tasks
from bench.job.policies.asked import check_size
from bench.job.request import Request
from tests.conftest import arch_of

ASKED = Request(seeds=10_000, tune=1_000, labels=(100, 600))


def check(request: Request, *names: str) -> None:
    check_size([arch_of("cnn2"), arch_of("pool4")], [tasks.get(name) for name in names], request)


@pytest.mark.parametrize(
    ("request_", "names", "said"),
    [
        (ASKED, ("vae", "m2"), "30,000,000 runs are planned (2 architectures, 2 tasks, 10,000 seeds, 1,000 recipes"),
        (Request(until_sure=True, max_seeds=5_001), ("vae", "cvae"), "up to 10,002 runs are planned (2 archit"),
        (
            Request(seeds=3_334),
            ("vae", "classifier"),
            "10,002 runs are planned (2 architectures, 2 tasks, 3,334 se",
        ),
    ],
)
def test_more_than_ten_thousand_runs_have_to_be_meant(request_: Request, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError) as caught:
        check(request_, *names)
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith(", more than 10,000; ask for fewer, or add --yes if they are meant")
    check(dataclasses.replace(request_, yes=True), *names)


def test_ten_thousand_are_planned_as_they_are_asked_for() -> None:
    check(Request(seeds=10_000), "vae")
