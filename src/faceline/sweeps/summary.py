"""Reports the progress of a sweep, and its results at the end."""

import math
import re
import time
from typing import Any

import optuna
from matplotlib.figure import Figure
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from rich.table import Table

from faceline.errors import InputError
from faceline.reports.sweep_plots import State, TrialPoint, history, pareto
from faceline.sweeps.objective import logged_as
from faceline.sweeps.plan import Plan
from faceline.sweeps.queue import Queue
from faceline.sweeps.study import REASON
from faceline.terminal import note, show
from faceline.tracking.runs import Run

TELLING = 4
"""Finished trials needed before the importance of parameters is reported."""

SHOWN = 10
"""Number of trials in the final table."""

_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


class Progress:
    """Prints a line for each ended trial, and a table of the best ones.

    Args:
        study: The journal.
        plan: Plan of the sweep.
    """

    def __init__(self, study: optuna.Study, plan: Plan) -> None:
        self.study, self.plan = study, plan
        self._began = time.perf_counter()

    def begin(self, queue: Queue) -> None:
        """Say what is going to be done."""
        there = f"{queue.ended} of {queue.wanted} trials are there already"
        state = there if queue.ended else f"{queue.wanted} trials"
        note(f"sweep {self.plan.name}: {state}; jobs print to {self.plan.folder}/TRIAL/output.log")

    def tell(self, number: int) -> None:
        """Print the line of a trial."""
        trial = _trial(self.study, number)
        took = f" in {trial.duration.total_seconds():.0f} s" if trial.duration else ""
        what = f"{_values(trial)}" if trial.values else _STATES[trial.state]
        why = f": {trial.user_attrs[REASON]}" if REASON in trial.user_attrs else ""
        params = " ".join(f"{key}={shown(value)}" for key, value in trial.params.items())
        note(f"trial {number}: {what}{took}  {params}{why}")

    def end(self, queue: Queue) -> None:
        """Print the best trials.

        Raises:
            InputError: Not all trials have finished.
        """
        if _finished(self.study):
            show(table(self.study, self.plan))
        if queue.ended < queue.wanted:
            failed = self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
            last = failed[-1].user_attrs.get(REASON, "unknown") if failed else "unknown"
            raise InputError(
                f"{queue.ended} of {queue.wanted} trials have ended, {queue.failed} failed, the last by: {last}; "
                f"the same command tries again"
            )


def best(study: optuna.Study) -> list[FrozenTrial]:
    """Return the best trial; with several objectives all that no other trial beats in each, by the first."""
    trials = _finished(study)
    if len(study.directions) > 1:
        return sorted(study.best_trials, key=lambda trial: trial.values[0])
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    return sorted(trials, key=lambda trial: sign * trial.values[0])[:1]


def conclude(run: Run, study: optuna.Study, plan: Plan) -> None:
    """Log the table of all trials, the best ones, and the figures on the sweep's run."""
    trials = study.get_trials(deepcopy=False)
    counts = {name: sum(trial.state == state for trial in trials) for state, name in _STATES.items()}
    run.log_metrics({f"trials_{name}": count for name, count in counts.items()})
    run.log_dict({"trials": [_row(trial, plan) for trial in trials]}, "trials.json")
    front = best(study)
    if not front:
        return
    run.log_dict({"best": [_row(trial, plan) for trial in front]}, "best.json")
    params = {f"best.{key.partition('@')[0].lstrip('+')}": value for key, value in front[0].params.items()}
    run.set_tags({"faceline.best_trial": front[0].number, **params})
    run.log_metrics(
        {logged_as(name): value for name, value in zip(plan.objective.metrics, front[0].values, strict=True)}
    )
    name = "pareto.png" if len(plan.objective.metrics) == 2 else "history.png"
    run.log_figure(_figure(run, study, plan, front), name)


def _figure(run: Run, study: optuna.Study, plan: Plan, front: list[FrozenTrial]) -> Figure:
    """Draw the Pareto front of two objectives, else the history of the first."""
    metrics = list(plan.objective.metrics)
    points = [
        TrialPoint(trial.number, _STATES[trial.state], _reached(trial))
        for trial in study.get_trials(deepcopy=False)
        if trial.state in _STATES
    ]
    data = plan.first["data"]["source"]["_target_"].rpartition(".")[2]
    source = f"sweep {plan.name} · {data} · {plan.first['split']['protocol']} · run {run.id[:8]}"
    if len(metrics) == 2:
        labels = {trial.number: _label(trial) for trial in front}
        return pareto(points, list(labels), (metrics[0], metrics[1]), labels, source)
    low = plan.objective.metrics[metrics[0]]
    return history(points, _importance(study), metrics[0], low_is_good=low, source=source)


def _importance(study: optuna.Study) -> dict[str, float]:
    """Return the share of the variation that each parameter explains; empty with too few trials."""
    if len(study.directions) > 1 or len(_finished(study)) < TELLING:
        return {}
    try:
        return dict(optuna.importance.get_param_importances(study))
    except (RuntimeError, ValueError):  # all values are the same
        return {}


def _reached(trial: FrozenTrial) -> tuple[float, ...]:
    """Return the values of a trial; for a pruned one the last that it reported."""
    if trial.state == TrialState.PRUNED and trial.last_step is not None:
        return (trial.intermediate_values[trial.last_step],)
    return tuple(trial.values or ())


def _label(trial: FrozenTrial) -> str:
    """Label a trial of the front by its model, if models are swept."""
    return f"{str(trial.params.get('experiment', 'trial')).rpartition('/')[2]} {trial.number}"


def table(study: optuna.Study, plan: Plan) -> Table:
    """Return a table of the best trials, or of the Pareto front."""
    several = len(study.directions) > 1
    trials = best(study) if several else _ranked(study)[:SHOWN]
    title = "the Pareto front: no other trial is better in each" if several else f"the best of {plan.name}"
    made = Table(title=title, title_justify="left")
    for name in ("trial", *plan.objective.metrics, *plan.space.swept):
        made.add_column(name, justify="right")
    for trial in trials:
        params = [shown(trial.params[key]) for key in plan.space.swept]
        made.add_row(str(trial.number), *(f"{value:.4g}" for value in trial.values), *params)
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


def shown(value: Any) -> str:
    """Format a tried value for readers: short numbers, and text without Hydra's quotes and backslashes."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}"
    text = re.sub(r"\\(.)", r"\1", str(value))
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
