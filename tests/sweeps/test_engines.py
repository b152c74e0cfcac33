"""Several machines, as far as one can show it: Slurm, Ray, torchrun, and a shared server on PostgreSQL."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from tests.engines import mlflow_server, need, postgresql, slurm
from tests.sweeps.conftest import PARENT, TINY, TRAINING

from faceline.benchmarks.serving import free_port
from faceline.cli import main
from faceline.sweeps import local
from faceline.sweeps import slurm as by_slurm
from faceline.tracking.runs import tracked_run
from faceline.tracking.store import connect

pytestmark = [pytest.mark.slow, pytest.mark.engines]

WRITERS, RUNS = 8, 3


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an MLflow server on PostgreSQL."""
    with postgresql() as store, mlflow_server(store) as address:
        yield address


def of_sweep(address: str) -> tuple[list, list]:
    """The sweeps that a store holds, and their trials by number."""
    client = MlflowClient(address)
    runs = list(client.search_runs([each.experiment_id for each in client.search_experiments()]))
    sweeps = [run for run in runs if run.data.tags.get("faceline.kind") == "sweep"]
    trials = [run for run in runs if PARENT in run.data.tags]
    return sweeps, sorted(trials, key=lambda run: int(run.data.tags["faceline.trial"]))


def two_finished(sweeps: list, trials: list) -> None:
    (parent,), finished = sweeps, [run for run in trials if run.info.status == "FINISHED"]
    assert parent.info.status == "FINISHED"
    assert len(finished) == 2
    assert {run.data.tags[PARENT] for run in trials} == {parent.info.run_id}
    assert len({run.data.params["model.lr"] for run in finished}) == 2


def test_slurm_runs_a_sweep_and_loses_a_job(
    workplace: Path, server: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two trials on a real Slurm, tracked by the server; somebody cancels the first, and a third takes its place."""
    need("submitit")
    monkeypatch.setattr(by_slurm, "LOOK", 1.0)
    with slurm() as settings:
        monkeypatch.setenv("SLURM_CONF", str(settings))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        threading.Thread(target=cancel_the_first, daemon=True).start()
        launcher = ["launcher=submitit_slurm", "hydra.launcher.slurm_partition=cpu", "hydra.launcher.timeout_min=30"]
        assert main(["train", *TINY, "sweep.trials=2", "sweep.jobs=1", "sweep.max_failed=1", *launcher]) == 0
    sweeps, trials = of_sweep(server)
    two_finished(sweeps, trials)
    told = capfd.readouterr()
    assert "SLURM has no job 1 any more" in told.out + told.err
    assert "sacct" not in told.out + told.err


def cancel_the_first() -> None:
    while subprocess.run(["squeue", "-h", "-t", "R"], capture_output=True, text=True, check=False).stdout == "":
        time.sleep(0.2)
    subprocess.run(["scancel", "1"], check=True)


def test_jobs_of_submitit_without_a_slurm(workplace: Path, tracked: Callable) -> None:
    need("submitit")
    assert main(["train", *TINY, "sweep.trials=2", "launcher=submitit_local", "hydra.launcher.timeout_min=30"]) == 0
    two_finished(*tracked())


def test_a_search_on_a_ray_cluster_of_two_workers(workplace: Path, tracked: Callable) -> None:
    need("ray")
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
    two_finished(*tracked())


@pytest.mark.parametrize("starter", ["torchrun", "NODE_RANK"])
def test_one_training_on_two_machines(starter: str, workplace: Path, tracked: Callable) -> None:
    port = free_port()
    own = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    rendezvous = ["--nnodes=2", "--nproc-per-node=1", "--master-addr=127.0.0.1", f"--master-port={port}"]

    def command(rank: int) -> list[str]:
        module = ["-m", "faceline", "train", *TRAINING, "trainer=ddp_sim"]
        module += ["trainer.devices=1", "+trainer.num_nodes=2"]
        by_torch = ["-m", "torch.distributed.run", *rendezvous, f"--node-rank={rank}"]
        return [sys.executable, *(by_torch if starter == "torchrun" else []), *module]

    machines = [
        subprocess.Popen(
            command(rank),
            env={**os.environ, **({} if starter == "torchrun" else {**own, "NODE_RANK": str(rank)})},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [machine.communicate()[1] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], errors
    (run,), _ = tracked()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["test/nme"] > 0


def write(address: str, writer: int, one_by_one: Any) -> None:
    """What a training logs, in short. Only the first answer has to come soon, so they do not ask for it at once."""
    with one_by_one:
        client = connect(address, Path())
    for i in range(RUNS):
        with tracked_run(client, "shared", f"writer {writer}", tags={"writer": writer}) as run:
            run.log_params({"i": i})
            for epoch in range(5):
                run.log_metrics({"val/nme": writer + epoch / 10}, epoch)
            run.log_text("kept", "notes.txt")


def test_eight_processes_write_to_a_shared_server(workplace: Path, server: str) -> None:
    local.warm_up()
    context = get_context("forkserver")
    door = context.Lock()
    writers = [context.Process(target=write, args=(server, i, door)) for i in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    client = MlflowClient(server)
    shared = client.get_experiment_by_name("shared")
    runs = client.search_runs([shared.experiment_id])
    assert len(runs) == WRITERS * RUNS
    for run in runs:
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "val/nme")
        assert [point.value for point in history] == [int(run.data.tags["writer"]) + e / 10 for e in range(5)]
        assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["notes.txt"]
