"""Put the findings that the page is made of into the answer for programs: answer.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.spec.status import Status
from bench.store.code_versions import made_by_other_code
from reports.findings.deviations import Value, deviations
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking, rank
from reports.findings.sizes import sizes
from reports.findings.speed_ratios import disturbed_archs, measured_apart, training_ratios, training_speed
from reports.markup.escape import one_line, plain
from reports.reading import answer_file
from reports.reading.answer_file import Answer
from reports.reading.design import read_design
from reports.rendering.answer_comparisons import cell_of, comparison, number, numbers
from reports.wording.budget import page_title
from reports.wording.design import clause
from reports.wording.sanity_warnings import sanity_warnings

Ended = Mapping[tuple[str, str], tuple[int, int]]


def answer_of(experiment: Experiment, paragraph: str) -> Answer:
    """Return what the page of an experiment says.

    Args:
        paragraph: its first one, as `reports.wording.answer.answer` writes it.
    """
    rankings, manifest, ended = _rankings(experiment), experiment.manifest, _ended(experiment)
    cells = [(ranking, arch) for ranking in rankings for arch in _asked(experiment, ranking, ended)]
    created = manifest.get("created")
    return Answer(
        version=answer_file.VERSION,
        question=page_title(manifest, experiment.runs),
        answer=plain(paragraph),
        created=None if created is None else str(created),
        dataset=experiment.dataset,
        likelihood=experiment.likelihood,
        baseline=experiment.baseline,
        archs=list(experiment.archs),
        warnings=warnings_of(experiment),
        tasks=[_task(experiment, ranking) for ranking in rankings],
        results=[_result(experiment, ranking, arch, ended) for ranking, arch in cells],
        comparisons=[comparison(experiment, ranking, arch) for ranking, arch in cells if arch != experiment.baseline],
        speeds=list(_speeds(experiment)),
        sizes=[
            answer_file.SizeAnswer(
                arch=arch,
                task=experiment.task_run(size.task),
                params_total=int(size.total),
                params_conv=int(size.conv),
                params_fc=int(size.fc),
            )
            for arch, size in sizes(experiment).items()
        ],
        runs=_runs(experiment),
        design=_design(experiment),
        stopping=_stopping(experiment),
        race=_race(experiment),
    )


def warnings_of(experiment: Experiment) -> list[str]:
    """Return the warnings that the page opens with, as plain text without a full stop of ours."""
    other_code = made_by_other_code(experiment.records, experiment.manifest.get("provenance") or {})
    found = [*(experiment.manifest.get("warnings") or ()), *sanity_warnings(experiment), other_code]
    return [one_line(text) for text in found if text]


def _rankings(experiment: Experiment) -> list[Ranking]:
    """Return the ranking of each task that was asked for, also of those of which nothing has been run yet."""
    run = set(map(experiment.task_run, experiment.tasks))
    empty = (task for task in experiment.manifest["tasks"] if task not in run)
    return [*experiment.rankings.values(), *(rank(experiment, (), task) for task in empty)]


def _ended(experiment: Experiment) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (task, architecture) → how many runs have a record, and how many of those failed."""
    failed = experiment.runs["status"] != Status.FINISHED
    found = failed.groupby([experiment.runs["task"], experiment.runs["arch"]]).agg(["size", "sum"])
    return {key: (int(size), int(count)) for key, size, count in found.itertuples()}


def _asked(experiment: Experiment, ranking: Ranking, ended: Ended) -> list[str]:
    """Return the architectures that should have a result on a task, best first."""
    task, skipped = experiment.task_run(ranking.task), experiment.manifest.get("skipped") or ()
    can_t = {each.get("arch") for each in skipped if each.get("task") == task}  # those without a decoder, say
    may_lack = experiment.without_record > 0
    order = dict.fromkeys([*ranking.order, *experiment.order])
    return [arch for arch in order if (ranking.task, arch) in ended or (may_lack and arch not in can_t)]


def _task(experiment: Experiment, ranking: Ranking) -> answer_file.TaskAnswer:
    metric = ranking.metric
    return answer_file.TaskAnswer(
        **cell_of(experiment, ranking.task),
        label=ranking.description.label,
        metric=metric.name,
        higher_is_better=metric.higher_is_better,
        margin=metric.margin,
        unit=metric.unit,
        scale=float(metric.scale),
        best=ranking.best,
        may_be_best=[*filter(None, [ranking.leader]), *ranking.rivals],
        ruled_out=list(ranking.ruled_out),
    )


def _result(experiment: Experiment, ranking: Ranking, arch: str, ended: Ended) -> answer_file.Result:
    cell = ranking.cells.get(arch)
    run, failed = ended.get((ranking.task, arch), (0, 0))
    return answer_file.Result(
        **cell_of(experiment, ranking.task),
        metric=ranking.metric.name,
        arch=arch,
        n=0 if cell is None else int(cell.n),
        n_failed=failed,
        n_missing=max(0, _asked_of_all(experiment) - run) if experiment.without_record else 0,
        **numbers(cell, ("mean", "std", "low", "high")),
    )


def _asked_of_all(experiment: Experiment) -> int:
    """Return the seeds that every architecture was asked for, whatever the results."""
    return experiment.seeds if experiment.stopping is None else int(experiment.stopping["first_seeds"])


def _stopping(experiment: Experiment) -> answer_file.StoppingAnswer | None:
    rule = experiment.stopping
    if rule is None:
        return None
    return answer_file.StoppingAnswer(
        kind=rule["kind"],
        first_seeds=rule["first_seeds"],
        max_seeds=rule["max_seeds"],
        max_minutes=rule.get("max_minutes"),
        ended=rule["ended"],
    )


def _race(experiment: Experiment) -> answer_file.RaceAnswer | None:
    raced = experiment.race
    if raced is None:
        return None
    return answer_file.RaceAnswer(
        task=raced.task,
        metric=raced.metric.name,
        archs=list(experiment.manifest["race"]["archs"]),
        winner=raced.winner,
        ended=raced.ended,
        seeds=raced.seeds,
        left=list(raced.race.survivors),
        open=list(raced.race.open),
        runs=raced.runs,
        full_grid=raced.full_grid,
        epochs=raced.epochs,
        confirmed=raced.confirmed,
    )


def _speeds(experiment: Experiment) -> Iterator[answer_file.SpeedAnswer]:
    """Yield the training speeds; those that were measured apart hold for every number of labels."""
    seen = set[str]()
    for task in experiment.tasks:
        is_apart, run = measured_apart(experiment, task) is not None, experiment.task_run(task)
        named = {"task": run, "labels": None} if is_apart else cell_of(experiment, task)
        if is_apart and run in seen:
            continue
        seen.add(run)
        speeds, ratios = training_speed(experiment, task), training_ratios(experiment, task)
        disturbed = disturbed_archs(experiment, task)
        for arch in (arch for arch in experiment.order if arch in speeds):
            found = ratios.get(arch)
            yield answer_file.SpeedAnswer(
                **named,
                arch=arch,
                measured_apart=is_apart,
                images_per_s=number(speeds[arch]),
                ratio=number(found and found.value),
                ratio_low=number(found and found.low),
                ratio_high=number(found and found.high),
                resolved=None if found is None else bool(found.resolved),
                disturbed=arch in disturbed,
                n=0 if found is None else int(found.n),
                sessions=0 if found is None else int(found.sessions),
            )


def _runs(experiment: Experiment) -> answer_file.RunsAnswer:
    failed = [
        answer_file.FailedRun(
            **cell_of(experiment, row.task), arch=row.arch, seed=int(row.seed), error=one_line(row.error or "")
        )
        for row in experiment.failed.itertuples(index=False)
    ]
    return answer_file.RunsAnswer(
        planned=experiment.planned,
        finished=len(experiment.finished),
        without_record=experiment.without_record,
        failed=failed,
    )


def _design(experiment: Experiment) -> answer_file.DesignAnswer | None:
    found = read_design(experiment.folder, experiment.manifest)
    if found is None:
        return None
    design = found.design
    if design is None:
        return answer_file.DesignAnswer(
            state=found.state, created=None, as_planned=None, runs_planned=None, runs_made_before=None, deviations=[]
        )
    differing = deviations(experiment, design)
    return answer_file.DesignAnswer(
        state=found.state,
        created=design.created.isoformat(),
        as_planned=not differing,
        runs_planned=design.runs.planned,
        runs_made_before=design.runs.made_before,
        deviations=[
            answer_file.DeviationAnswer(
                kind=one.kind,
                subject=one.subject,
                planned=_plain_value(one.planned),
                found=_plain_value(one.found),
                text=plain(clause(one)),
            )
            for one in differing
        ],
    )


def _plain_value(value: Value) -> Any:
    """Return a value as JSON has it."""
    return list(value) if isinstance(value, tuple) else value
