import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from faceline.errors import InputError
from faceline.tracking import records
from faceline.tracking.records import checkpoint, download, find_runs, get_run, process_mark, unfinished
from faceline.tracking.runs import tracked_run
from faceline.tracking.store import connect


def test_an_unknown_run_is_told_with_the_nearest(client: MlflowClient) -> None:
    with tracked_run(client, "nearest", "r") as run:
        pass
    wrong = run.id[:-1] + ("0" if run.id[-1] != "0" else "1")
    with pytest.raises(InputError, match=f"no run '{wrong}' in this store; nearest: {run.id}"):
        get_run(client, wrong)
    assert get_run(client, run.id[:12]).id == run.id  # the beginning of one id alone
    with pytest.raises(InputError, match=re.escape('no run "it\'s ../x"')):
        get_run(client, "it's ../x")


def test_an_empty_store_has_no_nearest_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it has no runs"):
        get_run(connect(f"sqlite:///{tmp_path}/mlflow.db", tmp_path), "a" * 32)


def test_runs_are_found_by_experiment_filter_and_order(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PAGE", 2)
    for name, nme in (("a", 0.3), ("b", 0.1), ("c", 0.2), ("d", 0.4), ("e", 0.5)):
        with tracked_run(client, f"found {name in 'de'}", name, tags={"data": "udacity"}) as run:
            run.log_metrics({"test/nme": nme})
    both = ["found False", "found True"]
    order = ["metrics.`test/nme` ASC"]
    assert [run.name for run in find_runs(client, both, order_by=order)] == ["b", "c", "a", "d", "e"]
    assert [run.name for run in find_runs(client, both[:1], order_by=order)] == ["b", "c", "a"]
    assert [run.name for run in find_runs(client, both, "metrics.`test/nme` < 0.15")] == ["b"]
    assert {"a", "e"} <= {run.name for run in find_runs(client, where="tags.data = 'udacity'")}
    with pytest.raises(InputError, match=r"no experiment 'foundd' in this store, it has .*found False"):
        find_runs(client, ["foundd"])


def test_the_newest_unfinished_run_of_a_config(client: MlflowClient) -> None:
    assert unfinished(client, "never seen", "d1") is None
    ids = []
    for digest in ("d1", "d1", "d2"):
        with (
            pytest.raises(KeyboardInterrupt),
            tracked_run(client, "unfinished", "r", tags={"faceline.config_digest": digest}) as run,
        ):
            time.sleep(0.01)
            raise KeyboardInterrupt
        ids.append(run.id)
    with tracked_run(client, "unfinished", "done", tags={"faceline.config_digest": "d1"}):
        pass
    found = unfinished(client, "unfinished", "d1")
    assert found is not None
    assert (found.id, found.status) == (ids[1], "KILLED")
    assert unfinished(client, "unfinished", "d3") is None


@pytest.mark.parametrize(
    ("mark", "open_"),
    [
        (process_mark(), True),
        (f"{psutil.Process().pid}:1.0", False),  # the number is used again
        ("999999999:1.0", False),
        (None, False),
    ],
    ids=["this process", "its number is used again", "no such process", "not known"],
)
def test_a_run_is_open_while_its_process_lives(client: MlflowClient, mark: str | None, open_: bool) -> None:
    experiment = f"open {mark} {open_}".replace(".", "_").replace(":", "_")
    tags = {"faceline.config_digest": "d"} | ({"faceline.process": mark} if mark else {})
    experiment_id = client.create_experiment(experiment, artifact_location="/nowhere")
    run = client.create_run(experiment_id, tags=tags)
    found = unfinished(client, experiment, "d")
    assert (None if found is None else found.id) == (None if open_ else run.info.run_id)


def test_what_was_not_logged_is_told(client: MlflowClient) -> None:
    with tracked_run(client, "missing", "r") as run:
        pass
    record = get_run(client, run.id)
    with pytest.raises(InputError, match=f"run {run.id} has no artifact 'test/frames.csv'"):
        download(record, "test/frames.csv")
    with pytest.raises(InputError, match=r"has no artifact 'config.yaml'"):
        _ = record.config


def test_artifacts_under_a_plain_path(client: MlflowClient, tmp_path: Path) -> None:
    experiment_id = client.create_experiment("plain path", artifact_location=str(tmp_path / "x"))
    run = client.create_run(experiment_id)
    client.log_text(run.info.run_id, "hello", "a.txt")
    file = download(get_run(client, run.info.run_id), "a.txt")
    assert file.read_text() == "hello"
    assert file.is_relative_to(tmp_path / "x")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Address of an MLflow server that keeps the artifacts to itself."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    connect(f"sqlite:///{tmp_path}/server/mlflow.db", tmp_path)
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/server/mlflow.db"]
    command += ["--artifacts-destination", str(tmp_path / "server" / "artifacts")]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _patient_connect(uri: str, root: Path) -> MlflowClient:
    deadline = time.monotonic() + 120
    while True:
        try:
            return connect(uri, root)
        except InputError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@pytest.mark.slow
def test_a_run_on_a_server(server: str, tmp_path: Path) -> None:
    client = _patient_connect(server, tmp_path)
    (tmp_path / "best.ckpt").write_bytes(b"weights")
    with tracked_run(client, "remote", "r") as run:
        run.log_config({"seed": 1})
        run.log_metrics({"val/nme": 0.1}, step=2)
        run.log_model("best", tmp_path / "best.ckpt", {"test/nme": 0.2}, {"backbone": "cnn"})
    (record,) = find_runs(client, ["remote"])
    assert (record.status, record.config, record.metrics["val/nme"]) == ("FINISHED", {"seed": 1}, 0.1)
    assert checkpoint(record, "best").read_bytes() == b"weights"
    assert not (tmp_path / "mlruns").exists()
    with pytest.raises(InputError, match=r"has no artifact 'gone\.txt'"):
        download(record, "gone.txt")
    with pytest.raises(InputError, match="no run 'abc'"):
        get_run(client, "abc")
