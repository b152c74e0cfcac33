"""One job of a sweep, which a launcher runs in a process of its own."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from faceline.config.project import open_sources

PRELOADED = (
    "optuna",
    "faceline.sweeps.trial",
    "faceline.commands.train",
    "faceline.tasks.faces",
    "faceline.tasks.landmarks",
    "faceline.tasks.shapes",
    "timm",
)
"""Modules that every job needs and that are slow to import."""


_TOLD = ("FACELINE_", "MLFLOW_", "HYDRA_", "DO_NOT_TRACK", "NO_ALBUMENTATIONS")
"""Environment variables that a job on another machine needs; the rest is that machine's own."""


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        number: Number that is unique in the sweep; its folder has this name.
        overrides: Overrides of the config, as they are typed.
    """

    number: int
    overrides: list[str]


NextJob = Callable[[], Job | None]
"""Returns the next job, or None while there is none."""


@dataclass(frozen=True)
class Work:
    """What jobs are composed from, and what is done with each.

    Attributes:
        context: Context of Hydra.
        config: Config of the sweep.
        task: Function that takes the config of a job.
    """

    context: HydraContext
    config: DictConfig
    task: TaskFunction

    @property
    def folder(self) -> str:
        """Folder of the sweep; each job has one below it."""
        return str(self.config.hydra.sweep.dir)

    def pack(self, job: Job) -> bytes:
        """Pack the job with everything that another process needs to run it."""
        state: dict[type, Any] = Singleton.get_state()
        told = {name: value for name, value in os.environ.items() if name.startswith(_TOLD)}
        return bytes(cloudpickle.dumps((self, job, state, str(Path.cwd()), told)))


def run_packed(packed: bytes) -> bytes:
    """Run a job in this process.

    Returns:
        The packed JobReturn, which includes an error of the job.
    """
    work, job, state, folder, environment = cloudpickle.loads(packed)
    os.environ.update(environment)
    os.chdir(folder)
    open_sources()
    Singleton.set_state(state)
    setup_globals()
    from faceline.config.resolvers import register  # noqa: PLC0415

    register()
    config = work.context.config_loader.load_sweep_config(work.config, list(job.overrides))
    with open_dict(config):
        config.hydra.job.id, config.hydra.job.num = str(job.number), job.number
    result = run_job(
        task_function=work.task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=work.context,
    )
    return bytes(cloudpickle.dumps(result))


def unpack(packed: bytes) -> JobReturn:
    """Unpack the result of `run_packed`."""
    result = cloudpickle.loads(packed)
    assert isinstance(result, JobReturn)
    return result


def lost(reason: str) -> JobReturn:
    """Return the result of a job whose process died."""
    return JobReturn(status=JobStatus.FAILED, _return_value=ChildProcessError(reason))
