import errno
import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from matplotlib.figure import Figure
from mlflow import MlflowClient

from faceline.errors import InputError
from faceline.tracking.records import checkpoint, download, get_run, unfinished
from faceline.tracking.runs import Run, tracked_run

CONFIG = {
    "model": {"name": "cnn", "lr": 1e-3, "widths": [8, 16], "text": "1e-3"},
    "transforms": [{"flip": 0.5}, {"noise": None}],
    "empty": {},
    "ckpt_path": None,
}
HANG = """
import sys, time
from faceline.tracking.runs import tracked_run
from faceline.tracking.store import MlflowClient
with tracked_run(MlflowClient(sys.argv[1]), sys.argv[2], "hanging", tags={"faceline.config_digest": "d"}) as run:
    print(run.id, flush=True)
    time.sleep(60)
"""


def _status(client: MlflowClient, run_id: str) -> str:
    return str(client.get_run(run_id).info.status)


def _hanging(client: MlflowClient, experiment: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-c", HANG, client.tracking_uri, experiment]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_run_is_finished_only_when_its_block_ends(client: MlflowClient) -> None:
    with tracked_run(client, "status", "good", tags={"model": "cnn"}) as run:
        assert _status(client, run.id) == "RUNNING"
        assert mlflow.active_run() is None
    record = get_run(client, run.id)
    assert (record.status, record.name, record.tags["model"]) == ("FINISHED", "good", "cnn")
    assert abs(record.started - time.time()) < 60
    assert client.get_run(run.id).info.end_time


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (RuntimeError("loss exploded\nin line 2"), "FAILED", "RuntimeError: loss exploded"),
        (InputError("bad value"), "FAILED", "bad value"),
        (KeyboardInterrupt(), "KILLED", "interrupted"),
        (SystemExit(1), "KILLED", "SystemExit: 1"),
        (SystemExit(143), "KILLED", "ended by SIGTERM"),
        (
            OSError(errno.ENOSPC, "full", "a.ckpt"),
            "FAILED",
            "the disk is full: a.ckpt; free some space and start again",
        ),
        (OSError("x" * 900), "FAILED", f"OSError: {'x' * 491}"),
    ],
)
def test_an_exception_marks_the_run_and_goes_on(
    client: MlflowClient, error: BaseException, status: str, told: str
) -> None:
    with pytest.raises(type(error)) as caught, tracked_run(client, "status", "bad") as run:
        run.log_metrics({"val/nme": 0.05})
        raise error
    assert caught.value is error
    record = get_run(client, run.id)
    assert record.status == status
    assert record.tags["faceline.error"] == told
    assert record.metrics == {"val/nme": 0.05}


def test_a_signal_to_terminate_marks_the_run(client: MlflowClient) -> None:
    process, run_id = _hanging(client, "signals")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + signal.SIGTERM, "")
    assert _status(client, run_id) == "KILLED"


def test_a_run_killed_outright_is_found_once_its_process_is_gone(client: MlflowClient) -> None:
    process, run_id = _hanging(client, "outright")
    assert unfinished(client, "outright", "d") is None
    with pytest.raises(InputError) as refusal, tracked_run(client, "outright", "second", run_id=run_id):
        pytest.fail("two processes would write one run")
    told = f"run {run_id} is still written by process {process.pid}: wait for its end, or start a new run"
    assert str(refusal.value) == f"key 'run_id': {told}"
    process.kill()
    process.communicate()
    record = unfinished(client, "outright", "d")
    assert record is not None
    assert (record.id, record.status) == (run_id, "RUNNING")
    with tracked_run(client, "outright", "second", run_id=run_id) as run:
        assert run.id == run_id
    assert unfinished(client, "outright", "d") is None


def test_the_handler_of_before_is_back_after_a_run(client: MlflowClient) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with tracked_run(client, "status", "handler"):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_runs_in_threads_do_not_meet(client: MlflowClient) -> None:
    ids: dict[int, str] = {}

    def work(number: int) -> None:
        with tracked_run(client, "threads", f"run {number}") as run:
            run.log_metrics({"number": number})
            ids[number] = run.id

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: get_run(client, run_id).metrics["number"] for number, run_id in ids.items()} == {
        number: number for number in range(4)
    }


def test_a_run_goes_on_where_it_stopped(client: MlflowClient) -> None:
    with pytest.raises(OSError, match="crash"), tracked_run(client, "resume", "r") as run:
        run.log_config(CONFIG)
        run.log_metrics({"val/nme": 0.2}, step=0)
        raise OSError("crash")
    with tracked_run(client, "resume", "ignored", run_id=run.id) as again:
        assert (again.id, _status(client, run.id)) == (run.id, "RUNNING")
        assert "faceline.error" not in get_run(client, run.id).tags
        again.log_config(CONFIG | {"ckpt_path": "last"})
        again.log_metrics({"val/nme": 0.1}, step=1)
    record = get_run(client, run.id)
    assert (record.status, record.name) == ("FINISHED", "r")
    assert record.config["ckpt_path"] == "last"
    history = client.get_metric_history(run.id, "val/nme")
    assert [(point.step, point.value) for point in history] == [(0, 0.2), (1, 0.1)]


def test_a_resumed_run_keeps_its_params(client: MlflowClient) -> None:
    with tracked_run(client, "resume", "r") as run:
        run.log_params({"model": {"lr": 1}})
    with (
        pytest.raises(InputError, match=r"'model\.lr': run .* was started with '1', got '2'"),
        tracked_run(client, "resume", "r", run_id=run.id) as again,
    ):
        again.log_params({"model": {"lr": 2}})


def test_the_config_comes_back_as_it_went(client: MlflowClient) -> None:
    with tracked_run(client, "config", "r") as run:
        run.log_config(CONFIG)
    record = get_run(client, run.id)
    assert record.config == CONFIG
    assert record.params == {
        "model.name": "cnn",
        "model.lr": "0.001",
        "model.widths": "[8, 16]",
        "model.text": "1e-3",
        "transforms.0.flip": "0.5",
        "transforms.1.noise": "None",
        "empty": "{}",
    }


def test_many_and_long_params_are_kept(client: MlflowClient) -> None:
    many: dict[str, Any] = {f"p{i}": i for i in range(250)}
    with tracked_run(client, "config", "long") as run:
        run.log_params(many | {"long": "x" * 10_000})
        run.set_tags({"long": "y" * 10_000})
    record = get_run(client, run.id)
    assert len(record.params) == 251
    assert record.params["long"] == "x" * 5999 + "…"
    assert record.tags["long"] == "y" * 4999 + "…"


def test_metrics_of_any_numeric_kind_in_one_call(client: MlflowClient) -> None:
    with tracked_run(client, "metrics", "r") as run:
        run.log_metrics({"a": 1, "b": np.float32(0.5), "val/nme of eyes": np.float64(0.25)}, step=3)
        run.log_metrics({})
    metrics = get_run(client, run.id).metrics
    assert metrics == {"a": 1, "b": 0.5, "val/nme of eyes": 0.25}
    assert client.get_metric_history(run.id, "a")[0].step == 3


@pytest.mark.parametrize(
    ("metrics", "match"),
    [
        ({"val/nme": float("nan")}, "'val/nme': expected a finite number, got nan"),
        ({"val/nme": -float("inf")}, "'val/nme': expected a finite number, got -inf"),
        ({"failure@8": 0.1}, "'failure@8': expected letters"),
        ({"nme[eye]": 0.1}, "expected letters"),
        ({"": 0.1}, "expected letters"),
    ],
)
def test_metrics_that_cannot_be_logged_fail_the_run(
    client: MlflowClient, metrics: dict[str, float], match: str
) -> None:
    with pytest.raises(ValueError, match=match.replace("[", r"\[")), tracked_run(client, "metrics", "r") as run:
        run.log_metrics({"good": 1.0} | metrics)
    assert get_run(client, run.id).metrics == {}
    assert get_run(client, run.id).status == "FAILED"


def test_texts_dicts_figures_and_files_are_kept(client: MlflowClient, tmp_path: Path) -> None:
    figure = Figure()
    figure.add_subplot().plot([0, 1])
    (tmp_path / "table.csv").write_text("a,b\n")
    with tracked_run(client, "artifacts", "r") as run:
        run.log_text("hello", "notes/a.txt")
        run.log_dict({"n": [1, 2]}, "n.json")
        run.log_figure(figure, "figures/curve.png")
        run.log_file(tmp_path / "table.csv", "tables")
    record = get_run(client, run.id)
    assert download(record, "notes/a.txt").read_text() == "hello"
    assert json.loads(download(record, "n.json").read_text()) == {"n": [1, 2]}
    assert download(record, "figures/curve.png").read_bytes().startswith(b"\x89PNG")
    assert download(record, "tables/table.csv").read_text() == "a,b\n"


def test_the_data_is_recorded_with_fingerprint_and_split(client: MlflowClient) -> None:
    with tracked_run(client, "data", "r") as run:
        run.log_dataset("udacity", "0123456789abcdef", split="official", context="training", profile={"n": 7})
        run.log_dataset("udacity", "fedcba9876543210", split="official", context="test", profile={"n": 3})
    inputs = {
        item.dataset.digest: (item.dataset.name, json.loads(item.dataset.profile), {t.key: t.value for t in item.tags})
        for item in client.get_run(run.id).inputs.dataset_inputs
    }
    assert inputs == {
        "0123456789abcdef": ("udacity", {"n": 7}, {"mlflow.data.context": "training", "split": "official"}),
        "fedcba9876543210": ("udacity", {"n": 3}, {"mlflow.data.context": "test", "split": "official"}),
    }
    for item in client.get_run(run.id).inputs.dataset_inputs:
        assert item.dataset.source_type == "faceline"
        assert json.loads(item.dataset.source) == {"name": "udacity", "split": "official"}


def test_jobs_that_begin_at_once_on_new_data_all_record_it(client: MlflowClient) -> None:
    jobs, rounds = 3, 3
    together, done = threading.Barrier(jobs, timeout=30), []

    def job(number: int) -> None:
        with tracked_run(client, "e", str(number)) as run:
            for i in range(rounds):
                together.wait()
                run.log_dataset("udacity", f"frames-{i}", split="official", context="training", profile={})
            done.append(run.id)

    threads = [threading.Thread(target=job, args=(number,)) for number in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == jobs
    for run_id in done:
        assert len(client.get_run(run_id).inputs.dataset_inputs) == rounds


def test_models_are_ranked_and_hold_their_checkpoint(client: MlflowClient, tmp_path: Path) -> None:
    expected = {}
    for number, nme in enumerate([0.07, 0.05, 0.06]):
        file = tmp_path / f"{number}.ckpt"
        file.write_bytes(bytes([number]) * 100)
        with tracked_run(client, "models", f"run {number}") as run:
            model_id = run.log_model("best", file, {"test/nme": nme}, {"backbone": f"net{number}"}, step=number)
        expected[model_id] = (run.id, f"net{number}", nme, file.read_bytes())
    ranked = client.search_logged_models(
        [run.experiment_id], order_by=[{"field_name": "metrics.test/nme", "ascending": True}]
    )
    assert [model.params["backbone"] for model in ranked] == ["net1", "net2", "net0"]
    for model in ranked:
        run_id, backbone, nme, content = expected[model.model_id]
        assert (str(model.status), model.source_run_id) == ("READY", run_id)
        assert (model.params, [m.value for m in model.metrics]) == ({"backbone": backbone}, [nme])
        assert checkpoint(get_run(client, run_id), "best").read_bytes() == content
        assert [output.model_id for output in client.get_run(run_id).outputs.model_outputs] == [model.model_id]


def test_the_newest_model_of_a_name_counts(client: MlflowClient, tmp_path: Path) -> None:
    with tracked_run(client, "models again", "r") as run:
        for text in ("old", "new"):
            (tmp_path / "a.ckpt").write_text(text)
            run.log_model("best", tmp_path / "a.ckpt", {}, {})
    assert checkpoint(get_run(client, run.id), "best").read_text() == "new"


def test_a_model_without_its_file_is_not_ready(client: MlflowClient, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.ckpt"), tracked_run(client, "broken models", "r") as run:
        run.log_model("best", tmp_path / "gone.ckpt", {}, {})
    (model,) = client.search_logged_models([run.experiment_id])
    assert str(model.status) == "FAILED"
    with pytest.raises(InputError, match=r"\(FAILED\) has no model 'best'"):
        checkpoint(get_run(client, run.id), "best")


def test_provenance_is_kept_for_each_start(client: MlflowClient) -> None:
    info = {"commit": "abc", "branch": "main", "dirty": True, "diff": "+ line\n", "threads": 2, "packages": {"a": "1"}}
    with tracked_run(client, "provenance", "r") as run:
        run.log_provenance(info)
    record = get_run(client, run.id)
    folder = download(record, "provenance")
    assert {file.suffix: file.read_text() for file in folder.iterdir()}[".diff"] == "+ line\n"
    for file in folder.iterdir():
        assert re.fullmatch(r"20\d{6}T\d{6}Z", file.stem)  # when it started
    (kept,) = folder.glob("*.json")
    assert json.loads(kept.read_text()) == {name: value for name, value in info.items() if name != "diff"}
    assert record.tags["mlflow.source.git.commit"] == record.tags["faceline.commit"] == "abc"
    assert record.tags["faceline.dirty"] == "True"

    for commit, dirty, counts in (("abc", False, "True"), ("def", False, "True")):  # it was changed once
        with tracked_run(client, "provenance", "r", run_id=run.id) as again:
            again.log_provenance({**info, "commit": commit, "dirty": dirty, "diff": ""})
        assert get_run(client, run.id).tags["faceline.dirty"] == counts

    with tracked_run(client, "provenance", "installed") as run:
        run.log_provenance({"commit": None, "dirty": None, "diff": None, "threads": None})
    assert "mlflow.source.git.commit" not in get_run(client, run.id).tags


def test_a_store_that_breaks_does_not_hide_the_first_error(
    client: MlflowClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A copy of the store without its runs: what a disk error may leave.
    file = tmp_path / "copy.db"
    with sqlite3.connect(client.tracking_uri.removeprefix("sqlite:///")) as source, sqlite3.connect(file) as copy:
        source.backup(copy)
    broken = MlflowClient(f"sqlite:///{file}")
    with pytest.raises(ZeroDivisionError), tracked_run(broken, "breaks", "r"):
        with sqlite3.connect(file) as copy:
            copy.execute("DROP TABLE tags")
            copy.execute("DROP TABLE runs")
        raise ZeroDivisionError("the first")
    (warning,) = caplog.messages
    assert re.match(r"run \w{32} could not be marked FAILED: .*no such table", warning)

    with pytest.raises(InputError, match="cannot be used"):
        Run(broken, "any")


def test_a_run_that_goes_on_from_clean_files_stays_clean_only_under_its_commit(client: MlflowClient) -> None:
    info = {"commit": "abc", "dirty": False, "diff": "", "threads": 1}
    with tracked_run(client, "clean", "r") as run:
        run.log_provenance(info)
    for commit, dirty in (("abc", "False"), ("def", "True")):
        with tracked_run(client, "clean", "r", run_id=run.id) as again:
            again.log_provenance({**info, "commit": commit})
        assert get_run(client, run.id).tags["faceline.dirty"] == dirty


def test_ones_own_code_is_kept_with_its_changes(client: MlflowClient) -> None:
    code = {"version": "0.1", "digest": "0123", "commit": None, "diff": "+mine\n"}
    info = {
        "commit": "abc",
        "dirty": False,
        "diff": "",
        "threads": 1,
        "own_code": {"mine": code, "same": {**code, "diff": None}},
    }
    with tracked_run(client, "own code", "r") as run:
        run.log_provenance(info)
    record = get_run(client, run.id)
    assert record.tags["own_code"] == "mine (0123), same (0123)"
    folder = download(record, "provenance")
    (kept,) = folder.glob("*.json")
    assert json.loads(kept.read_text())["own_code"]["mine"] == {"version": "0.1", "digest": "0123", "commit": None}
    changes = {file.name.partition("-")[2]: file.read_text() for file in folder.glob("*.diff")}
    assert changes == {"mine.diff": "+mine\n", "same.diff": ""}


def test_arrays_are_kept_and_leave_nothing_in_the_working_folder(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with tracked_run(client, "arrays", "r") as run:
        run.log_array(np.arange(3), "test/a.npy")
    assert np.load(download(get_run(client, run.id), "test/a.npy")).tolist() == [0, 1, 2]
    assert not list(tmp_path.iterdir())
