"""The description of a task in names and words: what a plan, a table, a page or a tracker knows of it. No torch."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from archs.errors import UserError
from archs.grammar import NAME
from bench.spec.metrics import METRICS

WINNER = "{winner}"
"""Stands for the architecture in `better` and `best`."""

ARRAY_NAME = re.compile(r"test_[a-z0-9_]+")
"""The form of the names in `kept`."""

MAX_TEXT_LENGTH = 200
"""The most characters in a text of a description, since descriptions are read from files that people send."""


@dataclass(frozen=True, kw_only=True)
class TaskDescription:
    """A task without its functions. Name, summary and primary metric must be given; the rest has a default."""

    name: str
    """The name on the command line and in records: a-z, 0-9, '-', '_' and '.'."""

    summary: str
    """What is trained and what is scored, in a line."""

    primary: str
    """The name of the metric that decides between two architectures."""

    scores: tuple[str, ...] = ()
    """The names of all metrics that its `score` gives. Default: the primary one."""

    kept: Mapping[str, str] = field(default_factory=dict)
    """Name in arrays.npz → the metric whose values per image it keeps. Default: `test_<name>` of the primary one."""

    needs_decoder: bool = True
    """Whether it needs an architecture with a decoder."""

    needs_labels: bool = False
    """Whether it is semi-supervised: trained on some labelled images (`--labels`) and the rest without labels."""

    labelled_only: bool = False
    """Whether, of those, it is shown the labelled images alone: what the others are held against."""

    weighs_labels: bool = False
    """Whether its loss has a term whose weight `--classification-weight` gives."""

    has_code: bool = False
    """Whether its model has a Gaussian code q(z|x) to describe and to draw from, as `bench.models.latent` has."""

    uses_latent_dim: bool | None = None
    """Whether `--latent-dim` means something to it. Default: as `needs_decoder`."""

    draws_pixels: bool | None = None
    """Whether its images are what `--likelihood` makes of the pixels, not grey ones. Default: as `needs_decoder`."""

    bounds: Literal["log p(x)", "log p(x|y)"] | None = None
    """The log-likelihood that its metric `elbo` is a lower bound on; None if it has no such metric."""

    evaluations: tuple[str, ...] = ()
    """The parts of `--evaluate full` that apply to its runs: names in `bench.evaluation.parts`."""

    label: str = ""
    """The name on the page: "VAE". Default: `name`."""

    prefix: str | None = None
    """What stands before a metric in a column's header. Default: nothing if the metric is its own, else the label."""

    subject: str = ""
    """The beginning of a sentence: "As VAEs" in "As VAEs they can't be told apart". Default: "On <label>"."""

    better: str = ""
    """Says that one of two wins: "{winner} models the images better". Default: "{winner} does better on <label>"."""

    best: str = ""
    """Says that one of several is best: "{winner} models the images best". Default: "{winner} does best on <label>"."""

    measured: str = ""
    """The primary metric in a sentence: "test ELBO". Default: "test <label of the metric>"."""

    def __post_init__(self) -> None:
        """Fill in the defaults that depend on other fields, and check all."""
        label = self.label or self.name
        own = self.primary not in METRICS
        default = {
            "scores": (self.primary,),
            "kept": {f"test_{self.primary}": self.primary},
            "uses_latent_dim": self.needs_decoder,
            "draws_pixels": self.needs_decoder,
            "label": label,
            "prefix": "" if own else f"{label} ",
            "subject": f"On {label}",
            "better": f"{WINNER} does better on {label}",
            "best": f"{WINNER} does best on {label}",
        }
        for name, value in default.items():
            if getattr(self, name) in (None, "", (), {}) and not (name == "prefix" and self.prefix is not None):
                object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        """Raise `UserError` for a field that no page could show."""
        if not NAME.fullmatch(self.name) or len(self.name) > MAX_TEXT_LENGTH:
            raise UserError(f"task {self.name[:40]!r}: not a name; use a-z, 0-9, '-', '_' and '.'")
        for name in ("label", "prefix", "subject", "better", "best", "measured", "summary", "primary"):
            if len(getattr(self, name)) > MAX_TEXT_LENGTH:
                raise UserError(f"task {self.name}: {name} has more than {MAX_TEXT_LENGTH} characters")
        for name in ("better", "best"):
            if getattr(self, name).count(WINNER) != 1:
                raise UserError(f"task {self.name}: {name} is {getattr(self, name)!r}, expected {WINNER} in it once")
        if not all(map(ARRAY_NAME.fullmatch, self.kept)):
            raise UserError(f"task {self.name}: kept has {', '.join(self.kept)}; call an array test_… (a-z, 0-9, '_')")
        unscored = {self.primary, *self.kept.values()} - set(self.scores)
        if unscored:
            raise UserError(
                f"task {self.name}: {', '.join(sorted(unscored))} not among its scores {', '.join(self.scores)}"
            )

    def tuned(self, name: str) -> TaskDescription:
        """Return the task as one of its own under another name, for a comparison of its tuned runs."""
        label = f"{self.label}, tuned"
        return dataclasses.replace(self, name=name, label=label if len(label) <= MAX_TEXT_LENGTH else self.label)

    def with_labels(self, count: int) -> TaskDescription:
        """Return the task with so many labelled images as one of its own, for a page of several such numbers.

        Its texts say the number where they said "few labels", else at their end.
        """
        number = f"{count:,} labels"

        def told(text: str) -> str:
            with_number = text.replace("few labels", number) if "few labels" in text else f"{text} ({number})"
            return with_number if len(with_number) <= MAX_TEXT_LENGTH else text

        return dataclasses.replace(
            self,
            name=f"{self.name}-{count}",
            label=told(self.label),
            prefix=f"{told(self.label)} ",
            subject=told(self.subject),
            better=told(self.better),
            best=told(self.best),
            measured=told(self.measured) if self.measured else "",
        )

    @property
    def naming_cost(self) -> float:
        """How far its ELBO is above a bound on log p(x, y): the nats that naming one of ten equal labels costs."""
        return math.log(10) if self.bounds == "log p(x|y)" else 0.0

    @property
    def array_of_primary(self) -> str | None:
        """The name of the array that keeps the primary metric of each image; None if there is none."""
        return next((array for array, metric in self.kept.items() if metric == self.primary), None)
