"""What a sweep tells while it runs, and at its end."""

import math
import time
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceline.errors import InputError
from faceline.sweeps.objective import logged_as
from faceline.sweeps.plan import Plan
from faceline.sweeps.queue import Queue
from faceline.sweeps.study import REASON
from faceline.tracking.runs import Run

SHOWN = 10
"""Trials in the table at the end."""

_STATES = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


class Progress:
    """A line for each trial that ends, and a table of the best.

    Args:
        study: The journal.
        plan: What is asked for.
    """

    def __init__(self, study: optuna.Study, plan: Plan) -> None:
        self.study, self.plan = study, plan
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._began = time.perf_counter()

    def begin(self, queue: Queue) -> None:
        """Say what is to be done."""
        before = len(self.study.get_trials(deepcopy=False))
        state = f"{queue.ended} of {queue.wanted} trials are there already" if before else f"{queue.wanted} trials"
        self.console.print(f"sweep {self.plan.name}: {state}; jobs print to {self.plan.folder}/TRIAL/output.log")

    def tell(self, number: int) -> None:
        """The line of a trial."""
        trial = _trial(self.study, number)
        took = f" in {trial.duration.total_seconds():.0f} s" if trial.duration else ""
        what = f"{_values(trial)}" if trial.values else _STATES[trial.state]
        why = f": {trial.user_attrs[REASON]}" if REASON in trial.user_attrs else ""
        params = " ".join(f"{key}={_short(value)}" for key, value in trial.params.items())
        self.console.print(f"trial {number}: {escape(what)}{took}  {escape(params)}{escape(why)}")

    def end(self, queue: Queue) -> None:
        """The best trials.

        Raises:
            InputError: Not all that was asked for has come to its end.
        """
        console = Console(highlight=False, soft_wrap=True)
        if _finished(self.study):
            console.print(table(self.study, self.plan))
        if queue.ended < queue.wanted:
            failed = self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
            last = failed[-1].user_attrs.get(REASON, "unknown") if failed else "unknown"
            raise InputError(
                f"{queue.ended} of {queue.wanted} trials have ended, {queue.failed} failed, the last by: {last}; "
                f"the same command tries again"
            )


def best(study: optuna.Study) -> list[FrozenTrial]:
    """The best trial; with several objectives all that no other beats in each, by the first."""
    trials = _finished(study)
    if len(study.directions) > 1:
        return sorted(study.best_trials, key=lambda trial: trial.values[0])
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    return sorted(trials, key=lambda trial: sign * trial.values[0])[:1]


def conclude(run: Run, study: optuna.Study, plan: Plan) -> None:
    """Log the table of all trials, the best, and the figures on the sweep's run."""
    trials = study.get_trials(deepcopy=False)
    counts = {name: sum(trial.state == state for trial in trials) for state, name in _STATES.items()}
    run.log_metrics({f"trials_{name}": count for name, count in counts.items()})
    run.log_dict({"trials": [_row(trial, plan) for trial in trials]}, "trials.json")
    front = best(study)
    if not front:
        return
    run.log_dict({"best": [_row(trial, plan) for trial in front]}, "best.json")
    run.set_tags({"faceline.best_trial": front[0].number, **{f"best.{k}": v for k, v in front[0].params.items()}})
    run.log_metrics(
        {logged_as(name): value for name, value in zip(plan.objective.metrics, front[0].values, strict=True)}
    )


def table(study: optuna.Study, plan: Plan) -> Table:
    """The best trials, or the Pareto front."""
    several = len(study.directions) > 1
    trials = best(study) if several else _ranked(study)[:SHOWN]
    title = "the Pareto front: no other trial is better in each" if several else f"the best of {plan.name}"
    made = Table(title=title, title_justify="left")
    for name in ("trial", *plan.objective.metrics, *(key.partition("@")[0] for key in plan.space.swept)):
        made.add_column(escape(name), justify="right")
    for trial in trials:
        params = [_short(trial.params[key]) for key in plan.space.swept]
        made.add_row(str(trial.number), *(f"{value:.4g}" for value in trial.values), *map(escape, params))
    return made


def _row(trial: FrozenTrial, plan: Plan) -> dict[str, Any]:
    values = dict(zip(plan.objective.metrics, trial.values or (), strict=False))
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "params": trial.params,
        "values": values,
        "seconds": trial.duration.total_seconds() if trial.duration else None,
        "reason": trial.user_attrs.get(REASON),
    }


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _ranked(study: optuna.Study) -> list[FrozenTrial]:
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    return sorted(_finished(study), key=lambda trial: sign * trial.values[0])


def _trial(study: optuna.Study, number: int) -> FrozenTrial:
    return next(trial for trial in study.get_trials(deepcopy=False) if trial.number == number)


def _values(trial: FrozenTrial) -> str:
    return ", ".join(f"{value:.4g}" for value in trial.values)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)
