"""What other programs do for a training on several machines, started here: Slurm, PostgreSQL, a server of MLflow.

Each leaves nothing behind. A program that is not installed skips a test, except under ``make engines``, which sets
FACELINE_ENGINES: there it fails.
"""

import contextlib
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from faceline.benchmarks.serving import free_port

SLURM = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MailProg=/bin/true
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
"""One controller and one node, without accounting: then ``sacct`` answers nothing, as on many small clusters."""

PATIENCE = 300
"""Seconds that a program may take to start on a busy machine."""


def missing(what: str, how: str) -> None:
    """End the test: skipped, or failed where engines were asked for."""
    (pytest.fail if os.environ.get("FACELINE_ENGINES") else pytest.skip)(f"no {what}: {how}")


def need(package: str) -> None:
    """End the test where a Python package is not installed."""
    if find_spec(package) is None:
        missing(package, "pip install -r requirements-dev.lock")


def until(ready: Callable[[], bool], process: subprocess.Popen, log: Path) -> None:
    """Wait for a program that was started."""
    end = time.monotonic() + PATIENCE
    while not ready():
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.3)


@contextlib.contextmanager
def running(command: list[str | Path], log: Path, **given: object) -> Iterator[subprocess.Popen]:
    """A program for the time of the block."""
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, **given)
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


@contextlib.contextmanager
def slurm() -> Iterator[Path]:
    """A Slurm of one node on loopback; yields its file of settings, which SLURM_CONF has to name."""
    for program in ("munged", "slurmctld", "slurmd", "sbatch"):
        if shutil.which(program) is None:
            missing(program, "apt install slurm-wlm munge")
    with tempfile.TemporaryDirectory(prefix="slurm", ignore_cleanup_errors=True) as name, contextlib.ExitStack() as on:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("state", "spool"):
            (folder / each).mkdir()
        key, settings = folder / "munge.key", folder / "slurm.conf"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(1024))
        host, cores = socket.gethostname().partition(".")[0], len(os.sched_getaffinity(0))
        ports = {"controller": free_port(), "node": free_port()}
        settings.write_text(SLURM.format(host=host, folder=folder, cores=cores, user=getpass.getuser(), **ports))
        own = [f"--{each}={folder}/munge.{each}" for each in ("socket", "pid-file", "log-file", "seed-file")]
        munged = ["munged", "--foreground", "--force", f"--key-file={key}", *own]
        log = folder / "munged.log"
        until((folder / "munge.socket").exists, on.enter_context(running(munged, log)), log)
        environment = {**os.environ, "SLURM_CONF": str(settings)}
        for program in ("slurmctld", "slurmd"):
            log = folder / f"{program}.log"
            process = on.enter_context(running([program, "-D", "-f", settings], log, env=environment))
        asked = ["sinfo", "--noheader", "--format=%t"]

        def idle() -> bool:
            told = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
            return told.stdout.strip() == "idle"

        until(idle, process, log)
        yield settings


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A database of its own, by a user who is not root, as PostgreSQL asks for; yields its address."""
    need("psycopg")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("initdb") or "/").parent]
    if not (programs[-1] / "initdb").is_file():
        missing("PostgreSQL", "apt install postgresql")
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    # Not below the folder of pytest: another session of root makes that its own, and nobody else's.
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as name:
        folder, port, program = Path(name), free_port(), programs[-1]
        if user:
            shutil.chown(folder, "nobody", "nogroup")

        def run(*command: str | Path) -> None:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, **user)

        run(program / "initdb", "-D", folder / "data", "-A", "trust", "-U", "faceline")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        control = (program / "pg_ctl", "-D", folder / "data")
        run(*control, "-o", options, "-w", "-l", folder / "log", "start")
        try:
            yield f"postgresql+psycopg://faceline@127.0.0.1:{port}/postgres"
        finally:
            run(*control, "-m", "immediate", "stop")


@contextlib.contextmanager
def mlflow_server(store: str) -> Iterator[str]:
    """MLflow's server on a database; yields its address."""
    with tempfile.TemporaryDirectory(prefix="mlflow", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        address, log = f"http://127.0.0.1:{port}", folder / "server.log"
        command = ["-m", "mlflow", "server", "--backend-store-uri", store, "--artifacts-destination", f"{folder}/kept"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "2"]

        def answers() -> bool:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
                return True
            return False

        with running([sys.executable, *command], log, cwd=folder) as server:
            until(answers, server, log)
            yield address
