"""The sweeper and the launchers of faceline, in the place where Hydra looks for plugins.

Hydra imports this at the start of every command, so it holds names only; `faceline.sweeps` does the work.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from faceline.sweeps.jobs import Job


class FacelineSweeper(Sweeper):
    """Tries the combinations of a grid, or Optuna's suggestions, as child runs of one tracked run."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Store what the jobs are composed from; the task is always a training."""
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> None:
        """Run the sweep of the config and the overrides, or continue it."""
        from faceline.sweeps.sweeper import sweep  # noqa: PLC0415

        assert self.hydra_context is not None and self.config is not None
        sweep(self.hydra_context, self.config, arguments)


class _OneByOne(Launcher):
    """A launcher that also takes jobs one after the other, as places become free."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Store what a job needs in a process of its own."""
        from faceline.sweeps.jobs import Work  # noqa: PLC0415

        self.work: Work = Work(hydra_context, config, task_function)

    @abstractmethod
    def stream(self, next_job: "Callable[[], Job | None]") -> "Iterator[tuple[Job, JobReturn]]":
        """Run jobs while there are some, and yield each when it has ended, however it ended."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch."""
        from faceline.sweeps.jobs import Job  # noqa: PLC0415

        jobs = [Job(initial_job_idx + i, list(overrides)) for i, overrides in enumerate(job_overrides)]
        left = iter(jobs)
        ended = {job.number: result for job, result in self.stream(lambda: next(left, None))}
        return [ended[job.number] for job in jobs]


class LocalLauncher(_OneByOne):
    """Runs jobs on this machine, each in a process of its own.

    Args:
        jobs: Most jobs at once; None means one for each core, at most 8.
        memory_gb: Most memory of each job in GB.
    """

    def __init__(self, jobs: int | None = None, memory_gb: float | None = None) -> None:
        self.jobs, self.memory_gb = jobs, memory_gb

    @property
    def threads(self) -> int:
        """Threads of a job: its share of the cores."""
        from faceline.sweeps.local import share  # noqa: PLC0415

        return share(self.jobs)

    def stream(self, next_job: "Callable[[], Job | None]") -> "Iterator[tuple[Job, JobReturn]]":
        """Run jobs while there are some."""
        from faceline.sweeps.local import stream  # noqa: PLC0415

        return stream(self.work, next_job, self.jobs, self.memory_gb)


class RayLauncher(_OneByOne):
    """Runs jobs on a Ray cluster, each as a task of its own.

    Args:
        address: Address of the cluster; None means this machine's cluster, or else a new one on it.
        jobs: Most jobs at once; None means as many as the cluster has cores for.
        cpus: CPUs of each job.
        gpus: GPUs of each job.
    """

    def __init__(self, address: str | None = None, jobs: int | None = None, cpus: int = 1, gpus: float = 0) -> None:
        self.address, self.jobs, self.cpus, self.gpus = address, jobs, cpus, gpus

    @property
    def threads(self) -> int:
        """Threads of a job: its number of CPUs."""
        return self.cpus

    def stream(self, next_job: "Callable[[], Job | None]") -> "Iterator[tuple[Job, JobReturn]]":
        """Run jobs while there are some."""
        from faceline.sweeps.cluster import stream  # noqa: PLC0415

        return stream(self.work, next_job, self.address, self.jobs, self.cpus, self.gpus)


class SubmititLauncher(_OneByOne):
    """Runs jobs on Slurm, or on this machine as Slurm would run them.

    Args:
        cluster: ``slurm`` or ``local``.
        jobs: Most jobs at once, including queued ones; None means 8.
        parameters: Resources of each job by submitit's names, such as ``slurm_partition``.
    """

    def __init__(self, cluster: str, jobs: int | None = None, **parameters: Any) -> None:
        self.cluster, self.jobs, self.parameters = cluster, jobs, parameters

    @property
    def threads(self) -> int:
        """Threads of a job: its number of CPUs."""
        return int(self.parameters.get("cpus_per_task") or 1)

    def stream(self, next_job: "Callable[[], Job | None]") -> "Iterator[tuple[Job, JobReturn]]":
        """Run jobs while there are some."""
        from faceline.sweeps.slurm import stream  # noqa: PLC0415

        given = {name: value for name, value in self.parameters.items() if value is not None}
        return stream(self.work, next_job, self.cluster, self.jobs or 8, given)


@dataclass
class _SweeperConf:
    _target_: str = "hydra_plugins.faceline_sweeps.FacelineSweeper"


@dataclass
class _LocalConf:
    _target_: str = "hydra_plugins.faceline_sweeps.LocalLauncher"
    jobs: Any = "${oc.select:sweep.jobs,null}"
    memory_gb: Any = "${oc.select:sweep.memory_gb,null}"


@dataclass
class _RayConf:
    _target_: str = "hydra_plugins.faceline_sweeps.RayLauncher"
    address: str | None = None
    jobs: Any = "${oc.select:sweep.jobs,null}"
    cpus: int = 1
    gpus: float = 0


@dataclass
class _SubmititConf:
    _target_: str = "hydra_plugins.faceline_sweeps.SubmititLauncher"
    cluster: str = "slurm"
    jobs: Any = "${oc.select:sweep.jobs,null}"
    name: str = "faceline"
    timeout_min: int = 720
    cpus_per_task: int = 1
    mem_gb: float | None = None
    gpus_per_node: int | None = None
    slurm_partition: str | None = None
    slurm_account: str | None = None
    slurm_qos: str | None = None
    slurm_constraint: str | None = None
    slurm_setup: list[str] | None = None
    slurm_additional_parameters: dict[str, Any] | None = None


@dataclass
class _SubmititLocalConf(_SubmititConf):
    cluster: str = "local"


_store = ConfigStore.instance()
_store.store(group="hydra/sweeper", name="faceline", node=_SweeperConf, provider="faceline")
_store.store(group="hydra/launcher", name="local", node=_LocalConf, provider="faceline")
_store.store(group="hydra/launcher", name="ray", node=_RayConf, provider="faceline")
_store.store(group="hydra/launcher", name="submitit_slurm", node=_SubmititConf, provider="faceline")
_store.store(group="hydra/launcher", name="submitit_local", node=_SubmititLocalConf, provider="faceline")
