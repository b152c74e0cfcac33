"""`faceline evaluate`: the run's own config, any data, and no flattering in silence."""

import csv
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from tests.drawn import write_pts

from faceline.cli import main
from faceline.data.synthetic import SyntheticFaces
from faceline.inference.bundle import DEFAULT, LandmarkManifest, read_bundle

TINY = (
    "data.source.people=8",
    "data.source.videos=2",
    "data.source.frames=4",
)
"""The data of the small run that the tests share."""


@pytest.fixture
def run_id(in_trained: Path) -> str:
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()
    return folder.name


@pytest.mark.figures
def test_it_gives_the_figures_that_training_gave(in_trained: Path, run_id: str, store, tmp_path: Path) -> None:
    assert main(["evaluate", f"run_id={run_id}", f"output={tmp_path}"]) == 0
    written = json.loads((tmp_path / "metrics.json").read_text())
    metrics = store(in_trained).get_run(run_id).data.metrics
    for name in ("mse", "nme", "auc_8", "failure_10", "nme_mouth"):
        assert written[name] == metrics[f"test/{name}"]
    assert (written["protocol"], written["part"], written["frames_trained_on"]) == ("official", "test", 0)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_it_computes_with_the_threads_that_are_asked_for(in_trained: Path, run_id: str, tmp_path: Path) -> None:
    for asked, used in (([], 1), (["threads=2"], 2)):  # else as many as trained it
        assert main(["evaluate", f"run_id={run_id}", f"output={tmp_path}", *asked]) == 0
        assert json.loads((tmp_path / "metrics.json").read_text())["threads"] == torch.get_num_threads() == used


def test_frames_are_listed_with_their_errors(in_trained: Path, run_id: str, tmp_path: Path) -> None:
    assert main(["evaluate", f"run_id={run_id}", f"output={tmp_path}", "part=val"]) == 0
    rows = list(csv.DictReader((tmp_path / "frames.csv").open()))
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert len(rows) == written["frames"]
    assert sum(float(row["nme"]) for row in rows) / len(rows) == pytest.approx(written["nme"], rel=1e-5)
    assert {"file", "person", "video", "mse", "nme_jaw"} <= set(rows[0])


def test_the_beginning_of_an_id_is_enough(in_trained: Path, run_id: str, tmp_path: Path) -> None:
    assert main(["evaluate", f"run_id={run_id[:8]}", f"output={tmp_path}"]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["run_id"] == run_id


@pytest.mark.parametrize("name", ["91902090", "00000001", "1e234567"])
def test_an_id_that_looks_like_a_number_is_none(
    in_trained: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", f"run_id={name}"]) == 2
    assert f"no run '{name}' in this store" in capsys.readouterr().err


def test_a_checkpoint_file_is_enough(in_trained: Path, run_id: str, tmp_path: Path) -> None:
    file = in_trained / "mlruns" / "runs" / run_id / "checkpoints" / "best.ckpt"
    assert main(["evaluate", f"ckpt_path={file}", f"output={tmp_path}"]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["run_id"] == run_id


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda saved: saved["faceline"]["config"]["model"]["head"].update(colour="red"), "unexpected keyword.*colour"),
        (lambda saved: saved["state_dict"].pop("head.votes.weight"), "head.votes.weight"),
    ],
)
def test_a_checkpoint_of_another_version_is_refused_in_one_line(
    in_trained: Path, run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], change, told: str
) -> None:
    saved = torch.load(in_trained / "mlruns" / "runs" / run_id / "checkpoints" / "best.ckpt", weights_only=True)
    change(saved)
    torch.save(saved, tmp_path / "other.ckpt")
    assert main(["evaluate", f"ckpt_path={tmp_path / 'other.ckpt'}", f"output={tmp_path / 'out'}"]) == 2
    error = capsys.readouterr().err
    assert re.search(
        rf"the model needs another version of faceline \(.*{told}.*; use the commit of run {run_id}", error
    )
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_frames_seen_in_training_are_counted_and_said(
    in_trained: Path, run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = ["split={protocol: frame_random}", f"output={tmp_path}"]
    assert main(["evaluate", f"run_id={run_id}", *overrides]) == 0
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert 0 < written["frames_trained_on"] <= written["frames"]
    assert f"trained on {written['frames_trained_on']} of these frames" in capsys.readouterr().out


def test_another_data_set_is_read_at_the_runs_own_size_and_what_it_lacks_is_said(
    in_trained: Path, run_id: str, tmp_path: Path, udacity_like: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = ["data=udacity", f"data.root={udacity_like}", "data.on_error=skip"]
    assert main(["evaluate", f"run_id={run_id}", *overrides, f"output={tmp_path / 'out'}"]) == 0
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (written["data"], written["frames_trained_on"]) == ("udacity", 0)
    assert len(written["skipped"]) == 1 and "row 3" in written["skipped"][0]
    told = capsys.readouterr().err
    assert told == f"udacity: 1 row was left out; {tmp_path / 'out' / 'metrics.json'} says why\n"


@pytest.fixture
def only_tests(tmp_path: Path) -> list[str]:
    """A data set that is a test set and nothing more."""
    write_pts(tmp_path / "set", SyntheticFaces(people=4, videos=1, frames=2, test_frames=0, seed=3))
    shutil.rmtree(tmp_path / "set/trainset")
    return ["data=pts", f"data.root={tmp_path / 'set'}"]


def test_a_set_that_only_tests_is_measured_whole(
    in_trained: Path, exported: Path, only_tests: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", f"bundle={exported}", *only_tests]
    for division in ([], ["split.protocol=person_disjoint"], ["split={protocol: frame_random}"]):
        assert main([*command, *division]) == 2
        assert "faceline evaluate measures all frames with part=all" in capsys.readouterr().err
    assert main([*command, "data.split_by=folder"]) == 2
    assert "part=all" in capsys.readouterr().err
    assert main([*command, "part=all", f"output={tmp_path / 'out'}"]) == 0
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (written["frames"], written["part"], written["frames_trained_on"]) == (2, "all", 0)
    assert "tiny.faceline on pts, all: 2 frames" in capsys.readouterr().out


def test_all_frames_of_its_own_data_flatter_a_run(
    in_trained: Path, run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", f"run_id={run_id}", "part=all", f"output={tmp_path}"]) == 0
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert 0 < written["frames_trained_on"] < written["frames"] == 64
    assert f"trained on {written['frames_trained_on']} of these frames" in capsys.readouterr().out


def test_a_bundle_has_the_figures_of_its_run(in_trained: Path, run_id: str, exported: Path, tmp_path: Path) -> None:
    data = ["data=synthetic", *TINY]
    results = {}
    for name, model in (("bundle", [f"bundle={exported}", *data]), ("run", [f"run_id={run_id}"])):
        assert main(["evaluate", *model, "threads=1", "part=val", f"output={tmp_path / name}"]) == 0
        results[name] = json.loads((tmp_path / name / "metrics.json").read_text())
    assert results["bundle"]["nme"] == pytest.approx(results["run"]["nme"], rel=1e-4)
    assert results["bundle"]["mse"] == pytest.approx(results["run"]["mse"], rel=1e-4)
    assert results["bundle"]["frames_trained_on"] == 0
    assert results["bundle"]["data_fingerprint"] == results["run"]["data_fingerprint"]


def test_frames_that_a_bundle_was_trained_on_are_counted(in_trained: Path, exported: Path, tmp_path: Path) -> None:
    data = ["data=synthetic", *TINY]
    assert main(["evaluate", f"bundle={exported}", *data, "part=train", f"output={tmp_path}"]) == 0
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["frames_trained_on"] == written["frames"] > 0
    assert main(["evaluate", f"bundle={exported}", *data, "data.source.seed=7", f"output={tmp_path}"]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["frames_trained_on"] is None


@pytest.mark.data
@pytest.mark.slow
def test_the_default_bundle_has_the_figure_that_it_claims(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "bundle=default", "data=udacity", f"data.root={data_root / 'udacity'}", "output=out"]) == 0
    written, claimed = json.loads(Path("out/metrics.json").read_text()), read_bundle(DEFAULT, LandmarkManifest).manifest
    assert claimed.data.name == "udacity" and written["data_fingerprint"] == claimed.data.fingerprint
    assert written["nme"] == pytest.approx(claimed.metrics["nme"], rel=1e-3) and written["nme"] < 0.06
    assert written["frames"] == 770
    assert written["frames_trained_on"] == 2  # two frames of the publisher are in both of his parts


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([], "give either run_id=RUN or ckpt_path=FILE"),
        (["run_id=abc", "ckpt_path=x.ckpt"], "give either"),
        (["run_id=0123456789"], "no run '0123456789'"),
        (["bundle=default"], "data: a bundle holds no data: say on which to measure it, as in data=udacity"),
        (["bundle=default", "run_id=abc"], "give either run_id=RUN or ckpt_path=FILE or bundle=FILE"),
        (["bundle=none.faceline", "data=synthetic"], "none.faceline: no such bundle"),
        (["ckpt_path=missing.ckpt"], "no such checkpoint"),
        (["ckpt_path=mlruns/mlflow.db"], "not a readable checkpoint"),
        (["run_id=x", "part=tset"], "part: .*test"),
    ],
)
def test_mistakes_are_told_in_one_line(
    in_trained: Path, overrides: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *overrides]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(words, error)
