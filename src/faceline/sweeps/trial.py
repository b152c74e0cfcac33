"""One trial: a training that is a child of the sweep's run and may be told to stop."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from faceline.commands.train import Member, train
from faceline.config.check import check
from faceline.config.messages import explain
from faceline.config.resolvers import register
from faceline.config.tree import conf_dir
from faceline.errors import first_line
from faceline.sweeps.objective import read_objective
from faceline.sweeps.study import join
from faceline.tasks.assembly import plain
from faceline.tracking.records import PARENT_TAG

TRIAL_TAG = "faceline.trial"
"""Tag with the number of the trial in its sweep."""


def sweep_folder(config: dict[str, Any], name: str) -> Path:
    """Return the folder with a sweep's journal and its jobs' logs."""
    return Path(config["tracking"]["root"]) / "mlruns" / "sweeps" / name


class TrialError(Exception):
    """Why a trial failed, in one line; it can be sent to any other process, unlike other errors."""


def run(cfg: DictConfig) -> None:
    """Check the config of a job and train; results go to the tracked run.

    Raises:
        TrialError: The config is refused, or the training failed.
    """
    register()  # some launchers run a job in a process of its own
    try:
        _train(cfg)
    except Exception as error:
        traceback.print_exc()
        line = explain(error, conf_dir()) or f"{type(error).__name__}: {first_line(error)}"
        raise TrialError(line) from None


def _train(cfg: DictConfig) -> None:
    check(cfg, "train")
    config = plain(cfg)
    settings = config.pop("sweep")
    trial = settings["trial"]
    member = Member(
        name=f"{config['name']} {trial['number']}",
        tags={PARENT_TAG: trial["parent"], TRIAL_TAG: trial["number"]},
        watched=read_objective(config, settings).first,
        stops=_judge(sweep_folder(config, settings["name"]), settings) if settings["pruner"] else None,
    )
    train(config, member)


def _judge(folder: Path, settings: dict[str, Any]) -> Callable[[int, float], bool]:
    """Return a function that reports an epoch's value and tells whether the trial is worse than others."""
    trial = join(folder, settings["name"], settings["trial"]["number"], settings)

    def stops(epoch: int, value: float) -> bool:
        trial.report(value, epoch)
        return bool(trial.should_prune())

    return stops
