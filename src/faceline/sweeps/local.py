"""Runs jobs on this machine, each in a process forked from one that has imported all slow modules.

A job that the kernel kills, for its memory or by hand, affects no other job. The end of the sweep, even by SIGKILL,
ends its jobs.
"""

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from faceline.sweeps.jobs import PRELOADED, Job, NextJob, Work, lost, run_packed, unpack
from faceline.threads import cores, usable_threads

MOST_JOBS = 8
"""Most jobs at once by default: a search that tries many at once learns little from each."""

PATIENCE = 20
"""Seconds that a job gets to close its run when the sweep ends before it."""


@dataclass
class _Running:
    job: Job
    process: Any
    answer: Connection


def share(jobs: int | None) -> int:
    """Return the threads of each job, so that all jobs together use every core."""
    return max(1, cores() // _places(jobs))


def _places(jobs: int | None) -> int:
    return usable_threads(jobs, "sweep.jobs", at_least=2) if jobs else min(cores(), MOST_JOBS)


def warm_up() -> None:
    """Start the process that jobs are forked from, beside what this process does."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    multiprocessing.forkserver.ensure_running()  # type: ignore[attr-defined]


def stream(
    work: Work, next_job: NextJob, jobs: int | None = None, memory_gb: float | None = None
) -> Iterator[tuple[Job, JobReturn]]:
    """Run jobs while there are some, and yield each when it has ended, however it ended.

    Args:
        work: What jobs are composed from.
        next_job: Returns the next job; called whenever a place is free.
        jobs: Most jobs at once; None means one for each core, at most `MOST_JOBS`.
        memory_gb: Most memory of each job in GB.
    """
    warm_up()
    running: list[_Running] = []
    try:
        while True:
            while len(running) < _places(jobs) and (job := next_job()) is not None:
                running.append(_start(work, job, memory_gb))
            if not running:
                return
            done = _first_ended(running)
            running.remove(done)
            yield done.job, _result(done)
    finally:
        _stop(running)


def _start(work: Work, job: Job, memory_gb: float | None) -> _Running:
    folder = Path(work.folder) / str(job.number)
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    arguments = (work.pack(job), theirs, str(folder / "output.log"), memory_gb, dict(os.environ))
    process = context.Process(target=_run, args=arguments)
    process.start()
    theirs.close()
    return _Running(job, process, ours)


def _first_ended(running: list[_Running]) -> _Running:
    owners = {handle: one for one in running for handle in (one.answer, one.process.sentinel)}
    return owners[wait(list(owners))[0]]


def _result(done: _Running) -> JobReturn:
    packed = None
    try:
        if done.answer.poll():
            packed = done.answer.recv_bytes()
    except (EOFError, OSError):
        pass
    done.answer.close()
    done.process.join()
    return unpack(packed) if packed else lost(_cause(done.process.exitcode))


def _cause(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL): the machine was out of memory, or somebody did it"
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"


def _stop(running: list[_Running]) -> None:
    """End the running jobs; each process closes its own run."""
    for one in running:
        one.process.terminate()
    for one in running:
        one.process.join(PATIENCE)
        one.process.kill()


def _run(packed: bytes, answer: Connection, log: str, memory_gb: float | None, environment: dict[str, str]) -> None:
    """Run the job in its process."""
    os.environ.clear()  # of the process that it was forked from, which may be older than a change
    os.environ.update(environment)
    threading.Thread(target=_end_with_sweep, args=(answer,), daemon=True).start()
    _be_the_first_to_go()
    if memory_gb is not None:
        limit = round(memory_gb * 1e9)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with Path(log).open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    answer.send_bytes(run_packed(packed))


def _end_with_sweep(sweep: Connection) -> None:
    """Wait for the end of the sweep's process, which sends nothing before."""
    with contextlib.suppress(EOFError, OSError):
        sweep.recv_bytes()
    os.kill(os.getpid(), signal.SIGKILL)


def _be_the_first_to_go() -> None:
    """Let the kernel kill a job instead of the sweep when memory runs out."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500")
    except OSError:
        return  # no Linux, or not allowed: it chooses as it likes
