"""`faceline runs`: listing, deleting what came to nothing, and removing files, without touching what others need."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.recorded import landmark_run

from faceline.cli import main
from faceline.tracking import records
from faceline.tracking.comparison import terms_of
from faceline.tracking.records import RunRecord, get_run, is_lost
from faceline.tracking.registry import register
from faceline.tracking.runs import Run, tracked_run
from faceline.tracking.store import connect


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store; to make one takes seconds."""
    folder = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        connect(None, folder)
    return folder


@pytest.fixture
def client(empty: Path, workplace: Path) -> MlflowClient:
    """A store of the test's own in the current folder."""
    shutil.copytree(empty / "mlruns", workplace / "mlruns")
    return connect(None, workplace)


def made(client: MlflowClient, status: str = "FINISHED", name: str = "m", model: bool = True, **tags: str) -> RunRecord:
    """A run with a working folder, a model and an end of this kind."""
    run = landmark_run(client, "landmarks", name, tags=tags)
    client.log_metric(run.id, "best_val/nme", 0.0512)
    place = Path("mlruns", "runs", run.id)
    place.mkdir(parents=True)
    (place / "best.ckpt").write_bytes(b"x" * 1000)
    if model:
        Run(client, run.id).log_model("best", place / "best.ckpt", metrics={}, params={})
    client.set_terminated(run.id, status)
    return get_run(client, run.id)


def left(client: MlflowClient) -> set[str]:
    """Ids of the runs that are not deleted."""
    return {run.info.run_id for run in client.search_runs([e.experiment_id for e in client.search_experiments()])}


def files_of(run: RunRecord) -> list[Path]:
    """Where a run's files are: artifacts, model, working folder."""
    model = run.client.get_logged_model(run.tags["faceline.model.best"])
    places = [run.artifact_uri, str(model.artifact_location)]
    return [*(Path(place.removeprefix("file://")) for place in places), Path("mlruns", "runs", run.id)]


def test_the_list_has_what_matters(client: MlflowClient, capsys) -> None:
    made(client, name="resnet18")
    made(client, "FAILED", name="cnn", **{"faceline.error": "InputError: the disk is full"})
    original = made(client, name="cnn", **{"mlflow.parentRunId": "5weeb" * 6})
    made(
        client, name="again", **{"faceline.reproduces": original.id, "faceline.identical": "True", "tag.trial": "true"}
    )
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    order = [line.split()[1] for line in lines if "synthetic" in line]
    assert order == ["again", "cnn", "cnn", "resnet18"]  # newest first
    assert f"reproduces {original.id[:8]}, trial" in out
    assert "failed" in out and "InputError: the disk is full" in out
    assert "NME 5.12%" in out and "of 5weeb5we" in out
    assert "4 of 4 runs" in lines[-1]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["status=failed"], {"b"}),
        (["match=a"], {"a"}),
        (["match=[landmarks,person_disjoint]"], {"c"}),
        (["tags=[trial]"], {"c"}),
        (["tracking.experiment=landmarks", "status=finished"], {"a", "c"}),
        (["newer_than=1h"], {"a", "b", "c"}),
        (["older_than=1h"], set()),
        (["match=identification"], set()),
    ],
)
def test_the_list_is_filtered(client: MlflowClient, capsys, wanted: list[str], found: set[str]) -> None:
    made(client, name="a", model=False)
    made(client, "FAILED", name="b", model=False)
    made(client, name="c", model=False, **{"protocol": "person_disjoint", "tag.trial": "true"})
    assert main(["runs", *wanted]) == 0
    out = capsys.readouterr().out
    assert {line.split()[1] for line in out.splitlines() if "synthetic" in line} == found
    assert f"{len(found)} of 3 runs" in out


@pytest.mark.parametrize("given", ["h", "12", "1.5h", "-3d", "4y"])
def test_a_time_that_is_none_is_refused(client: MlflowClient, capsys, given: str) -> None:
    assert main(["runs", f"older_than={given}"]) == 2
    error = capsys.readouterr().err
    assert "older_than: " in error and "a time such as 90m, 12h, 7d or 4w" in error and error.count("\n") == 1


def test_more_than_the_limit_is_said(client: MlflowClient, capsys) -> None:
    for _ in range(3):
        made(client, model=False)
    assert main(["runs", "limit=2"]) == 0
    assert "3 of 3 runs, 1 more with limit=3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs", "newer_than=soon"], "newer_than: expected a time such as 90m, 12h, 7d or 4w"),
        (["runs", "status=lost"], "status: expected finished, failed, killed or running"),
        (
            ["runs", "delet"],
            "runs delet: no such verb; did you mean delete?; see faceline runs --help",
        ),
        (["runs", "delete", "status=finished"], "status: expected failed or killed"),
        (["runs", "delete", "run_ids=[f00]"], "no run 'f00' in this store"),
        (["runs", "delete", "run_ids=[300451e12166]"], "no run '300451e12166' in this store"),
        (["runs", "delete", "run_ids=[123456789012, f00]"], "no run '123456789012' in this store"),
        (["runs", "tracking.experiment=none"], "no experiment 'none'"),
    ],
)
def test_mistakes_are_told_in_one_line(client: MlflowClient, capsys, arguments: list[str], words: str) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_only_what_failed_or_was_killed_is_deleted(client: MlflowClient, capsys) -> None:
    failed, killed, finished = (made(client, status) for status in ("FAILED", "KILLED", "FINISHED"))
    assert main(["runs", "delete"]) == 2
    assert "nothing was removed: add yes=true to delete 2 runs" in capsys.readouterr().err
    assert left(client) == {failed.id, killed.id, finished.id}
    assert main(["runs", "delete", "yes=true"]) == 0
    assert left(client) == {finished.id}
    assert all(file.exists() for run in (failed, killed) for file in files_of(run))  # can be brought back
    assert main(["runs", "delete", "yes=true"]) == 0
    assert "no failed or killed run to delete" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "deleted"), [("y", True), ("", False), ("what?", False)])
def test_a_person_is_asked(client: MlflowClient, monkeypatch: pytest.MonkeyPatch, answer: str, deleted: bool) -> None:
    run = made(client, "FAILED", model=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert main(["runs", "delete"]) == 0
    assert (run.id not in left(client)) == deleted


def test_a_run_that_is_named_but_kept_has_its_reason_told(client: MlflowClient, capsys) -> None:
    finished = made(client)
    sweep = made(client, "KILLED", name="sweep")
    made(client, name="trial", **{"mlflow.parentRunId": sweep.id})
    failed = made(client, "FAILED")
    ids = ",".join(run.id[:12] for run in (finished, sweep, failed))
    assert main(["runs", "delete", f"run_ids=[{ids}]", "yes=true"]) == 0
    out = capsys.readouterr().out
    assert f"run {finished.id} is kept: it is FINISHED" in out
    assert f"run {sweep.id} is kept: other runs belong to it" in out
    assert failed.id not in left(client) and {finished.id, sweep.id} <= left(client)


def test_other_peoples_runs_are_neither_listed_nor_deleted(client: MlflowClient, capsys) -> None:
    theirs = client.create_run(client.create_experiment("theirs"))
    client.set_terminated(theirs.info.run_id, "FAILED")
    beside = client.create_run(landmark_experiment(client))  # in our own experiment
    client.set_terminated(beside.info.run_id, "FAILED")
    client.log_text(beside.info.run_id, "precious", "note.txt")
    assert main(["runs"]) == 0
    assert "2 more in this store were not made by faceline" in capsys.readouterr().out
    assert main(["runs", "delete", "yes=true"]) == 0
    assert main(["runs", "delete", f"run_ids=[{theirs.info.run_id}]", "yes=true"]) == 0
    assert "is kept: it was not made by faceline" in capsys.readouterr().out
    assert {theirs.info.run_id, beside.info.run_id} <= left(client)
    client.delete_run(beside.info.run_id)
    assert main(["runs", "clean", "yes=true"]) == 0
    assert (Path(beside.info.artifact_uri.removeprefix("file://")) / "note.txt").read_text() == "precious"


def landmark_experiment(client: MlflowClient) -> str:
    made(client)
    experiment = client.get_experiment_by_name("landmarks")
    assert experiment is not None
    return str(experiment.experiment_id)


WRITER = """
import sys, time
from pathlib import Path
from faceline.tracking.runs import tracked_run
from faceline.tracking.store import connect
with tracked_run(connect(None, Path()), "landmarks", "running") as run:
    print(run.id, flush=True)
    time.sleep(600)
"""


def test_a_running_run_is_kept_and_a_killed_one_is_not(client: MlflowClient, capsys) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    assert main(["runs", "delete", f"run_ids=[{run_id}]", "yes=true"]) == 0
    assert "it is running" in capsys.readouterr().out
    client.delete_run(run_id)  # somebody else does: its files are still being written
    assert main(["runs", "clean", "yes=true"]) == 0
    assert "no deleted run has left anything" in capsys.readouterr().out
    client.restore_run(run_id)
    process.kill()
    process.wait()
    assert main(["runs", "status=killed"]) == 0
    assert "running" in capsys.readouterr().out  # its name
    assert main(["runs", "delete", "yes=true"]) == 0
    assert run_id not in left(client)


def test_a_run_of_another_machine_is_not_known_to_be_dead(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(records, "process_mark", lambda: f"1:{time.time() - 9e5:.1f}:elsewhere")
        patch.setattr("faceline.tracking.runs.process_mark", records.process_mark)
        with tracked_run(client, "landmarks", "far away") as run:
            pass
    client.update_run(run.id, status="RUNNING")
    assert not is_lost(get_run(client, run.id))
    assert main(["runs", "delete", "yes=true"]) == 0
    assert run.id in left(client)


def test_files_of_deleted_runs_are_removed_and_of_no_others(client: MlflowClient, capsys) -> None:
    gone, kept = made(client, "FAILED"), made(client)
    assert main(["runs", "delete", "yes=true"]) == 0
    files = files_of(gone)
    assert main(["runs", "clean"]) == 2
    assert "add yes=true" in capsys.readouterr().err
    assert all(file.is_dir() for file in files)
    assert main(["runs", "clean", "yes=true"]) == 0
    assert "removed: " in capsys.readouterr().out
    assert not any(file.exists() or (file.parent.name == gone.id and file.parent.exists()) for file in files)
    assert all(file.is_dir() for file in files_of(kept))
    assert main(["runs", "clean", "yes=true"]) == 0
    assert "no deleted run has left anything" in capsys.readouterr().out


def test_what_a_registered_model_refers_to_is_kept(client: MlflowClient, capsys) -> None:
    run, theirs = made(client), made(client)
    register(run, terms_of(run))
    client.create_registered_model("theirs")
    client.create_model_version("theirs", theirs.artifact_uri, theirs.id)
    for registered in (run, theirs):
        client.set_terminated(registered.id, "FAILED")
    assert main(["runs", "delete", "yes=true", f"run_ids=[{run.id},{theirs.id}]"]) == 0
    out = capsys.readouterr().out
    assert f"run {run.id} is kept: landmarks-synthetic-official version 1 refers to it" in out
    assert f"run {theirs.id} is kept: theirs version 1 refers to it" in out
    for registered in (run, theirs):
        client.delete_run(registered.id)  # on MLflow's page
    assert main(["runs", "clean", "yes=true"]) == 0
    assert "no deleted run has left anything" in capsys.readouterr().out
    assert all(file.is_dir() for file in (*files_of(run), *files_of(theirs)))


def test_interrupted_cleaning_goes_on(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = made(client, "FAILED")
    files = files_of(gone)
    assert main(["runs", "delete", "yes=true"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "delete_logged_model", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(["runs", "clean", "yes=true"]) == 130
    assert main(["runs", "clean", "yes=true"]) == 0
    assert not any(file.exists() for file in files)
    assert client.search_logged_models([client.get_experiment_by_name("landmarks").experiment_id]) == []


def test_the_registered_models_are_listed_with_the_reasons(client: MlflowClient, capsys) -> None:
    assert main(["runs", "models"]) == 0
    assert "no registered models" in capsys.readouterr().out
    first = made(client)
    assert main(["promote", f"run_id={first.id}"]) == 0
    other = made(client)
    assert main(["promote", f"run_id={other.id}", "force=true", "reason=a try"]) == 0
    client.create_registered_model("theirs")
    capsys.readouterr()
    assert main(["runs", "models"]) == 0
    out = capsys.readouterr().out
    assert "landmarks-synthetic-official" in out and "theirs" not in out
    assert "landmarks-synthetic-official version 2 (champion)" in out
    assert "version 1 (previous)" in out and "UTC: a try" in out
    assert main(["runs", "models", "name=nothing"]) == 2
    assert "no registered model 'nothing'; there are landmarks-synthetic-official" in capsys.readouterr().err
    assert main(["runs"]) == 0
    listed = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if "synthetic" in line}
    assert "champion" in listed[other.id[:8]] and "previous" in listed[first.id[:8]]
