"""A store that is copied, moved or unpacked elsewhere keeps, reads, writes and cleans its own files alone."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from faceline.cli import main
from faceline.errors import InputError
from faceline.tracking.records import RunRecord, checkpoint, download, find_runs, get_run
from faceline.tracking.reproduction import provenances
from faceline.tracking.runs import tracked_run
from faceline.tracking.store import connect


@pytest.fixture(autouse=True)
def _no_store_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store and two runs, each with a config, a provenance and a model."""
    root = tmp_path_factory.mktemp("made") / "first é place"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name in ("one", "two"):
            record_run(root, name)
    return root


@pytest.fixture
def original(made_once: Path, tmp_path: Path) -> Path:
    """A store of the test's own, as if it had been made where it is."""
    root = tmp_path / "a"
    shutil.copytree(made_once, root)
    connect(None, root)
    return root


def record_run(root: Path, name: str) -> str:
    client = connect(None, root)
    with tracked_run(client, "landmarks", name) as run:
        run.log_text(f"name: {name}\n", "config.yaml")
        run.log_dict({"commit": name}, "provenance/1.json")
        work = root / "mlruns" / "runs" / run.id
        work.mkdir(parents=True)
        (work / "best.ckpt").write_bytes(name.encode())
        run.log_model("best", work / "best.ckpt", {"test/nme": 0.05}, {})
    client.create_registered_model(name) if not client.search_registered_models(f"name = '{name}'") else None
    return run.id


def runs(root: Path) -> dict[str, RunRecord]:
    return {run.name: run for run in find_runs(connect(None, root))}


def files(root: Path) -> dict[str, bytes]:
    """Every file below a folder but those of the database."""
    found = (file for file in root.rglob("*") if file.is_file() and "mlflow.db" not in file.name)
    return {str(file.relative_to(root)): file.read_bytes() for file in found}


def copied(root: Path) -> Path:
    shutil.copytree(root, root.with_name("b"))
    return root.with_name("b")


def renamed(root: Path) -> Path:
    return root.rename(root.with_name("moved here"))


def zipped(root: Path) -> Path:
    archive = shutil.make_archive(str(root.with_name("packed")), "zip", root)
    shutil.rmtree(root)
    shutil.unpack_archive(archive, root.with_name("another machine"))
    return root.with_name("another machine")


@pytest.mark.parametrize("way", [copied, renamed, zipped])
def test_everything_is_found_where_the_store_is_now(original: Path, way: Callable[[Path], Path]) -> None:
    place = way(original)
    shutil.rmtree(original, ignore_errors=True)
    for name, run in runs(place).items():
        for file in (download(run, "config.yaml"), checkpoint(run, "best")):
            assert file.is_relative_to(place)
        assert checkpoint(run, "best").read_text() == name
        assert run.config == {"name": name}
        assert [start["commit"] for start in provenances(run)] == [name]
    assert not original.exists()


@pytest.mark.parametrize("way", [copied, renamed])
def test_mlflow_itself_finds_the_files_after_the_first_command(original: Path, way: Callable[[Path], Path]) -> None:
    place = way(original)
    connect(None, place)
    shutil.rmtree(original, ignore_errors=True)
    client = MlflowClient(f"sqlite:///{place}/mlruns/mlflow.db")
    run = runs(place)["one"]
    file = download_artifacts(run_id=run.id, artifact_path="config.yaml", tracking_uri=client.tracking_uri)
    assert Path(file).read_text() == "name: one\n"
    model = client.get_logged_model(run.tags["faceline.model.best"])
    assert model.artifact_location.startswith(place.as_uri())


@pytest.mark.parametrize("way", [copied, renamed])
def test_new_runs_write_beside_the_store_and_not_to_the_old_place(original: Path, way: Callable[[Path], Path]) -> None:
    before = files(original)
    place = way(original)
    run_id = record_run(place, "three")
    assert checkpoint(get_run(connect(None, place), run_id), "best").is_relative_to(place)
    assert files(original) == (before if way is copied else {})
    assert original.exists() == (way is copied)


def test_cleaning_a_copy_leaves_the_original(
    original: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, copy = files(original), copied(original)
    client = MlflowClient(f"sqlite:///{copy}/mlruns/mlflow.db")  # as on MLflow's page
    (experiment,) = (e.experiment_id for e in client.search_experiments() if e.name == "landmarks")
    gone, _ = client.search_runs([experiment])
    client.delete_run(gone.info.run_id)
    monkeypatch.chdir(copy)
    assert main(["runs", "clean", "yes=true"]) == 0
    assert str(original) not in capsys.readouterr().out
    assert files(original) == before
    left = files(copy)
    assert not any(gone.info.run_id in file for file in left)
    assert len(left) == len(before) / 2


def test_files_that_were_left_behind_are_named_and_kept(
    original: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, database = files(original), original.with_name("b") / "mlruns" / "mlflow.db"
    database.parent.mkdir(parents=True)
    shutil.copy(original / "mlruns" / "mlflow.db", database)  # without its artifacts
    root = original.with_name("b")
    run = runs(root)["one"]
    assert checkpoint(run, "best").is_relative_to(original)  # still found
    run.client.delete_run(run.id)
    monkeypatch.chdir(root)
    assert main(["runs", "clean", "yes=true"]) == 0
    told = capsys.readouterr().out
    assert told.count("is kept, it is not in the folder of this store") == 2
    assert files(original) == before
    record_run(root, "three")  # what is new is beside the store all the same
    assert files(original) == before


def test_a_store_that_is_named_from_elsewhere_leaves_the_working_folders_of_the_store_here(
    original: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, copy = files(original), copied(original)
    run = runs(copy)["one"]
    run.client.delete_run(run.id)
    monkeypatch.chdir(original)
    assert main(["runs", "clean", "yes=true", f"tracking.uri=sqlite:///{copy}/mlruns/mlflow.db"]) == 0
    assert f"runs/{run.id} is kept" in capsys.readouterr().out
    assert files(original) == before


def test_a_link_out_of_the_store_is_not_followed_when_cleaning(
    original: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs(original)["one"]
    folder = original / "mlruns" / "artifacts" / run.id
    elsewhere = folder.rename(original.with_name("disk"))
    folder.symlink_to(elsewhere)
    run.client.delete_run(run.id)
    monkeypatch.chdir(original)
    assert main(["runs", "clean", "yes=true"]) == 0
    assert "is kept" in capsys.readouterr().out
    assert (elsewhere / "artifacts" / "config.yaml").is_file()


def test_a_folder_that_was_chosen_on_purpose_stays_in_use(original: Path, tmp_path: Path) -> None:
    disk = tmp_path / "big disk" / "artifacts"
    disk.mkdir(parents=True)
    client = connect(None, original)
    client.create_experiment("big", artifact_location=disk.as_uri())
    place = renamed(original)
    with tracked_run(connect(None, place), "big", "x") as run:
        run.log_text("here", "a.txt")
    assert [file.read_text() for file in disk.rglob("a.txt")] == ["here"]


def test_a_store_that_is_reached_through_a_link_is_left_as_it_is(original: Path) -> None:
    link = original.with_name("link")
    link.symlink_to(original)
    database = original / "mlruns" / "mlflow.db"
    addresses = "SELECT artifact_uri FROM runs"
    with closing(sqlite3.connect(database)) as connection:
        before = connection.execute(addresses).fetchall()
        connect(None, link)
        assert connection.execute(addresses).fetchall() == before


def test_deleted_artifacts_are_told_in_one_line(original: Path) -> None:
    run = runs(original)["one"]
    shutil.rmtree(original / "mlruns" / "artifacts")
    with pytest.raises(InputError, match="its files were deleted, or left behind") as caught:
        checkpoint(run, "best")
    assert "\n" not in str(caught.value)
