"""More than one machine, as far as one machine can show it: submitit, Ray, a shared server on PostgreSQL."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.sweeps.conftest import PARENT, TINY, TRAINING

from faceline.cli import main
from faceline.sweeps import local
from faceline.tracking.runs import tracked_run
from faceline.tracking.store import connect

pytestmark = pytest.mark.slow

WRITERS, RUNS = 8, 3


def two_finished(tracked: Callable) -> None:
    (parent,), trials = tracked()
    assert [run.info.status for run in (parent, *trials)] == ["FINISHED"] * 3
    assert {run.data.tags[PARENT] for run in trials} == {parent.info.run_id}
    assert len({run.data.params["model.lr"] for run in trials}) == 2


def test_a_search_by_jobs_of_submitit(workplace: Path, tracked: Callable) -> None:
    pytest.importorskip("submitit", reason="an extra: faceline[slurm]")
    assert main(["train", *TINY, "sweep.trials=2", "launcher=submitit_local", "hydra.launcher.timeout_min=30"]) == 0
    two_finished(tracked)


def test_a_search_on_a_ray_cluster_of_two_workers(workplace: Path, tracked: Callable) -> None:
    pytest.importorskip("ray", reason="an extra: faceline[ray]")
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        address = f"hydra.launcher.address={cluster.address}"
        assert main(["train", *TINY, "sweep.trials=2", "launcher=ray", address]) == 0
    finally:
        cluster.shutdown()
    two_finished(tracked)


def test_one_training_on_two_machines(workplace: Path, tracked: Callable) -> None:
    own = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "-m", "faceline", "train", *TRAINING, "trainer=ddp_sim"]
    command += ["trainer.devices=1", "+trainer.num_nodes=2"]
    machines = [
        subprocess.Popen(command, env={**os.environ, **own, "NODE_RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    errors = [machine.communicate()[1] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], errors
    (run,), _ = tracked()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["test/nme"] > 0


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A cluster of its own, by a user who is not root, as PostgreSQL asks for."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("initdb") or "/").parent]
    if not (programs[-1] / "initdb").is_file():
        pytest.skip("no PostgreSQL: apt install postgresql")
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


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def mlflow_server(folder: Path, store: str) -> Iterator[str]:
    """MLflow's server on a database."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = ["server", "--backend-store-uri", store, "--artifacts-destination", str(folder), "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command, "--workers", "2"], stdout=log, stderr=log, cwd=folder
        )
    try:
        until = time.monotonic() + 240
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2):
                break
            assert server.poll() is None and time.monotonic() < until, (folder / "server.log").read_text()
            time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(60)


def write(address: str, writer: int) -> None:
    """What a training logs, in short."""
    client = connect(address, Path())
    for i in range(RUNS):
        with tracked_run(client, "shared", f"writer {writer}", tags={"writer": writer}) as run:
            run.log_params({"i": i})
            for epoch in range(5):
                run.log_metrics({"val/nme": writer + epoch / 10}, epoch)
            run.log_text("kept", "notes.txt")


def test_eight_processes_write_to_a_shared_server_on_postgresql(workplace: Path) -> None:
    pytest.importorskip("psycopg", reason="an extra: faceline[postgresql]")
    with postgresql() as store, mlflow_server(workplace, store) as address:
        local.warm_up()
        context = get_context("forkserver")
        writers = [context.Process(target=write, args=(address, i)) for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0] * WRITERS
        client = MlflowClient(address)
        shared = client.get_experiment_by_name("shared")
        runs = client.search_runs([shared.experiment_id])
        assert len(runs) == WRITERS * RUNS
        for run in runs:
            assert run.info.status == "FINISHED"
            history = client.get_metric_history(run.info.run_id, "val/nme")
            assert [point.value for point in history] == [int(run.data.tags["writer"]) + e / 10 for e in range(5)]
            assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["notes.txt"]
