"""`faceline promote` and `faceline rollback`: who is champion, why, and what is said where that cannot be told."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mlflow import MlflowClient
from omegaconf import OmegaConf
from tests.recorded import landmark_frames, landmark_run

from faceline.cli import main
from faceline.commands import promote as workflow
from faceline.errors import NegativeAnswer
from faceline.tracking.records import RunRecord, get_run
from faceline.tracking.registry import holder, named_version, one_at_a_time, versions
from faceline.tracking.runs import Run
from faceline.tracking.store import connect


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def client(place: Path) -> MlflowClient:
    """One store for all tests; each has a data set, and so a registered model, of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return connect(None, place)


@pytest.fixture(autouse=True)
def in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


@pytest.fixture
def finished(client: MlflowClient, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., RunRecord]:
    """Makes a run with about this error in validation and test, and a model, on the data of the test."""

    def make(val: float, test: float = 0.05, *, model: bool = True, frames: bool = True, **settings: Any) -> RunRecord:
        tags = {"data": data_of(request), **settings.pop("tags", {})}
        run = landmark_run(client, "landmarks", f"m{val}", test, tags=tags, **settings)
        table = landmark_frames(val, settings.get("seed", 0), settings.get("videos", 24))
        open_run = Run(client, run.id)
        open_run.log_metrics({"best_val/nme": table["nme"].mean()})
        if frames:
            open_run.log_text(table.to_csv(index=False), "val/frames.csv")
        if model:
            (tmp_path / "best.ckpt").write_text(run.id)
            open_run.log_model("best", tmp_path / "best.ckpt", metrics={}, params={})
        return get_run(client, run.id)

    return make


def data_of(request: pytest.FixtureRequest) -> str:
    return request.node.name.replace("[", "_").replace("]", "")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The registered model of the test."""
    return (
        f"landmarks-{data_of(request)}-official".replace("-", "_")
        .replace("landmarks_", "landmarks-")
        .replace("_official", "-official")
    )


def champions(client: MlflowClient, name: str) -> tuple[str | None, str | None]:
    """The runs of champion and previous."""
    found = [holder(client, name, alias) for alias in ("champion", "previous")]
    return tuple(version and version.run_id for version in found)  # type: ignore[return-value]


def test_the_first_is_champion_and_the_better_takes_its_place(
    client: MlflowClient, finished, name: str, capsys
) -> None:
    first, better = finished(0.06, 0.05), finished(0.04, 0.07)
    assert main(["promote", f"run_id={first.id[:8]}"]) == 0
    assert "version 1 is the champion" in capsys.readouterr().out
    assert champions(client, name) == (first.id, None)
    assert main(["promote", f"run_id={better.id}"]) == 0
    told = capsys.readouterr().out
    # decided by validation, where it is better, though it is worse on the test frames, which stand beside
    assert "version 2 is the champion" in told and "version 1 is previous" in told
    assert "NME 3.99%" in told and "against NME 5.98%" in told and "on test frames, which decide nothing" in told
    assert champions(client, name) == (better.id, first.id)


def test_the_version_knows_what_it_was_made_of(client: MlflowClient, finished, name: str) -> None:
    run = finished(0.05)
    client.set_tag(run.id, "faceline.commit", "abc123")
    assert main(["promote", f"run_id={run.id}"]) == 0
    (version,) = versions(client, name)
    for tag in ("task", "model", "data", "protocol", "data_fingerprint", "split_fingerprint", "command"):
        assert version.tags[tag] == run.tags[tag]
    assert version.tags["faceline.commit"] == "abc123"
    assert version.tags["faceline.model_id"] == run.tags["faceline.model.best"]
    assert "there was no champion" in version.tags["faceline.decision"]
    assert (version.run_id, version.number, version.aliases) == (run.id, 1, ("champion",))


@pytest.mark.parametrize("val", [0.0599, 0.08], ids=["by_a_hair", "worse"])
def test_one_that_does_not_win_is_registered_and_the_champion_stays(
    client: MlflowClient, finished, name: str, capsys, val: float
) -> None:
    first, other = finished(0.06, seed=1), finished(val, 0.001, seed=2)
    assert main(["promote", f"run_id={first.id}"]) == 0
    capsys.readouterr()
    assert main(["promote", f"run_id={other.id}"]) == 3
    error = capsys.readouterr().err
    assert error.startswith("faceline: not promoted: it does not beat the champion") and error.count("\n") == 1
    assert champions(client, name) == (first.id, None)
    assert "better only with" in versions(client, name)[0].tags["faceline.decision"]


@pytest.mark.parametrize(
    ("videos", "told"),
    [
        (1, "it cannot be told which is better: NME "),
        (3, "probability (paired bootstrap over 3 videos; 95 % are needed, which takes 5 videos or more)"),
    ],
)
def test_few_videos_prove_nothing(finished, name: str, capsys, videos: int, told: str) -> None:
    first, better = finished(0.06, videos=videos), finished(0.01, videos=videos)
    assert main(["promote", f"run_id={first.id}"]) == 0
    assert main(["promote", f"run_id={better.id}"]) == 3
    error = capsys.readouterr().err
    assert told in error
    assert ("on a single video, and a probability takes several" in error) == (videos == 1)


def test_force_needs_a_reason_that_is_kept(client: MlflowClient, finished, name: str, capsys) -> None:
    first, worse = finished(0.05), finished(0.08)
    assert main(["promote", f"run_id={first.id}"]) == 0
    for settings in (["force=true"], ["reason=because"]):
        assert main(["promote", f"run_id={worse.id}", *settings]) == 2
        assert capsys.readouterr().err.startswith("faceline: error: reason: ")
    assert main(["promote", f"run_id={worse.id}", "force=true", "reason=faulty labels"]) == 0
    assert "forced: faulty labels" in capsys.readouterr().out
    assert champions(client, name) == (worse.id, first.id)
    assert versions(client, name)[0].tags["faceline.forced"].endswith(": faulty labels")


def test_promoted_twice_it_is_one_version(client: MlflowClient, finished, name: str, capsys) -> None:
    run = finished(0.05)
    assert main(["promote", f"run_id={run.id}"]) == 0
    assert main(["promote", f"run_id={run.id}"]) == 0
    assert "is the champion already" in capsys.readouterr().out
    assert len(versions(client, name)) == 1


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"data_fingerprint": "e" * 16}, "another state of the data"),
        ({"split_fingerprint": "t" * 16}, "split.seed, its fractions or data.limit differ"),
    ],
    ids=["data", "split"],
)
def test_on_other_data_or_another_split_it_cannot_be_told(
    client: MlflowClient, finished, name: str, capsys, tags: dict[str, str], words: str
) -> None:
    first, other = finished(0.06), finished(0.01, tags=tags)
    assert main(["promote", f"run_id={first.id}"]) == 0
    assert main(["promote", f"run_id={other.id}"]) == 3
    error = capsys.readouterr().err
    assert "it cannot be told which is better" in error and words in error
    assert champions(client, name) == (first.id, None)


def test_another_protocol_has_a_champion_of_its_own(client: MlflowClient, finished, name: str) -> None:
    first, other = finished(0.06), finished(0.08, tags={"protocol": "person_disjoint"})
    for run in (first, other):
        assert main(["promote", f"run_id={run.id}"]) == 0
    assert champions(client, name) == (first.id, None)
    assert champions(client, name.replace("official", "person_disjoint")) == (other.id, None)


def test_without_validation_frames_it_cannot_be_told(client: MlflowClient, finished, name: str, capsys) -> None:
    first, other = finished(0.06, frames=False), finished(0.01)
    assert main(["promote", f"run_id={first.id}"]) == 0
    assert main(["promote", f"run_id={other.id}"]) == 3
    assert "val/frames.csv" in capsys.readouterr().err
    assert champions(client, name) == (first.id, None)


def test_a_champion_whose_run_is_gone_can_only_be_replaced_by_force(
    client: MlflowClient, finished, name: str, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = finished(0.06), finished(0.01)
    assert main(["promote", f"run_id={first.id}"]) == 0
    client.delete_run(first.id)  # as on MLflow's page: its frames are still there
    worse = finished(0.09)
    assert main(["promote", f"run_id={worse.id}"]) == 3
    assert "does not beat" in capsys.readouterr().err
    client._tracking_client.store._hard_delete_run(first.id)
    assert main(["promote", f"run_id={other.id}"]) == 3
    error = capsys.readouterr().err
    assert "cannot be told" in error and f"no run '{first.id}'" in error and error.count("\n") == 1
    assert main(["promote", f"run_id={other.id}", "force=true", "reason=its run is gone"]) == 0
    assert champions(client, name) == (other.id, first.id)


def test_a_run_without_a_model_or_an_end_is_refused(client: MlflowClient, finished, name: str, capsys) -> None:
    bare = finished(0.05, model=False)
    assert main(["promote", f"run_id={bare.id}"]) == 2
    assert "has no model 'best'" in capsys.readouterr().err
    client.set_terminated(bare.id, "FAILED")
    assert main(["promote", f"run_id={bare.id}"]) == 2
    assert "is FAILED: only finished runs" in capsys.readouterr().err
    assert versions(client, name) == []


def test_a_store_that_does_not_answer_is_told_in_one_line(capsys) -> None:
    assert main(["promote", "run_id=0123abcd", "tracking.uri=http://127.0.0.1:9"]) == 2
    error = capsys.readouterr().err
    assert "the tracking store http://127.0.0.1:9 cannot be used" in error and error.count("\n") == 1


def test_a_registered_model_of_somebody_else_is_left_alone(client: MlflowClient, finished, name: str, capsys) -> None:
    client.create_registered_model(name, description="theirs")
    run = finished(0.05)
    assert main(["promote", f"run_id={run.id}"]) == 2
    assert "faceline did not make the registered model" in capsys.readouterr().err
    assert list(client.search_model_versions(f"name='{name}'")) == []


def promote_in_thread(client: MlflowClient, run: RunRecord) -> threading.Thread:
    config = {"run_id": run.id, "force": False, "reason": None, "tracking": {"uri": client.tracking_uri, "root": "."}}

    def promote() -> None:
        with suppress(NegativeAnswer):  # the other one was quicker and is better
            workflow.main(OmegaConf.create(config))

    thread = threading.Thread(target=promote)
    thread.start()
    return thread


def test_of_two_promotions_at_once_the_better_one_stays(client: MlflowClient, finished, name: str) -> None:
    first, good, best = (finished(val) for val in (0.09, 0.06, 0.03))
    assert main(["promote", f"run_id={first.id}"]) == 0
    with one_at_a_time(client):
        threads = [promote_in_thread(client, run) for run in (best, good)]
        threads[0].join(0.3)
        assert all(thread.is_alive() for thread in threads)
        assert champions(client, name) == (first.id, None)
    for thread in threads:
        thread.join()
    assert champions(client, name)[0] == best.id
    assert champions(client, name)[1] in (first.id, good.id)


def test_rollback_swaps_and_twice_is_nothing(client: MlflowClient, finished, name: str, capsys) -> None:
    first, second = finished(0.06), finished(0.03)
    for run in (first, second):
        assert main(["promote", f"run_id={run.id}"]) == 0
    assert main(["rollback", f"name={name}", "reason=jitters in the dark"]) == 0
    assert "version 1 is the champion again" in capsys.readouterr().out
    assert champions(client, name) == (first.id, second.id)
    assert versions(client, name)[0].tags["faceline.rollback"].endswith("back to version 1: jitters in the dark")
    assert main(["rollback", f"name={name}"]) == 0
    assert champions(client, name) == (second.id, first.id)


def test_there_may_be_nothing_to_go_back_to(client: MlflowClient, finished, name: str, capsys) -> None:
    assert main(["rollback", f"name={name}"]) == 2
    assert f"no registered model '{name}@champion'" in capsys.readouterr().err
    run = finished(0.05)
    assert main(["promote", f"run_id={run.id}"]) == 0
    capsys.readouterr()
    assert main(["rollback", f"name={name}"]) == 2
    assert "there is no version to go back to" in capsys.readouterr().err


def test_a_version_is_named_in_several_ways(client: MlflowClient, finished, name: str) -> None:
    run = finished(0.05)
    assert main(["promote", f"run_id={run.id}"]) == 0
    for reference in (f"{name}@champion", f"{name}@1", f"models:/{name}@champion", f"models:/{name}/1"):
        version = named_version(client, reference)
        assert version is not None and version.run_id == run.id
    assert named_version(client, run.id) is None


def test_champion_alone_will_do_where_there_is_one(
    in_trained: Path, store, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["evaluate", "run_id=champion"]) == 2
    assert "no registered model has a champion" in capsys.readouterr().err
    client = store(in_trained)
    (run,) = client.search_runs([client.get_experiment_by_name("landmarks").experiment_id])
    assert main(["promote", f"run_id={run.info.run_id}"]) == 0
    assert main(["evaluate", "run_id=champion", f"output={tmp_path}/a"]) == 0
    assert (tmp_path / "a" / "frames.csv").is_file()
    client.delete_run(run.info.run_id)  # the model is registered, and stays
    assert main(["evaluate", "run_id=landmarks-synthetic-official@champion", f"output={tmp_path}/b"]) == 0
    client.restore_run(run.info.run_id)
    client.delete_registered_model("landmarks-synthetic-official")


def test_several_champions_are_told_by_name(client: MlflowClient, finished, name: str, capsys) -> None:
    for protocol in ("official", "person_disjoint"):
        run = finished(0.05, tags={"protocol": protocol})
        assert main(["promote", f"run_id={run.id}"]) == 0
    capsys.readouterr()
    cv2.imwrite("photo.png", np.zeros((40, 40, 3), np.uint8))
    assert main(["predict", "run_id=champion", "input=photo.png"]) == 2
    error = capsys.readouterr().err
    assert "several registered models have a champion" in error and f"{name}@champion" in error
