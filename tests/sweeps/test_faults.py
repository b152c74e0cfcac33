"""A sweep under injected faults: killed, out of memory, raising; it goes on and repeats nothing that is done."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.sweeps.conftest import TINY

WANTED = 10
ENDED = r"^trial \d+: 0\."
TOO_WIDE = "model.backbone.width=choice(8,9,10,11,12,13,14,15,400000)"
TOO_FEW = "data.batch_size=choice(4,5,6,7,8,9,10,100000)"
COMMAND = [
    sys.executable, "-m", "faceline", "train", *TINY, f"sweep.trials={WANTED}", "sweep.jobs=2", "sweep.memory_gb=6",
    "sweep.max_failed=50", TOO_WIDE, TOO_FEW,
    "sweep.start=[{model.backbone.width:400000,data.batch_size:8},{data.batch_size:100000,model.backbone.width:8}]",
]  # fmt: skip


def start(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """The sweep in a process of its own, and what it prints."""
    log = folder / f"{time.monotonic_ns()}.log"
    with log.open("w") as file:
        return subprocess.Popen(COMMAND, cwd=folder, stdout=file, stderr=file, text=True), log


def wait_for(process: subprocess.Popen[str], log: Path, *patterns: str, times: int = 1) -> None:
    """Until the sweep has printed lines of each of these patterns so many times since this start."""
    until = time.monotonic() + 900
    while any(len(re.findall(pattern, log.read_text(), re.MULTILINE)) < times for pattern in patterns):
        assert process.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.05)


def jobs_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """What is forked from the process that jobs are forked from, and not what that starts while it imports."""
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "forkserver" in " ".join(child.cmdline()):
                return [each for each in child.children() if prints_to_a_log(each)]
    return []


def prints_to_a_log(process: psutil.Process) -> bool:
    """As jobs do, from their first moment on."""
    try:
        return Path(f"/proc/{process.pid}/fd/1").readlink().name == "output.log"
    except OSError:
        return False


def stopped_at_its_beginning(process: subprocess.Popen[str]) -> psutil.Process:
    """A job that is halted when it has hardly computed, so that it cannot have come to its end."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        for job in jobs_of(process):
            with contextlib.suppress(psutil.NoSuchProcess):
                job.suspend()
                if computed(job) < 0.3:
                    return job
                job.resume()
        time.sleep(0.02)
    raise AssertionError("no job began")


def computed(job: psutil.Process) -> float:
    """Seconds of the processor that a job has used."""
    return job.cpu_times().user + job.cpu_times().system


def wait_for_the_end_of(jobs: list[psutil.Process]) -> None:
    """None outlives its sweep; one that nobody has asked for its exit code yet is over too."""
    until = time.monotonic() + 60
    for job in jobs:
        with contextlib.suppress(psutil.NoSuchProcess):
            while job.status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() < until
                time.sleep(0.1)


@pytest.mark.slow
def test_killed_twice_with_trials_that_fail_it_ends_with_all_trials_and_repeats_none(
    workplace: Path, tracked: Callable
) -> None:
    for round_ in range(2):
        process, log = start(workplace)
        if round_ == 0:
            wait_for(process, log, "out of memory;", "needs more than")
        else:
            stopped_at_its_beginning(process).kill()  # what the kernel does when memory has run out
            wait_for(process, log, "SIGKILL")
        wait_for(process, log, ENDED, times=2)
        job = stopped_at_its_beginning(process)
        jobs = jobs_of(process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        job.resume()
        wait_for_the_end_of(jobs)
    process, log = start(workplace)
    assert process.wait() == 0, log.read_text()

    (parent,), trials = tracked()
    assert (parent.info.status, parent.data.tags["faceline.kind"]) == ("FINISHED", "sweep")
    ended = [run for run in trials if run.info.status == "FINISHED"]
    assert len(ended) == WANTED
    searched = ("model.lr", "data.batch_size", "model.backbone.width")
    assert len({tuple(run.data.params[name] for name in searched) for run in ended}) == WANTED
    assert all("best_val/nme" in run.data.metrics or run.data.tags.get("faceline.pruned") for run in ended)
    numbers = [run.data.tags["faceline.trial"] for run in trials]
    assert len(set(numbers)) == len(numbers)
    assert {run.info.status for run in trials} <= {"FINISHED", "FAILED", "KILLED"}
    reasons = Counter(
        word
        for run in trials
        if run.info.status != "FINISHED"
        for word in ("out of memory;", "needs more than", "SIGKILL", "the sweep ended")
        if word in run.data.tags["faceline.error"]
    )
    assert all(reasons[word] for word in ("out of memory;", "needs more than", "SIGKILL", "the sweep ended"))
    assert sum(reasons.values()) == len(trials) - WANTED, [run.data.tags.get("faceline.error") for run in trials]
    folders = [path.name for path in (workplace / "mlruns" / "sweeps").glob("*/*") if path.is_dir()]
    assert sorted(folders) == sorted(numbers)
    assert subprocess.run(COMMAND, cwd=workplace, check=False).returncode == 0  # nothing is left to do
    assert len(tracked()[1]) == len(trials)
