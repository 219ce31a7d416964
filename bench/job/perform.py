"""A job as a story: plan it, write that down, do what isn't done yet, measure speeds, describe what was done.

Start here.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archs.errors import UserError
from bench.data import datasets, fetch
from bench.data.dataset import Dataset
from bench.job.manifest import describe, design_of, is_as_designed, write_manifest
from bench.job.plan import JobPlan, check, make_plan, matched
from bench.job.policies.policy import Policy
from bench.job.remaining.coming import Coming
from bench.job.report_folder import keep_earlier, manifest_in, report_folder
from bench.job.request import Request
from bench.job.rounds import Held, Rounds
from bench.launchers.launcher import Launcher
from bench.launchers.local import ThisMachine
from bench.machine.child import call_in_child
from bench.machine.processors import processors
from bench.machine.provenance import Provenance, provenance
from bench.spec.defaults import EPOCHS_OF_ALL
from bench.spec.device import Device
from bench.spec.output.lines import printable, say_warning, terminal_line
from bench.spec.paths import whole
from bench.spec.progress import stage
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.signals import stopping_status, what_stopped
from bench.spec.status import Status
from bench.speed.phase import measure_apart
from bench.store import design as designs
from bench.store.code_versions import made_by_other_code
from bench.store.inventory import unsound
from bench.store.report_lock import alone_in
from bench.store.store import Store
from bench.trackers import Trackers
from bench.worker.site import Site


@dataclass(frozen=True)
class Outcome:
    """What a job leaves."""

    folder: Path
    """The report's, with its manifest."""

    finished: int
    """Runs that are finished."""

    failed: int
    """Runs and evaluations that failed."""

    undone: int
    """Runs and evaluations that were not come to."""

    stopped_by: int = 0
    """The exit status that a signal asks for: 130 after Ctrl-C, 143 after SIGTERM, …; 0 if none did."""

    ended: Sequence[Work] = ()
    """Runs and evaluations that had a record, finished or failed, when that was counted."""

    runs_dir: str = ""
    """Where."""

    def lost(self) -> int:
        """Count what has no sound record any more, by what is in the store now; each is named on stderr."""
        problems = unsound(self.ended, self.runs_dir).values()
        for problem in problems:
            say_warning(f"{problem}: lost since it ended, and done again by the same command")
        return len(problems)


@contextlib.contextmanager
def perform(request: Request, trackers: Trackers) -> Iterator[Outcome]:
    """Run what the request asks for, keep every result, and describe what was done.

    Within the block the report folder is this job's alone, for its report to be written.

    Raises:
        UserError: it can't be done as asked. Nothing has been trained.
    """
    begun = time.monotonic()
    with contextlib.closing(launcher_of(request)) as launcher:
        device = launcher.device(request.device)
        with stage("reading the data"):
            data, warnings = data_of(request, device)
            code = provenance()  # while torch loads elsewhere, as the data were
        with stage("planning, while torch is loaded"):
            plan: JobPlan = call_in_child(make_plan, request, data.describe(), device)
        check_labels(plan, data)
        Store(request.runs_dir).prepare()
        if request.match != EPOCHS_OF_ALL:
            match = matched(request, plan, data.describe())
            plan = call_in_child(make_plan, request, data.describe(), device, match)
        folder = report_folder(request.out, plan.policy.planned({}), request.runs_dir, plan.baseline, plan.raced_for)
        policy = resumed(plan, folder)
        design = kept_design(folder, request, plan, data)
        for warning in warnings:
            print(f"\nWARNING: {terminal_line(warning)}\n", file=sys.stderr, flush=True)
        if plan.note:
            print(printable(plan.note), file=sys.stderr, flush=True)

        site = site_of(request, plan, launcher, code)
        held = Held(request.runs_dir, request.retry_failed)
        until = None if request.max_minutes is None else begun + 60 * request.max_minutes
        rounds = Rounds(policy, site, launcher, trackers, held, request.fail_fast, plan.is_bad_trial, until)
        rounds.coming = coming = Coming(request, plan, data.describe(), folder, code)
        rounds.run()
        say_conclusion(request, plan, rounds)

    with alone_in(folder):
        work, shown_work = rounds.work, rounds.shown
        records = {each.run_id: held.records[each.run_id] for each in work if each.run_id in held.records}
        shown = {*held.again, *records}
        if kept := keep_earlier(folder, shown, plan.baseline):
            print(terminal_line(kept), file=sys.stderr, flush=True)
        speed, stopped_by = speed_of(request, plan, folder, rounds, coming)
        code_now = code.entries()
        if other_code := made_by_other_code(records.values(), code_now):
            say_warning(other_code)
        circumstances = {"workers": site.workers, "throughput": speed, "warnings": warnings, "provenance": code_now}
        circumstances |= {"design": design.identity, **stopping(plan, rounds)}
        if stopped_by:
            circumstances["stopped_by"] = what_stopped(stopped_by)
        if request.launcher == "local":
            circumstances["processors"] = str(processors())
        circumstances["wall_seconds"] = round(time.monotonic() - begun, 1)
        write_manifest(folder, describe(request, plan, data.describe(), shown_work, records, folder, circumstances))
        ended = [(each, records[each.run_id]) for each in work if each.run_id in records]
        failed = sum(one.status == Status.FAILED and not plan.is_bad_trial(each, one.error) for each, one in ended)
        undone = sum(each.run_id not in records for each in work)
        have_ended = [each for each, _ in ended]
        yield Outcome(folder, len(finished_runs(rounds)), failed, undone, stopped_by, have_ended, request.runs_dir)


def resumed(plan: JobPlan, folder: Path) -> Policy:
    """The policy of a plan, as the report in a folder left it; if that ended something for good, that is said."""
    entry = manifest_in(folder).get(plan.stopping.kind)
    policy = plan.policy.resumed(entry if isinstance(entry, dict) else {})
    if policy is not plan.policy:
        print(
            f"the race in {folder} ended when its time was up, and its winner stays; to race on, name another --out",
            file=sys.stderr,
            flush=True,
        )
    return policy


def kept_design(folder: Path, request: Request, plan: JobPlan, data: Dataset) -> designs.StoredDesign:
    """The design of the report folder: this job's, unless an earlier one has planned there; that is said."""
    own = design_of(request, plan, data.describe(), set(Store(request.runs_dir).run_ids()))
    found = designs.write_once(folder, own)
    if not is_as_designed(own, found.design):
        where = f"{folder / designs.FILE}, written {found.design.created:%Y-%m-%d %H:%M} UTC"
        print(f"{where}, plans something else than this job; it stays, and the page says in what", file=sys.stderr)
    return found


def say_conclusion(request: Request, plan: JobPlan, rounds: Rounds) -> None:
    """Say what was found while the plan grew, and whether that is all."""
    if found := rounds.policy.conclusion(rounds.held.records):
        print(found, file=sys.stderr, flush=True)
    if rounds.out_of_time:
        then = "the race ended there, and stays so in this report" if request.race else "the same command goes on"
        print(
            f"--max-minutes {request.max_minutes:g} is over, so no more seeds were begun; {then}",
            file=sys.stderr,
            flush=True,
        )


def stopping(plan: JobPlan, rounds: Rounds) -> dict[str, Any]:
    """The manifest's entry on when seeds were to end, and what ended them; none for a fixed number."""
    rule = plan.stopping
    if rule.kind == "fixed":
        return {}
    if rule.kind == "race":
        factors = {one.name: dict(one.factors) for one in plan.candidates if one.factors}
        entry = rounds.policy.entry(rounds.held.records)
        return {"race": {**entry, "max_minutes": rule.max_minutes, "factors": factors}}
    ended = rounds.policy.ended(rounds.held.records) or ("minutes" if rounds.out_of_time else "stopped")
    entry = {"kind": rule.kind, "first_seeds": rule.first_seeds, "max_seeds": rule.seeds}
    return {"stopping": {**entry, "max_minutes": rule.max_minutes, "ended": ended}}


def speed_of(request: Request, plan: JobPlan, folder: Path, rounds: Rounds, coming: Coming) -> tuple[str, int]:
    """Measure speeds apart, unless the job was stopped; what became of it, and the status that a signal asks for."""
    if rounds.is_over:
        return "not measured apart: the job was stopped", rounds.stopped_by
    effort = request.throughput if plan.measurable else "off"
    try:
        shown = {each.run_id for each in rounds.shown}
        trained = [run for run in finished_runs(rounds) if run.run_id in shown]
        where = plan.device, plan.device_name
        said = measure_apart(
            folder, effort, trained, *where, request.plugins, coming.code, rounds.trained, coming.speeds(trained)
        )
    except KeyboardInterrupt as interrupt:
        return "not measured apart: the job was stopped", stopping_status(interrupt)
    return said, rounds.stopped_by


def launcher_of(request: Request) -> Launcher:
    """Who does the runs: this machine, or the Ray cluster that was asked for."""
    if request.launcher == "local":
        return ThisMachine(request.threads, request.workers)
    from bench.launchers.ray_cluster import Cluster  # Ray is an optional extra

    return Cluster(request.ray_address, request.threads, request.plugins, request.workers)


def data_of(request: Request, device: Device | None) -> tuple[Dataset, list[str]]:
    """The data set, verified, and warnings; it is read while torch loads elsewhere."""
    if not datasets.is_complete(fetch.dataset_name(request.dataset), request.data_dir):
        call_in_child(check, request, device)  # a misspelt name is not found out after a download or an unpacking
    return fetch.load_or_download(request.dataset, request.data_dir, accept=request.accept_data)


def check_labels(plan: JobPlan, data: Dataset) -> None:
    """Raise `UserError` if some class has too few training images for its share of the labels."""
    work = plan.policy.possible()
    known = [(each.labels, each.seed) for each in work if isinstance(each, RunSpec)]
    known += [(each.settings.get("labels"), each.run.seed) for each in work if isinstance(each, EvaluationSpec)]
    labels, seeds = max((count or 0 for count, _ in known), default=0), sorted({seed for count, seed in known if count})
    if not labels:
        return
    most = data.max_balanced_labels(plan.recipe.train_images, seeds)
    if labels > most:
        raise UserError(f"--labels {labels}: the training images hold at most {most} with as many of each class")


def site_of(request: Request, plan: JobPlan, launcher: Launcher, code: Provenance) -> Site:
    return Site(
        runs_dir=whole(request.runs_dir),
        data_dir=whole(request.data_dir),
        plugins=tuple(map(whole, request.plugins)),
        device=plan.device,
        devices=plan.devices,
        workers=launcher.slots(plan.devices),
        stack=plan.sharing.stack,
        graph=plan.sharing.graph,
        side_by_side=plan.sharing.side_by_side,
        provenance=code,
    )


def finished_runs(rounds: Rounds) -> list[RunSpec]:
    records = rounds.held.records
    return [
        run
        for run in rounds.work
        if isinstance(run, RunSpec) and run.run_id in records and records[run.run_id].status == Status.FINISHED
    ]
