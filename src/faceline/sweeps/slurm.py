"""Runs jobs on Slurm with submitit, each on its own, so that a dying job takes no other with it."""

import getpass
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from hydra.core.utils import JobReturn

from faceline.errors import InputError, first_line
from faceline.sweeps.jobs import Job, NextJob, Work, lost, run_packed, unpack

PAUSE = 0.5
"""Seconds between two checks for results."""
LOOK: Final = 15.0
"""Seconds between two checks of the queue; a job that is missing twice is dead unless its result has come."""


def stream(
    work: Work, next_job: NextJob, cluster: str, jobs: int, parameters: Mapping[str, Any]
) -> Iterator[tuple[Job, JobReturn]]:
    """Run jobs while there are some, and yield each when it has ended, however it ended.

    Args:
        work: What jobs are composed from.
        next_job: Returns the next job; called whenever a place is free.
        cluster: ``slurm``, or ``local`` for processes of this machine.
        jobs: Most jobs at once, including queued ones.
        parameters: Resources of each job, by submitit's names.

    Raises:
        InputError: submitit is not installed, there is no Slurm here, or it has no such parameter.
    """
    executor = _executor(work, cluster, parameters)
    queue = _Queue() if cluster == "slurm" else None
    running: dict[Any, Job] = {}
    try:
        while True:
            while len(running) < jobs and (job := next_job()) is not None:
                running[executor.submit(run_packed, work.pack(job))] = job
            if not running:
                return
            while not (done := [one for one in running if _has_result(one, queue)]):
                if queue and (dead := queue.missing(running)):
                    done = dead
                    break
                time.sleep(PAUSE)
            for one in done:
                yield running.pop(one), _result(one, queue)
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


class _Queue:
    """The jobs that Slurm still has.

    It asks ``squeue``: submitit asks ``sacct``, which many clusters lack, and would then wait forever for a killed job.
    """

    def __init__(self) -> None:
        self._next, self._missed = time.monotonic() + LOOK, set[str]()

    def missing(self, jobs: Collection[Any]) -> list[Any]:
        """Return the jobs that two checks in a row missed and that left no result."""
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + LOOK
        command = ["squeue", "--noheader", "--format=%A", f"--user={getpass.getuser()}"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        if asked.returncode != 0:  # the controller is restarting: nothing is known of any job
            return []
        queued = set(asked.stdout.split())
        gone = [one for one in jobs if one.job_id not in queued and not _has_result(one, self)]
        dead = [one for one in gone if one.job_id in self._missed]
        self._missed = {one.job_id for one in gone}
        return dead


def _has_result(one: Any, queue: _Queue | None) -> bool:
    return bool(one.done() if queue is None else one.paths.result_pickle.exists())


def _result(done: Any, queue: _Queue | None) -> JobReturn:
    if queue and not _has_result(done, queue):
        return lost(f"SLURM has no job {done.job_id} any more, and it left no result{_last_words(done.paths.stderr)}")
    try:
        return unpack(done.results()[0])
    except Exception as error:  # submitit has several kinds, all of a job that did not come to its end
        return lost(f"job {done.job_id} died: {first_line(error)}")


def _last_words(log: Path) -> str:
    """Return the end of a job's output, such as why Slurm cancelled it."""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    written = [line.strip() for line in lines if line.strip()]
    return f" ({written[-1][:200]})" if written else ""
