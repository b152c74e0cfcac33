import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from faceline.errors import InputError
from faceline.tracking.store import connect, experiment, store_errors

START = """
import sys
from pathlib import Path
from faceline.tracking.store import connect, experiment
client = connect(None, Path(sys.argv[1]))
client.create_run(experiment(client, "shared"), run_name=sys.argv[2])
"""


TOGETHER = """
import multiprocessing, sys
from pathlib import Path
from faceline.tracking.store import connect, experiment

def start(number):
    barrier.wait()
    client = connect(None, Path(sys.argv[1]))
    client.create_run(experiment(client, "shared"), run_name=f"run {number}")

fork = multiprocessing.get_context("fork")
barrier = fork.Barrier(4)
processes = [fork.Process(target=start, args=(number,)) for number in range(4)]
for process in processes:
    process.start()
for process in processes:
    process.join()
sys.exit(sum(process.exitcode for process in processes))
"""


@pytest.fixture(autouse=True)
def _no_store_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store was made by four processes that started at once."""
    root = tmp_path_factory.mktemp("fresh")
    process = _process(TOGETHER, root)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return root


def _process(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _message(uri: str | None, root: Path) -> str:
    with pytest.raises(InputError) as caught:
        connect(uri, root)
    message = str(caught.value)
    assert "\n" not in message
    return message


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_four_processes_start_on_a_fresh_store(ready: Path) -> None:
    client = connect(None, ready)
    found = client.get_experiment_by_name("shared")
    names = {run.info.run_name for run in client.search_runs([found.experiment_id])}
    assert names == {f"run {i}" for i in range(4)}
    assert (ready / "mlruns" / "mlflow.db").is_file()


def test_a_second_connection_leaves_the_store_as_it_is(ready: Path) -> None:
    before = (ready / "mlruns" / "mlflow.db").read_bytes()
    connect(None, ready)
    assert (ready / "mlruns" / "mlflow.db").read_bytes() == before


def test_artifacts_lie_beside_the_store_wherever_it_is(client: MlflowClient) -> None:
    folder = Path(client.tracking_uri.removeprefix("sqlite:///")).parent
    run = client.create_run(experiment(client, "artifacts"))
    client.log_text(run.info.run_id, "hello", "a/b.txt")
    assert [file.read_text() for file in folder.glob("artifacts/**/b.txt")] == ["hello"]
    assert sorted(entry.name for entry in folder.parent.iterdir()) == ["mlruns"]
    assert list(folder.glob("*partial*")) == []


def test_an_experiment_is_created_once(client: MlflowClient) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(experiment(client, "wanted by all"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_deleted_experiment_is_told(client: MlflowClient) -> None:
    client.delete_experiment(experiment(client, "gone"))
    with pytest.raises(InputError, match="'gone' was deleted: restore"):
        experiment(client, "gone")


def test_the_environment_names_the_store(ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"sqlite:///{ready}/mlruns/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert connect(None, tmp_path).tracking_uri == address
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="'elsewhere'"):
        connect("elsewhere", tmp_path)


def test_a_relative_address_is_bound_to_the_working_folder(
    ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ready)
    assert connect("sqlite:///mlruns/mlflow.db", tmp_path).tracking_uri == f"sqlite:///{ready}/mlruns/mlflow.db"


def test_a_killed_set_up_leaves_nothing_that_looks_done(tmp_path: Path) -> None:
    root = tmp_path / "killed"
    partial = root / "mlruns" / ".mlflow.db.partial"
    process = _process(START, root, "never")
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert partial.exists()
    assert not (root / "mlruns" / "mlflow.db").exists()

    connect(None, root).search_experiments()
    assert sorted(file.name for file in (root / "mlruns").iterdir()) == [".mlflow.db.lock", "mlflow.db"]


@contextmanager
def _files_up_to(size: int) -> Iterator[None]:
    """What a full disk does: writing beyond this size fails."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_leaves_no_store(tmp_path: Path) -> None:
    with _files_up_to(100_000):
        message = _message(None, tmp_path)
    assert "cannot be used" in message
    assert [file.name for file in (tmp_path / "mlruns").iterdir()] == [".mlflow.db.lock"]


def test_an_empty_file_becomes_a_store(ready: Path, tmp_path: Path) -> None:
    file = tmp_path / "mlruns" / "mlflow.db"
    file.parent.mkdir()
    file.touch()
    assert connect(None, tmp_path).get_experiment_by_name("Default") is not None
    assert file.stat().st_size > 0


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mlruns").write_text("in the way")
    assert "File exists" in _message(None, tmp_path)
    assert (tmp_path / "mlruns").read_text() == "in the way"


def test_a_folder_that_nobody_can_make() -> None:
    assert "/proc/mlruns" in _message(None, Path("/proc"))


@pytest.mark.parametrize("content", [b"not a database at all", os.urandom(5000)])
def test_what_is_no_database_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    assert "file is not a database" in _message(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    assert (tmp_path / "mlflow.db").read_bytes() == content


def test_another_programs_database_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    before = file.read_bytes()
    assert "expected an MLflow store" in _message(f"sqlite:///{file}", tmp_path)
    assert file.read_bytes() == before


def test_a_store_of_a_newer_mlflow_is_told(ready: Path, tmp_path: Path) -> None:
    file = shutil.copy(ready / "mlruns" / "mlflow.db", tmp_path / "mlflow.db")
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    assert "out-of-date database schema" in _message(f"sqlite:///{file}", tmp_path)


def test_a_folder_as_database(tmp_path: Path) -> None:
    assert "unable to open database file" in _message(f"sqlite:///{tmp_path}", tmp_path)


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "ftp://host/x", "sqlite3:///a.db"])
def test_what_is_no_address_is_refused(uri: str, tmp_path: Path) -> None:
    message = _message(uri, tmp_path)
    assert repr(uri) in message
    assert "sqlite:" in message


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:", "sqlite:////tmp/a%20b.db"])
def test_a_database_without_a_plain_file_is_refused(uri: str, tmp_path: Path) -> None:
    assert "expected sqlite:///<file>" in _message(uri, tmp_path)


@pytest.mark.parametrize("scheme", ["http", "https", "postgresql", "mysql+pymysql"])
def test_a_server_that_is_not_there_is_told_soon_and_without_the_password(scheme: str, tmp_path: Path) -> None:
    start = time.monotonic()
    message = _message(f"{scheme}://me:secret@127.0.0.1:{_closed_port()}/x", tmp_path)
    assert time.monotonic() - start < 60  # MLflow's own client tries for minutes
    assert "Connection refused" in message
    assert "secret" not in message
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_its_driver_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        message = _message(f"postgresql+nodriver://127.0.0.1:{server.getsockname()[1]}/x", tmp_path)
    assert "nodriver" in message


@pytest.fixture
def silent_server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_server_that_never_answers_is_given_up(
    silent_server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.setattr("faceline.tracking.store.ANSWER_SECONDS", 2)
    start = time.monotonic()
    assert "timed out" in _message(f"http://127.0.0.1:{silent_server}", tmp_path)
    assert time.monotonic() - start < 60  # MLflow's own client tries for minutes
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_errors_of_the_disk_become_one_line() -> None:
    with pytest.raises(InputError, match="No space left"), store_errors("sqlite:////x.db"):
        raise OSError(28, "No space left on device")


def test_a_disk_that_fills_up_later_is_told(ready: Path, tmp_path: Path) -> None:
    shutil.copytree(ready / "mlruns", tmp_path / "mlruns")
    client = connect(None, tmp_path)
    size = (tmp_path / "mlruns" / "mlflow.db").stat().st_size
    with _files_up_to(size + 8192), pytest.raises(InputError) as caught:
        for number in range(200):
            experiment(client, f"name {number} {'x' * 400}")
    assert "\n" not in str(caught.value)
    experiment(client, "there is room again")


def test_no_telemetry_and_no_torch() -> None:
    code = (
        "import os, sys, faceline.tracking.runs\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "print('torch' in sys.modules, os.environ['DO_NOT_TRACK'], is_telemetry_disabled())\n"
    )
    printed, errors = _process(code).communicate(timeout=60)
    assert (printed, errors) == ("False true True\n", "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("disk full\nand more"), "disk full"),
        (sqlite3.OperationalError(""), "OperationalError"),
        (MlflowException("no answer from ada:secret@host"), "no answer from ***@host"),
        (OSError("x" * 400), "x" * 300),
    ],
)
def test_an_error_of_the_store_is_told_in_one_line_without_secrets(error: Exception, reason: str) -> None:
    with pytest.raises(InputError) as told, store_errors("postgresql://ada:secret@host/db"):
        raise error
    assert str(told.value) == (
        f"key 'tracking.uri': the tracking store postgresql://***@host/db cannot be used: {reason}; "
        "check the address, free space and permissions"
    )
