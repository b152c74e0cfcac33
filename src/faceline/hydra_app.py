"""Runs a verb with Hydra.

``hydra.main`` reads ``sys.argv`` and has no other way in. That does not work here: Lightning starts the other processes
of a distributed run with this process's own arguments, and the verb is one of them. So this module calls two functions
of ``hydra._internal``. They, and `faceline.config.hydra_node`, are the reason for ``hydra-core<1.4`` in pyproject.toml.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra import version
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


def _refuse(message: str) -> NoReturn:
    raise InputError(f"{message}; see --help")
