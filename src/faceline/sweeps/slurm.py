"""Jobs of SLURM by submitit: each on its own, so that one that dies takes no other with it."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.utils import JobReturn

from faceline.errors import InputError, first_line
from faceline.sweeps.jobs import Job, NextJob, Work, lost, run_packed, unpack

PAUSE = 0.5
"""Seconds between two looks at the jobs; submitit itself asks SLURM less often."""


def stream(
    work: Work, next_job: NextJob, cluster: str, jobs: int, parameters: Mapping[str, Any]
) -> Iterator[tuple[Job, JobReturn]]:
    """Run jobs as long as there are some; yields each when it has ended, however it ended.

    Args:
        work: What they are composed from.
        next_job: Asked whenever a place is free.
        cluster: ``slurm``, or ``local`` for processes of this machine.
        jobs: At once, queued ones too.
        parameters: What each is given, by submitit's names.

    Raises:
        InputError: submitit is not installed, there is no SLURM here, or it has no such parameter.
    """
    executor = _executor(work, cluster, parameters)
    running: dict[Any, Job] = {}
    try:
        while True:
            while len(running) < jobs and (job := next_job()) is not None:
                running[executor.submit(run_packed, work.pack(job))] = job
            if not running:
                return
            while not (done := [one for one in running if one.done()]):
                time.sleep(PAUSE)
            for one in done:
                yield running.pop(one), _result(one)
    finally:
        for one in running:
            one.cancel()


def _executor(work: Work, cluster: str, parameters: Mapping[str, Any]) -> Any:
    try:
        import submitit  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        raise InputError(
            f"launcher=submitit_{cluster} needs submitit: pip install 'faceline[slurm]'", column="launcher"
        ) from None
    try:
        executor = submitit.AutoExecutor(folder=f"{work.folder}/.submitit/%j", cluster=cluster)
        executor.update_parameters(**parameters)
    except (RuntimeError, NameError, ValueError) as error:
        raise InputError(f"SLURM cannot be used: {first_line(error)}", column="launcher") from error
    return executor


def _result(done: Any) -> JobReturn:
    try:
        return unpack(done.results()[0])
    except Exception as error:  # submitit has several kinds, all of a job that did not come to its end
        return lost(f"job {done.job_id} died: {first_line(error)}")
