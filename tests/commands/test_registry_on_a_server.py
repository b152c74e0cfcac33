"""Promotion and cleaning on an MLflow server that keeps the artifacts too, and checks where models come from."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient
from tests.recorded import landmark_frames, landmark_run

from faceline.cli import main
from faceline.tracking.records import RunRecord, get_run, model_file
from faceline.tracking.registry import MODEL_ID, named_version
from faceline.tracking.runs import Run
from faceline.tracking.store import connect


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Address of a server of the test's own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--artifacts-destination", f"{tmp_path}/kept"]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen([*command, *store], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 300
        while time.monotonic() < until and process.poll() is None:
            try:
                urlopen(f"{address}/health", timeout=5).close()
                break
            except (URLError, OSError):
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait()


def made(client: MlflowClient, val: float, status: str = "FINISHED") -> RunRecord:
    run, table = landmark_run(client, "landmarks", "m"), landmark_frames(val)
    opened, file = Run(client, run.id), Path("best.ckpt")
    opened.log_metrics({"best_val/nme": table["nme"].mean()})
    opened.log_text(table.to_csv(index=False), "val/frames.csv")
    file.write_text(run.id)
    opened.log_model("best", file, metrics={}, params={})
    client.set_terminated(run.id, status)
    return get_run(client, run.id)


@pytest.mark.slow
def test_a_server_takes_part(server: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client, at = connect(server, workplace), f"tracking.uri={server}"
    first, better, failed = made(client, 0.06), made(client, 0.04), made(client, 0.05, "FAILED")
    assert first.artifact_uri.startswith("mlflow-artifacts:")
    for run in (first, better):
        assert main(["promote", f"run_id={run.id}", at]) == 0
    assert main(["rollback", at]) == 0
    champion = named_version(client, "champion")
    assert champion is not None and champion.run_id == first.id
    assert model_file(client, champion.tags[MODEL_ID]).read_text() == first.id
    assert main(["runs", "delete", "yes=true", at]) == 0
    assert main(["runs", "clean", "yes=true", at]) == 0
    assert "removed: " in capsys.readouterr().out
    assert client.list_artifacts(failed.id) == []
    assert {file.path for file in client.list_artifacts(first.id)} >= {"val", "test"}
    assert main(["runs", "clean", at]) == 0
    assert "no deleted run has left anything" in capsys.readouterr().out
