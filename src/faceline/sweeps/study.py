"""The journal of a sweep: an Optuna study in a file that survives a killed writer."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import yaml
from hydra.utils import instantiate
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState

from faceline.config.targets import locate, parameters
from faceline.errors import InputError
from faceline.files import write_whole
from faceline.sweeps.objective import Objective
from faceline.sweeps.space import Params

JOURNAL, DESCRIPTION = "journal.log", "sweep.yaml"
PARENT = "parent_run"
REASON = "reason"
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of trials that are not tried again."""

logging.getLogger("optuna").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


class Given(BaseSampler):
    """A sampler that returns given values: the next combination of a grid."""

    def __init__(self) -> None:
        self.params: Params = {}

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:
        """Return no space: values do not depend on earlier trials."""
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Params:
        """Return no values."""
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """Return the given value."""
        return self.params[param_name]


def open_study(folder: Path, name: str, settings: Mapping[str, Any], objective: Objective) -> optuna.Study:
    """Open the study in a folder, or create it.

    Args:
        folder: Folder of the sweep.
        name: Name of the study.
        settings: Config of the sweep.
        objective: Metrics to minimise and maximise.

    Raises:
        InputError: The journal cannot be read.
    """
    storage = JournalStorage(JournalFileBackend(str(_whole(folder / JOURNAL))))
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        directions=[StudyDirection.MINIMIZE if low else StudyDirection.MAXIMIZE for low in objective.metrics.values()],
        load_if_exists=True,
        pruner=build_pruner(settings),
    )
    study.sampler = _sampler(settings, len(study.get_trials(deepcopy=False)))
    return study


def join(folder: Path, name: str, number: int, settings: Mapping[str, Any]) -> optuna.Trial:
    """Return a running trial of a study that another process leads."""
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    study = optuna.load_study(study_name=name, storage=storage, sampler=Given(), pruner=build_pruner(settings))
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return optuna.Trial(study, next(trial._trial_id for trial in running if trial.number == number))


def build_pruner(settings: Mapping[str, Any]) -> optuna.pruners.BasePruner:
    """Build the pruner of a sweep's config."""
    return instantiate(settings["pruner"]) if settings["pruner"] else optuna.pruners.NopPruner()


def _sampler(settings: Mapping[str, Any], before: int) -> BaseSampler:
    """Build the sampler of a sweep's config; a continued search does not repeat earlier suggestions."""
    node = settings["sampler"]
    if node is None:
        return Given()
    takes_seed = "seed" in parameters(locate("sweep.sampler._target_", node["_target_"])).hints
    seed = {"seed": (settings["seed"] + 7919 * before) % 2**32} if takes_seed and node.get("seed") is None else {}
    sampler: BaseSampler = instantiate(node, **seed)
    return sampler


def _whole(journal: Path) -> Path:
    """Remove an incomplete last line, which a killed writer leaves in the journal."""
    if journal.is_file():
        content = journal.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            with journal.open("r+b") as file:
                file.truncate(end)
    return journal


def same_sweep(folder: Path, name: str, description: Mapping[str, Any]) -> None:
    """Record what a new sweep is about, and refuse to continue a different one under its name.

    Args:
        folder: Folder of the sweep.
        name: Name of the sweep.
        description: What must not change, by name: texts and numbers.

    Raises:
        InputError: The sweep began with other settings.
    """
    file = folder / DESCRIPTION
    if not file.is_file():
        with write_whole(file) as part:
            part.write_text(yaml.safe_dump(dict(description), sort_keys=False, allow_unicode=True))
        return
    before = yaml.safe_load(file.read_text()) or {}
    for key in dict.fromkeys((*description, *before)):
        old, new = before.get(key, "not there"), description.get(key, "not there")
        if old != new:
            raise InputError(
                f"sweep {name} was begun with {key} = {old}, and now it is {new}; set it back, or give this one a name "
                f"of its own with sweep.name=…",
                file=file,
            )


def mend(study: optuna.Study, number: int, reason: str, *, again: bool) -> None:
    """Close a trial that nobody works on any more, and try it again if asked."""
    trial = next(t for t in study.get_trials(deepcopy=False) if t.number == number)
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if again and all(t.system_attrs.get("fixed_params") != trial.params for t in waiting):
        study.enqueue_trial(trial.params)
    study._storage.set_trial_user_attr(trial._trial_id, REASON, reason)
    study.tell(number, state=TrialState.FAIL)
