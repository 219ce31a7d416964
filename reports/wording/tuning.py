"""Say whether the answer holds when each architecture is tuned, and what its tuning was worth."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.spec.search_space import Dimension
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.findings.tuning import Tuning
from reports.markup.escape import md
from reports.wording.answer_of_many import VERDICT_WORDS
from reports.wording.formatting import interval, natural_list, number, plural
from reports.wording.phrases import difference_with_unit, seed_counts, seeds_of, subject, value_with_unit, winner_lead

TURNED = "Tuning turns it around"
DECIDED = ("better", "worse")


def tuned_ranking(experiment: Experiment, ranking: Ranking) -> Ranking | None:
    """Return the ranking of a task's tuned runs; None where there is none."""
    found = experiment.tuned.rankings.get(ranking.task) if experiment.tuned else None
    return found if found and found.order else None


def whether_it_holds(experiment: Experiment, ranking: Ranking) -> str:
    """Say in a sentence of the answer what becomes of a task's verdicts when each is tuned; empty if that isn't known.

    With one seed there is no verdict to hold. Of an architecture by itself it is what it reaches.
    """
    tuned = tuned_ranking(experiment, ranking)
    if tuned is None or experiment.tuning is None:
        return ""
    trials = plural(experiment.tuning.count, "trial")
    seeds = seeds_of(tuned)
    of_seeds = f" ({seeds})" if seeds and seeds != seeds_of(ranking) else ""
    if ranking.distinct == tuned.distinct and len(tuned.distinct) == 1:
        return f"{_alone(tuned, trials)}{of_seeds}."
    when = f"each is tuned with {trials}"
    if not ranking.order:
        text = f"**{subject(ranking)}, no run with the common recipe finished.**"
        can_tell = len(tuned.distinct) > 1 and not tuned.one_seed
        return f"{text} {_many(ranking, tuned, when)}{of_seeds}." if can_tell else text
    if tuned.one_seed or ranking.one_seed or len(tuned.distinct) < 2:
        return ""
    pair = {*ranking.distinct, *tuned.distinct}
    if len(pair) == 2 == len(ranking.distinct) and ranking.baseline in pair:
        said = _pair(ranking, tuned, when)
    else:
        said = _many(ranking, tuned, when)
    return f"{said}{of_seeds}." if said else ""


def _alone(tuned: Ranking, trials: str) -> str:
    """Say what the only network reaches when it is tuned."""
    metric, cell = tuned.metric, tuned.cells[tuned.distinct[0]]
    brackets = interval(metric, cell.low, cell.high)
    return f"Tuned with {trials} it reaches {value_with_unit(metric, cell.mean)}{f' {brackets}' if brackets else ''}"


def _pair(ranking: Ranking, tuned: Ranking, when: str) -> str:
    """Compare the verdict on the one other architecture with that on its tuned runs; empty if that has none."""
    metric, base = ranking.metric, ranking.baseline
    other = next(arch for arch in ranking.distinct if arch != base)
    row, before = tuned.versus_baseline.get(other), ranking.versus_baseline.get(other)
    if row is None or before is None or row.n < 2:
        return ""
    winner, loser = (other, base) if row.verdict == "better" else (base, other)
    gap = difference_with_unit(metric, row.difference, row.low, row.high)
    if row.verdict in DECIDED:
        if before.verdict == row.verdict:
            return f"Also when {when}: {winner_lead(row, metric)}"
        what = f"{md(winner)} is better, {winner_lead(row, metric)} over {md(loser)}"
        return f"**{TURNED}**: when {when}, {what}" if before.verdict in DECIDED else f"When {when}, {what}"
    if row.verdict == "equivalent":
        margin = f"±{number((metric.margin or math.nan) * metric.scale, 1)} {metric.unit_of_difference}"
        also = "Also when" if before.verdict == "equivalent" else "When"
        return f"{also} {when}, they are equivalent to within {margin}: difference {gap}"
    if before.verdict == "unresolved":
        return f"Nor can they be told apart when {when}: difference {gap}"
    return f"When {when}, they can't be told apart: difference {gap}"


def _many(ranking: Ranking, tuned: Ranking, when: str) -> str:
    """Compare who is the best, and the verdicts against the baseline, with those of the tuned runs."""
    if tuned.best:
        text = f"when {when}, {md(tuned.best)} is best{_lead(tuned)}"
        if tuned.best == ranking.best:
            text = f"Also {text}"
        elif ranking.best in tuned.order and tuned.best in ranking.order:
            text = f"**{TURNED}**: {text}"
        else:
            text = f"W{text[1:]}"
    else:
        either = " either" if ranking.order and not ranking.best else ""
        text = f"When {when}, there is no single best{either}; {md(tuned.distinct[0])} has the best mean"
    changes = _changes(ranking, tuned)
    return f"{text}; {changes}" if changes else text


def _lead(tuned: Ranking) -> str:
    """Say by how much the best of tuned architectures is above the baseline, or the baseline above the next."""
    best, base = tuned.distinct[0], tuned.baseline
    other = tuned.distinct[1] if best == base else base
    row = tuned.versus_baseline.get(other if best == base else best)
    if row is None or row.verdict not in DECIDED:
        return ""
    return f", {winner_lead(row, tuned.metric)} over {md(other)}{', the next' if best == base else ''}"


def _changes(ranking: Ranking, tuned: Ranking) -> str:
    """Say how many verdicts against the baseline stay, and which change; empty where there is nothing to compare."""
    verdicts = [{arch: row.verdict for arch, row in one.versus_baseline.items()} for one in (ranking, tuned)]
    both = [
        arch for arch in ranking.order if arch in verdicts[0] and arch in verdicts[1] and arch not in ranking.same_as
    ]
    changed = [arch for arch in both if verdicts[0][arch] != verdicts[1][arch]]
    if not both:
        return ""
    every = {1: "the verdict", 2: "both verdicts"}.get(len(both), f"all {len(both)} verdicts")
    s = "s" if len(both) == 1 else ""
    if not changed:
        return f"{every} against {md(ranking.baseline)} stay{s}"
    named = natural_list(
        [f"{md(arch)} from {_word(verdicts[0][arch])} to {_word(verdicts[1][arch])}" for arch in changed]
    )
    if len(changed) == len(both):
        return f"{every} against {md(ranking.baseline)} change{s}: {named}"
    some = "one changes" if len(changed) == 1 else f"{len(changed)} change"
    return f"of {len(both)} verdicts against {md(ranking.baseline)} {some}: {named}"


def _word(verdict: str) -> str:
    return VERDICT_WORDS.get(verdict, verdict)


def introduction(experiment: Experiment, tuning: Tuning) -> str:
    """Say what a trial is, how the best was chosen, and what the rest of the page is of."""
    values = [(dimension.label, tuning.common(dimension)) for dimension in tuning.space]
    known = [f"{label} {value:g}" for label, value in values if value is not None]
    common = f": {natural_list(known)}" if known else ""
    steps = ", each for its architecture's own number of training steps" if experiment.matching else ""
    return (
        f"Each run was tried with {tuning.count} recipes{steps}: that of all other numbers on this page (*common*"
        f"{common}), and {tuning.count - 1} drawn for its seed, the same for all architectures "
        f"({_ranges(tuning)}). *Tuned* is the best of "
        "them by the validation score after the last epoch, seed by seed: no test image had a part in it, and nothing "
        "was trained again. So the spread over seeds holds the luck of tuning too. Only this section, the columns and "
        "sentences that say *tuned*, and the rows of records.csv with a trial above 0 are of other recipes."
    )


def is_uneven(experiment: Experiment) -> bool:
    """Return whether the results of the section's tables are of different numbers of seeds."""
    return len(seed_counts(experiment)) > 1


def how_to_read(experiment: Experiment) -> str:
    """Say what ±, brackets and marks of the tables are."""
    if experiment.tuned is None:
        return "No run has all of its trials yet."
    if not any(ranking.order for ranking in experiment.tuned.rankings.values()):
        return "No run has a trial that finished."
    if all(ranking.one_seed for ranking in experiment.tuned.rankings.values()):
        return "One seed: no interval, no verdict."
    number_too = ", their number in parentheses" if is_uneven(experiment) else ""
    verdicts = (
        "; verdicts as in the table at the top, with Holm's method over the tuned column by itself"
        if any(ranking.versus_baseline for ranking in experiment.tuned.rankings.values())
        else ""
    )
    return (
        f"± is the standard deviation over seeds{number_too}; *tuned − common*: paired by seed, with its 95 % "
        f"{'confidence sequence' if experiment.anytime else 't interval'}{verdicts}."
    )


def edges(experiment: Experiment, tuning: Tuning) -> Iterator[str]:
    """Yield whose best trial lies at an edge of the range, beyond which a better one may lie."""
    for task, ranking in experiment.rankings.items():
        for dimension in tuning.space:
            named = list(_at_edges(tuning, task, ranking, dimension))
            if named:
                yield (
                    f"**At the edge of the range** ({md(ranking.description.label)}): the chosen {dimension.label} is "
                    "in an outer tenth of the range, on its logarithmic scale, of "
                    f"{natural_list(named, 6)}. A better one may lie beyond."
                )
            common = tuning.common(dimension)
            outside = [(arch, count) for arch in ranking.order if (count := tuning.outside(task, arch, dimension))]
            if outside and common is not None:
                named = [f"{md(arch)} ({count} of {_seeds(tuning, task, arch)})" for arch, count in outside]
                yield (
                    f"**Outside of the range** ({md(ranking.description.label)}): the common {dimension.label}, "
                    f"{common:g}, lies {'above' if common > dimension.high else 'below'} the range that the others "
                    f"were drawn from, and was chosen for {natural_list(named, 6)}. A better one may lie beyond."
                )


def _at_edges(tuning: Tuning, task: str, ranking: Ranking, dimension: Dimension) -> Iterator[str]:
    for arch in ranking.order:
        for trials, end in zip(tuning.at_edge(task, arch, dimension), ("lower", "upper"), strict=True):
            common = int((trials == 0).sum())
            whose = f", {common} of them with the common recipe" if common else ""
            if len(trials):
                yield f"{md(arch)} (the {end} end in {len(trials)} of {_seeds(tuning, task, arch)}{whose})"


def _seeds(tuning: Tuning, task: str, arch: str) -> str:
    """Return of how many seeds a trial was chosen."""
    return plural(int(tuning.of(task, arch)["chosen"].sum()), "seed")


def bad_trials(experiment: Experiment, tuning: Tuning) -> str:
    """Count the trials that failed or have no record, and say what is made of them; empty if there is none."""
    further = tuning.table[tuning.table["trial"] > 0]
    total = experiment.planned * (tuning.count - 1)
    failed = further[further["error"].notna()]
    diverged, others = failed[failed["diverged"]], failed[~failed["diverged"]]
    parts = []
    if len(diverged):
        where = [f"{md(arch)} {md(experiment.label(task))}" for arch, task in dict.fromkeys(_cells(diverged))]
        parts.append(f"{len(diverged):,} diverged ({natural_list(where)})")
    if len(others):
        parts.append(f"{len(others):,} failed otherwise ({md(others['error'].iloc[0], 80)})")
    if missing := total - len(further):
        parts.append(f"{missing:,} {'has' if missing == 1 else 'have'} no record")
    if not parts:
        return ""
    made_of_them = ["A trial that failed is never the best."] if len(failed) else []
    made_of_them += ["A run that lacks a trial is not tuned."] if missing else []
    return f"Of {plural(total, 'further trial')} {natural_list(parts)}. {' '.join(made_of_them)}"


def _cells(rows: object) -> list[tuple[str, str]]:
    return list(zip(rows["arch"], rows["task"], strict=True))  # type: ignore[index]


def what_tuned_is(experiment: Experiment) -> str:
    """Explain the tuned columns of the comparison table; empty without such."""
    if experiment.tuning is None or experiment.tuned is None:
        return ""
    versus = any(one.versus_baseline for one in experiment.tuned.rankings.values())
    verdict = f", with the verdict against {md(experiment.baseline)}" if versus else ""
    best = f"of each run the best of {experiment.tuning.count} trials by validation"
    return f"Tuned: {best}{verdict} (*When each is tuned*)."


def recipes_in_words(tuning: Tuning) -> str:
    """Return with how many recipes each run was tried, and from what ranges they are."""
    return f"{tuning.count} trials of each run, {_ranges(tuning)}"


def _ranges(tuning: Tuning) -> str:
    return natural_list([f"{d.label} from {d.low:g} to {d.high:g}" for d in tuning.space])
