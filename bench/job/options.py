"""What a command line asks for, read and checked. Loads nothing heavy, so that a mistake is answered at once."""

from __future__ import annotations

from collections.abc import Sequence

from archs.errors import UserError, nearest
from bench.evaluation import LEVELS
from bench.job.parser import parser
from bench.job.policies import options as seed_options
from bench.job.request import Request
from bench.spec.arguments import listed
from bench.spec.defaults import MATCHES
from bench.spec.extras import require
from bench.spec.paths import data_dir, working_folder
from bench.spec.run import LIKELIHOODS
from bench.tasks import DEFAULT, names, unknown
from bench.trackers import kinds

__all__ = ["LAUNCHERS", "parse", "parser"]

LAUNCHERS = ("local", "ray")


def parse(arguments: Sequence[str]) -> Request:
    """What a command asks for, checked as far as it can be without torch.

    Raises:
        UserError: an option has a value that it can't have, or the working folder is gone.
        SystemExit: argparse objects (status 2), or has printed the help (status 0).
    """
    chosen = parser().parse_args(arguments)
    working_folder()
    known(chosen.likelihood, LIKELIHOODS, "likelihood")
    chosen.tasks = listed(chosen.tasks or DEFAULT)
    for task in chosen.tasks:
        if task not in names() and not chosen.plugins:  # which may hold it; the plan, which loads them, will say
            raise unknown(task)
    known(chosen.match, MATCHES, "way to match")
    known(chosen.evaluate, LEVELS, "evaluation")
    known(chosen.launcher, LAUNCHERS, "launcher")
    if chosen.parquet:
        require("pyarrow", "--parquet", "parquet")
    values = vars(chosen)
    seed_options.check(values)
    values["archs"] = tuple(one for word in chosen.archs for one in archs_in(word))
    values["plugins"], values["tasks"] = tuple(chosen.plugins), tuple(dict.fromkeys(chosen.tasks))
    values["labels"] = tuple(dict.fromkeys(count for counts in chosen.labels for count in counts))
    values["data_dir"] = data_dir(chosen.data_dir)
    asked = {kind.name: values.pop(kind.name) for kind in kinds()}
    values["trackers"] = {name: value for name, value in asked.items() if value is not None}
    return Request(**values, arguments=tuple(arguments))


def archs_in(word: str) -> list[str]:
    """Return the architectures that a word names; the commas of one with options are not those of a list."""
    return [word] if ":" in word else listed([word])


def known(value: str, allowed: Sequence[str], what: str) -> None:
    """Raises `UserError` for a value that is not allowed, with the nearest one that is."""
    if value not in allowed:
        raise UserError(f"unknown {what} {value!r}{nearest(value, allowed)}")
