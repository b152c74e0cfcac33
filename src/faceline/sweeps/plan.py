"""Reads and checks what a sweep should do, before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from faceline.config.check import check
from faceline.errors import InputError
from faceline.sweeps.local import warm_up
from faceline.sweeps.objective import Objective, read_objective, refuse_test
from faceline.sweeps.space import Params, Space, read_space
from faceline.sweeps.trial import sweep_folder
from faceline.tasks.assembly import plain
from faceline.tracking.limits import flat_params
from faceline.tracking.provenance import IGNORED, config_digest, without

OWN = ("sweep", "launcher")
"""Groups of the config about the sweep itself."""

_ONE_PROCESS = {"strategy": ("auto", "single_device"), "devices": (1, "1"), "num_nodes": (1,)}
"""Allowed trainer settings of a trial; the first is Lightning's default, or that of our configs."""

DETAILS = ("threads", "name")
"""Keys that may change between two starts of a sweep, beside those that change no result."""


@dataclass(frozen=True)
class Plan:
    """The plan of a sweep.

    Attributes:
        name: Name by which it is found again.
        folder: Folder of its journal and its jobs.
        space: Search space.
        settings: Config of the sweep.
        first: Config of the first combination, for what all have in common.
        objective: Metrics to minimise and maximise.
        description: What must not change during the sweep.
    """

    name: str
    folder: Path
    space: Space
    settings: dict[str, Any]
    first: dict[str, Any]
    objective: Objective
    description: dict[str, str]

    @property
    def searches(self) -> bool:
        """Whether combinations are suggested instead of all tried."""
        return self.settings["sampler"] is not None

    def log(self, number: int) -> Path:
        """Return the file with the output of a trial's job."""
        return self.folder / str(number) / "output.log"


def read_plan(context: HydraContext, config: DictConfig, arguments: list[str]) -> Plan:
    """Read the plan from the config and the command line.

    Args:
        context: Context of Hydra.
        config: Config of the command without the swept keys.
        arguments: Overrides of the command line.

    Raises:
        InputError: A combination cannot be trained, or the search is impossible.
    """
    settings = plain(config.sweep)
    refuse_test((*settings["minimize"], *settings["maximize"]))
    space = read_space(settings["params"], arguments, OWN, context.config_loader)
    if not space.swept:
        raise InputError("nothing to try: give a key several values, such as model.lr=1e-3,2e-3", column="sweep.params")
    warm_up()  # from here on all looks well, and what follows takes as long
    configs = (_composed(context, config, space, params) for params in space.corners())
    first = next(configs)
    objective = read_objective(first, settings)
    for other in configs:
        if read_objective(other, settings) != objective:
            raise InputError(f"{other['name']} and {first['name']} have different metrics; sweep them separately")
    _check_extent(space, settings)
    description = _description(space, first, objective)
    group = str(config.hydra.runtime.choices.sweep).replace("/", "-")
    name = settings["name"] or f"{group}-{config_digest(description, ignore=())[:6]}"
    return Plan(name, sweep_folder(first, name), space, settings, first, objective, description)


def _check_extent(space: Space, settings: Mapping[str, Any]) -> None:
    """Refuse an infinite space, or a start outside of the space."""
    if settings["sampler"] is None:
        space.combinations()
    elif settings["trials"] is None:
        raise InputError("missing; a search needs the number of trials, as in sweep.trials=50", column="sweep.trials")
    for params in settings["start"]:
        space.typed(params)


def _composed(context: HydraContext, config: DictConfig, space: Space, params: Params) -> dict[str, Any]:
    """Return the checked config of a combination."""
    job = context.config_loader.load_sweep_config(config, space.overrides(params))
    with open_dict(job):
        job.pop("hydra")
    check(job, "train")
    resolved = plain(job)
    for key, single in _ONE_PROCESS.items():
        if resolved["trainer"].get(key, single[0]) not in single:
            raise InputError(
                "a sweep cannot train on several processes: each of them would run the sweep; start the runs one by "
                "one",
                column=f"trainer.{key}",
            )
    return resolved


def _description(space: Space, first: Mapping[str, Any], objective: Objective) -> dict[str, str]:
    """Return what the trials of one sweep share, and in what they may differ."""
    metrics = {name: "minimised" if low else "maximised" for name, low in objective.metrics.items()}
    common = flat_params(without(first, (*IGNORED, *DETAILS)))
    return {
        **{f"the search space of {key}": told for key, told in space.told().items()},
        **{f"the objective {name}": how for name, how in metrics.items()},
        **{key: value for key, value in common.items() if key not in space.swept},
    }
