"""What `python -m reports answer` prints of a report, and when it fails: docs/answer.md."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from archs.errors import UserError, nearest
from bench.spec.arguments import listed
from bench.spec.output.width import fill, prose_columns, terminal_columns
from reports.markup.escape import one_line
from reports.reading import answer_file
from reports.reading.answer_file import Answer, ComparisonAnswer, FailedRun, Result, SpeedAnswer
from reports.reading.manifest import read_manifest

FAILURES = {"worse": "worse", "unsettled": "unresolved"}
"""Value of `--fail-on` → the verdict that it stands for."""

LONGEST = 20_000
"""Characters that are shown of a text."""

OfACell = Result | ComparisonAnswer | SpeedAnswer | FailedRun
"""What an answer says of an architecture on a task."""


def read_or_make(folder: Path, runs_dir: Path | None = None) -> Answer:
    """Return the answer of a report: its file's if that belongs to the manifest beside it, else made from the records.

    Args:
        runs_dir: where the records are; if given, the answer is made from them, whatever the file says.

    Raises:
        UserError: the folder is no report, or has neither the file nor its records.
    """
    manifest = read_manifest(folder)
    found = None if runs_dir else answer_file.read(folder)
    if found is not None and found.created == manifest.get("created"):
        return found
    from reports.findings.experiment import load
    from reports.rendering.answer import answer_of
    from reports.rendering.blas import one_blas_thread
    from reports.wording.answer import answer

    with one_blas_thread():
        try:
            experiment = load(folder, runs_dir)
            return answer_of(experiment, answer(experiment))
        except UserError as error:
            if runs_dir:
                raise
            raise UserError(
                f"{folder} has no {answer_file.FILE} of its manifest, and none can be made from its records: {error}"
            ) from None


def part_of(answer: Answer, archs: Sequence[str] = (), tasks: Sequence[str] = ()) -> Answer:
    """Return what an answer says of these architectures, and of the baseline, on these tasks.

    Args:
        archs: their names, or several of them joined by commas; none: all.
        tasks: the same of tasks, of which those with several numbers of labels may be named as `m2` or `m2-100`.

    Raises:
        UserError: the report has no such architecture or task.
    """
    chosen_archs = _known([one for word in archs for one in _archs_in(word)], answer.archs, "architecture")
    names = {_name(one): one for one in answer.tasks}
    chosen_tasks = _known(listed(tasks), [*names, *(one.task for one in answer.tasks)], "task")
    kept = {
        (one.task, one.labels)
        for name, one in names.items()
        if not chosen_tasks or name in chosen_tasks or one.task in chosen_tasks
    }
    shown = set(chosen_archs or answer.archs) | {answer.baseline}
    stand_ins = {  # where one is the same network as another, the verdict is that one's
        (one.task, one.labels, one.same_as) for one in answer.comparisons if one.same_as and one.arch in shown
    }
    told = kept | {(task, None) for task, _ in kept}  # and what holds for each number of labels

    def is_kept(one: OfACell) -> bool:
        is_shown = one.arch in shown or (one.task, one.labels, one.arch) in stand_ins
        return is_shown and (one.task, one.labels) in told

    results = list(filter(is_kept, answer.results))
    runs = msgspec.structs.replace(answer.runs, failed=list(filter(is_kept, answer.runs.failed)))
    if chosen_archs or chosen_tasks:
        missing, failed, done = (sum(getattr(one, name) for one in results) for name in ("n_missing", "n_failed", "n"))
        runs = msgspec.structs.replace(runs, planned=missing + failed + done, finished=done, without_record=missing)
    return msgspec.structs.replace(
        answer,
        archs=[arch for arch in answer.archs if arch in shown],
        tasks=[one for one in answer.tasks if (one.task, one.labels) in kept],
        results=results,
        comparisons=list(filter(is_kept, answer.comparisons)),
        speeds=list(filter(is_kept, answer.speeds)),
        sizes=[one for one in answer.sizes if one.arch in shown],
        runs=runs,
    )


def _name(task: answer_file.TaskAnswer) -> str:
    return task.task if task.labels is None else f"{task.task}-{task.labels}"


def _archs_in(word: str) -> list[str]:
    """Return the architectures that a word names; the commas of one with options are not those of a list."""
    return [word] if ":" in word else listed([word])


def _known(words: Sequence[str], known: Collection[str], what: str) -> list[str]:
    """Return the words; raises `UserError` for one that is not known."""
    for word in words:
        if word not in known:
            raise UserError(f"the report has no {what} {word!r}{nearest(word, known)}")
    return list(words)


def in_words(answer: Answer, width: int | None = None) -> str:
    """Return warnings, the first paragraph of the page and a line for each verdict.

    Args:
        width: in columns; default: the terminal's, at most 100. Where standard output is no terminal, a verdict is one
            line, however long.
    """
    paragraphs = [_line(text) for text in (*(f"warning: {each}" for each in answer.warnings), answer.answer)]
    lines, columns = [_line(one.text) for one in answer.comparisons], prose_columns() if width is None else width
    if width is not None or terminal_columns() is not None:
        lines = [fill(line, columns, indent="  ", first="") for line in lines]
    return "\n\n".join([*(fill(text, columns) for text in paragraphs), *(["\n".join(lines)] if lines else [])])


def _line(text: str) -> str:
    """Return a text of a file that somebody may have sent, without what a terminal would obey."""
    return one_line(text, LONGEST)


def reasons_to_fail(answer: Answer, fail_on: Sequence[str]) -> list[str]:
    """Return what an exit status of 1 stands for, one reason a line; none for a status of 0.

    "worse" is a comparison with that verdict. "unsettled" is one that is unresolved, for whatever reason (a difference
    that these seeds don't resolve, one seed, no seed in common), and a run that failed or has no record.

    Raises:
        UserError: there is no such value of `--fail-on`, or nothing is compared, which is no good answer to it.
    """
    wanted = listed(fail_on)
    for word in wanted:
        if word not in FAILURES:
            raise UserError(f"argument --fail-on: {word!r} is no reason to fail{nearest(word, FAILURES)}")
    if not wanted:
        return []
    if not answer.comparisons:
        raise UserError(
            f"--fail-on: nothing is compared with the baseline {answer.baseline}: name another architecture with "
            "--arch, or a report of two"
        )
    found = [
        f"{reason}: {_line(one.text)}"
        for reason, verdict in FAILURES.items()
        if reason in wanted
        for one in answer.comparisons
        if one.verdict == verdict
    ]
    if "unsettled" in wanted:
        counts = {"failed": len(answer.runs.failed), "without a record": answer.runs.without_record}
        found += [f"unsettled: runs {what}: {count}" for what, count in counts.items() if count]
    return found
