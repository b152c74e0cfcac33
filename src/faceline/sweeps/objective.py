"""The objectives of a sweep: validation metrics and the costs of a model, but never the test set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from faceline.config.tree import hint
from faceline.errors import InputError
from faceline.tasks.task import task_of

COSTS = ("ms_per_frame", "parameters", "train_seconds")
"""Costs that may stand beside a validation metric."""


@dataclass(frozen=True)
class Objective:
    """The metrics to minimise and maximise.

    Attributes:
        metrics: Whether low is good, for each metric in order.
    """

    metrics: dict[str, bool]

    @property
    def first(self) -> str:
        """The metric that prunes trials, and that sorts them if it is the only one."""
        return next(iter(self.metrics))

    def values(self, logged: Mapping[str, float]) -> list[float] | None:
        """Return the values of a finished run; None if one is missing.

        Args:
            logged: Metrics of the run.
        """
        found = [logged.get(logged_as(metric)) for metric in self.metrics]
        return None if None in found else [value for value in found if value is not None]


def logged_as(metric: str) -> str:
    """Return the name in a run: a validation metric is that of the model that was kept."""
    return f"best_{metric}" if metric.startswith("val/") else metric


def read_objective(config: Mapping[str, Any], settings: Mapping[str, Any]) -> Objective:
    """Return the objective of a sweep; by default the metric that the training itself uses.

    Args:
        config: Config of a job.
        settings: Config of the sweep.

    Raises:
        InputError: A metric is unknown or belongs to the test set, all are costs, one is both minimised and maximised,
            or a pruner has several.
    """
    metrics = dict.fromkeys(settings["minimize"], True) | dict.fromkeys(settings["maximize"], False)
    if both := set(settings["minimize"]) & set(settings["maximize"]):
        raise InputError(f"{min(both)} is minimised too; choose one of both", column="sweep.maximize")
    if not metrics:
        best = config["callbacks"]["best"]
        metrics = {best["monitor"]: best["mode"] == "min"}
    refuse_test(metrics)
    _check(metrics, config, "sweep.minimize" if settings["minimize"] else "sweep.maximize")
    if settings["pruner"] and len(metrics) > 1:
        raise InputError("a pruner needs a single metric; set sweep.pruner=null", column="sweep.pruner")
    return Objective(metrics)


def refuse_test(metrics: Iterable[str]) -> None:
    """Refuse to choose by the test set.

    Raises:
        InputError: A metric belongs to the test set.
    """
    for name in metrics:
        if name.startswith("test"):
            raise InputError(
                f"{name} belongs to the test set, which must not choose anything; use a validation metric, such as "
                f"val/{name.partition('/')[2] or 'nme'}",
                column="sweep",
            )


def _check(metrics: Mapping[str, bool], config: Mapping[str, Any], key: str) -> None:
    known = [f"val/{name}" for name in sorted(task_of(config).scalars(dict(config)))]
    for name in metrics:
        if name not in (*known, *COSTS):
            raise InputError(f"no metric {name}{hint(name, (*known, *COSTS))}", column=key)
    if not set(metrics) - set(COSTS):
        raise InputError(f"costs alone choose no model; add a validation metric, such as {known[0]}", column=key)
