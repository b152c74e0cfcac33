"""Decides which trial is next, and whether there is one."""

import optuna
from optuna.trial import TrialState

from faceline.sweeps.jobs import Job
from faceline.sweeps.plan import Plan
from faceline.sweeps.study import ENDED, Given


class Queue:
    """Yields the remaining trials of a sweep one after the other.

    Args:
        study: The journal.
        plan: Plan of the sweep.
        parent: Id of the sweep's run.
        threads: Threads of each job, if the launcher sets them and the config does not.
    """

    def __init__(self, study: optuna.Study, plan: Plan, parent: str, threads: int | None) -> None:
        self.study, self.plan, self.parent = study, plan, parent
        self.threads = threads if plan.first["threads"] is None else None
        self._running: set[int] = set()
        self._failed_before = self._count(TrialState.FAIL)
        done = [trial.params for trial in study.get_trials(deepcopy=False, states=ENDED)]
        self._left = [] if plan.searches else [one for one in plan.space.combinations() if one not in done]
        self._begin()

    @property
    def wanted(self) -> int:
        """Number of trials that should finish in all."""
        return int(self.plan.settings["trials"]) if self.plan.searches else len(self.plan.space.combinations())

    @property
    def ended(self) -> int:
        """Number of trials that have finished."""
        return self._count(*ENDED)

    @property
    def failed(self) -> int:
        """Number of trials that have failed since this start of the sweep."""
        return self._count(TrialState.FAIL) - self._failed_before

    def next(self) -> Job | None:
        """Return the next job; None if there is none now, because a running one may still fail and be replaced."""
        if not self._more():
            return None
        if not self.plan.searches:
            assert isinstance(self.study.sampler, Given)
            self.study.sampler.params = self._left.pop(0)
        trial = self.study.ask(self.plan.space.distributions)
        self._running.add(trial.number)
        link = f"+sweep.trial={{number:{trial.number},parent:'{self.parent}'}}"
        threads = [] if self.threads is None else [f"threads={self.threads}"]
        return Job(
            trial.number,
            [*self.plan.space.overrides(trial.params), *threads, f"sweep.name={self.plan.name}", link],
        )

    def told(self, number: int) -> None:
        """Record that a job has ended, however it ended."""
        self._running.discard(number)

    def _more(self) -> bool:
        if not self.plan.searches:
            return bool(self._left)
        enough = self.ended + len(self._running) >= self.wanted
        return not enough and self.failed <= self.plan.settings["max_failed"]

    def _begin(self) -> None:
        """Begin a new search with the values of the config."""
        if not self.study.get_trials(deepcopy=False):
            for params in self.plan.settings["start"]:
                self.study.enqueue_trial(self.plan.space.typed(params))

    def _count(self, *states: TrialState) -> int:
        return len(self.study.get_trials(deepcopy=False, states=states))
