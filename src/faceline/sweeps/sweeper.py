"""Leads a sweep: asks for combinations, launches them, records results, and continues after a kill."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from filelock import FileLock, Timeout
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict
from optuna.trial import TrialState

from faceline.commands.train import PRUNED_TAG
from faceline.errors import InputError, first_line
from faceline.sweeps.jobs import Job, NextJob, lost
from faceline.sweeps.parent import ChildRuns, describe, open_parent
from faceline.sweeps.plan import Plan, read_plan
from faceline.sweeps.queue import Queue
from faceline.sweeps.study import PARENT, mend, open_study, same_sweep
from faceline.sweeps.summary import Progress, conclude
from faceline.sweeps.trial import TrialError, run
from faceline.tracking.records import ERROR_TAG, RunRecord
from faceline.tracking.store import store_of

BATCH = 8
"""Default number of jobs that a search hands at once to a launcher of batches."""

INTERRUPTED = "the sweep ended before it"


def sweep(context: HydraContext, config: DictConfig, arguments: list[str]) -> None:
    """Run a sweep, or continue it.

    Args:
        context: Context of Hydra.
        config: Config of the command without the swept keys.
        arguments: Overrides of the command line.

    Raises:
        InputError: The sweep cannot start, or trials have failed.
    """
    plan = read_plan(context, config, arguments)
    plan.folder.mkdir(parents=True, exist_ok=True)
    with _alone(plan):
        same_sweep(plan.folder, plan.name, plan.description)
        study = open_study(plan.folder, plan.name, plan.settings, plan.objective)
        _lead(study, plan, _launcher(context, config, plan), arguments)


@contextmanager
def _alone(plan: Plan) -> Iterator[None]:
    """Refuse a second process that leads the same sweep."""
    lock = FileLock(plan.folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"sweep {plan.name} is already running; wait for its end, or give this one a name of its own with "
            f"sweep.name=…"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _launcher(context: HydraContext, config: DictConfig, plan: Plan) -> Any:
    with open_dict(config):
        config.sweep.name = plan.name
    return Plugins.instance().instantiate_launcher(hydra_context=context, task_function=run, config=config)


def _lead(study: optuna.Study, plan: Plan, launcher: Any, arguments: list[str]) -> None:
    """Ask, launch and record until everything is done."""
    tracking = plan.first["tracking"]
    client = store_of(plan.first)
    parent = study.user_attrs.get(PARENT)
    progress = Progress(study, plan)
    with open_parent(client, tracking["experiment"], plan.name, parent, arguments) as run:
        study.set_user_attr(PARENT, run.id)
        describe(run, plan.description)
        children = ChildRuns(client, tracking["experiment"], run.id)
        _mend(study, plan, children)
        queue = Queue(study, plan, run.id, getattr(launcher, "threads", None))
        progress.begin(queue)
        for job, result in _launched(launcher, queue.next, plan):
            _record(study, plan, children, job.number, result)
            queue.told(job.number)
            progress.tell(job.number)
        conclude(run, study, plan)
        if not queue.ended:
            progress.end(queue)  # which raises: a sweep without any trial has failed itself
    progress.end(queue)


def _launched(launcher: Any, next_job: NextJob, plan: Plan) -> Iterator[tuple[Job, JobReturn]]:
    """Yield jobs as they end; a launcher of batches gets some at a time."""
    if hasattr(launcher, "stream"):
        yield from launcher.stream(next_job)
        return
    size = plan.settings["jobs"] or (BATCH if plan.searches else None)
    while batch := list(itertools.islice(iter(next_job, None), size)):
        try:
            results = launcher.launch([job.overrides for job in batch], initial_job_idx=batch[0].number)
        except Exception as error:  # one job's end, told for all: what came of the others is in the store
            results = [lost(f"{type(error).__name__}: {first_line(error)}")] * len(batch)
        yield from zip(batch, results, strict=True)


def _mend(study: optuna.Study, plan: Plan, children: ChildRuns) -> None:
    """Close what an earlier start left open, and record trials that had finished unnoticed."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        record = children.abandoned(trial.number)
        if not _tell(study, plan, trial.number, record):
            children.close(trial.number, "KILLED", INTERRUPTED, plan.log(trial.number))
            mend(study, trial.number, INTERRUPTED, again=plan.searches)


def _record(study: optuna.Study, plan: Plan, children: ChildRuns, number: int, result: JobReturn) -> None:
    """Record the result of a job in the journal; the store has the last word."""
    record = children.find(number)
    if _tell(study, plan, number, record):
        return
    reason = _reason(record, result)
    children.close(number, "FAILED", reason, plan.log(number))
    mend(study, number, reason, again=False)


def _tell(study: optuna.Study, plan: Plan, number: int, record: RunRecord | None) -> bool:
    """Record a finished trial in the journal; return whether it has finished."""
    if record is None or record.status != "FINISHED":
        return False
    if PRUNED_TAG in record.tags:
        study.tell(number, state=TrialState.PRUNED)
        return True
    values = plan.objective.values(record.metrics)
    if values is not None:
        study.tell(number, values)
    return values is not None


def _reason(record: RunRecord | None, result: JobReturn) -> str:
    error = result._return_value  # not return_value, which prints what it raises
    if isinstance(error, TrialError):
        return str(error)
    if isinstance(error, Exception):  # the launcher's: the run may know more
        return record.tags.get(ERROR_TAG, str(error)) if record else str(error)
    return "its run has none of the metrics that the sweep goes by"
