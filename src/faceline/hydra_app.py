"""Runs a verb under Hydra with the words that it is given.

``hydra.main`` reads ``sys.argv`` and offers no other way in. That will not do: Lightning starts the other processes of
a distributed run with this process's own arguments, and the verb is one of them. So this module calls functions of
``hydra._internal``. It also replaces `Hydra.get_mode`, which composes the whole config a second time only to see
whether it asks for a sweep. This module and `faceline.config.hydra_node` are the reason for ``hydra-core<1.4`` in
pyproject.toml.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra import version
from hydra._internal import hydra as hydra_module
from hydra._internal import utils
from hydra._internal.hydra import Hydra
from hydra._internal.utils import _run_hydra, get_args_parser
from omegaconf import DictConfig

from faceline.config.hydra_node import guard
from faceline.config.resolvers import register
from faceline.errors import InputError


def run(verb: str, overrides: Sequence[str], conf: Path, job: Callable[[DictConfig], Any]) -> None:
    """Compose the config of a verb and run a job with it, or one for each job of a sweep.

    Args:
        verb: Name of the main config and of the job.
        overrides: Overrides as typed.
        conf: Folder of the configs.
        job: Function that takes the composed config.

    Raises:
        InputError: A flag is none of Hydra's.
        HydraException: The config cannot be composed.
    """
    register()
    guard()
    Hydra.get_mode = _mode  # type: ignore[method-assign, assignment]
    utils.run_and_report = hydra_module.run_and_report = _let_through  # type: ignore[assignment, attr-defined]
    version.setbase("1.3")
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    _run_hydra(
        args=parser.parse_intermixed_args([f"hydra.job.name={verb}", *overrides]),
        args_parser=parser,
        task_function=job,
        config_path=str(conf),
        config_name=verb,
    )


_composed_mode = Hydra.get_mode


def _mode(hydra: Hydra, config_name: str | None, overrides: list[str]) -> Any:
    """Return the mode that a config asks for; None, which leaves it to the flags, if no override can ask for one."""
    asks = any(_may_ask(hydra, *word.lstrip("+").partition("=")[::2]) for word in overrides)
    return _composed_mode(hydra, config_name, overrides) if asks else None


def _may_ask(hydra: Hydra, key: str, value: str) -> bool:
    """Tell whether an override may ask for a sweep: by its name, or as an experiment that includes one."""
    if key != "experiment":
        return key.startswith(("sweep", "experiment", "hydra.mode"))
    found = hydra.config_loader.repository.load_config(f"experiment/{value}")  # type: ignore[attr-defined]
    groups = {getattr(default, "group", None) or "" for default in (found.defaults_list or [])} if found else {"sweep"}
    return any("sweep" in group or "experiment" in group for group in groups) or "hydra" in found.config


def _let_through(run: Callable[[], Any]) -> Any:
    """Let errors through to the caller, which knows more about them than Hydra."""
    return run()


def _refuse(message: str) -> NoReturn:
    raise InputError(f"{message}; see --help")
