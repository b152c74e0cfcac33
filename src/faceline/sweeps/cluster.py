"""Runs jobs on a Ray cluster, each as a task of its own, so that a dying job takes no other with it."""

import logging
import os
from collections.abc import Iterator
from typing import Any

from hydra.core.utils import JobReturn

from faceline.errors import InputError, first_line
from faceline.sweeps.jobs import Job, NextJob, Work, lost, run_packed, unpack


def stream(
    work: Work, next_job: NextJob, address: str | None, jobs: int | None, cpus: int, gpus: float
) -> Iterator[tuple[Job, JobReturn]]:
    """Run jobs while there are some, and yield each when it has ended, however it ended.

    Args:
        work: What jobs are composed from.
        next_job: Returns the next job; called whenever a place is free.
        address: Address of the cluster; None means this machine's cluster, or else a new one on it.
        jobs: Most jobs at once; None means as many as the cluster has cores for.
        cpus: CPUs of each job.
        gpus: GPUs of each job.

    Raises:
        InputError: Ray is not installed, or there is no such cluster.
    """
    ray = _connect(address)
    places = jobs or max(1, int(ray.cluster_resources().get("CPU", 1)) // cpus)
    # A process a job, so that one leaves nothing to the next; it is the sweep that tries again.
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_calls=1, max_retries=0)(run_packed)
    running: dict[Any, Job] = {}
    try:
        while True:
            while len(running) < places and (job := next_job()) is not None:
                running[task.remote(work.pack(job))] = job
            if not running:
                return
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            yield running.pop(done), _result(ray, done)
    finally:
        for one in running:
            ray.cancel(one, force=True)
        ray.shutdown()


def _connect(address: str | None) -> Any:
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else a cluster that it starts reports its use
        import ray  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        raise InputError("launcher=ray needs Ray: pip install 'faceline[ray]'", column="launcher") from None
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except ConnectionError as error:
        raise InputError(f"no Ray cluster answers: {first_line(error)}", column="hydra.launcher.address") from error
    return ray


def _result(ray: Any, done: Any) -> JobReturn:
    try:
        return unpack(ray.get(done))
    except ray.exceptions.RayError as error:
        return lost(f"its Ray worker died: {first_line(error)}")
