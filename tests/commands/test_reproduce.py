"""`faceline reproduce`: the same digits from the run alone, and what is said where it cannot be."""

import json
import shutil
from pathlib import Path

import pytest
from mlflow.entities import Run
from tests.commands.conftest import TINY
from tests.prepared import quick_commands

from faceline.cli import main
from faceline.commands import reproduce as module

CROWD = ("data.source.people=8", "data.source.videos=2", "data.source.frames=4", "threads=1")
FNN = ("experiment=identification/fnn_2d", *CROWD, "trainer.max_epochs=2", "model.width=16", "data.batch_size=16")
FOREST = ("experiment=identification/forest", *CROWD, "model.estimator.n_estimators=5")


def runs_of(store, folder: Path) -> list[Run]:
    """Oldest first."""
    client = store(folder)
    experiments = [found.experiment_id for found in client.search_experiments()]
    return list(client.search_runs(experiments, order_by=["attributes.start_time ASC"]))


def artifact(run: Run, path: str) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://")) / path


@pytest.mark.parametrize(
    "overrides", [(*TINY, "seed=3"), (*FNN, "split.seed=5"), (*FOREST, "seed=2")], ids=["cnn", "fnn", "forest"]
)
def test_a_run_is_reproduced_to_the_last_digit(workplace: Path, store, capsys, overrides: tuple[str, ...]) -> None:
    assert main(["train", *overrides, "tags=[mine]"]) == 0
    capsys.readouterr()
    (first,) = runs_of(store, workplace)
    assert main(["reproduce", f"run_id={first.info.run_id[:8]}"]) == 0
    out = capsys.readouterr().out
    assert "identical to the last digit" in out
    warnings = [line for line in out.splitlines() if line.startswith("warning: ")]
    assert not [line for line in warnings if "commit" not in line]  # somebody may work on the code meanwhile
    first, second = runs_of(store, workplace)
    assert second.data.tags["faceline.reproduces"] == first.info.run_id
    assert second.data.tags["faceline.identical"] == "True"
    assert second.data.tags["command"] == f"faceline reproduce run_id={first.info.run_id[:8]}"
    assert second.info.experiment_id == first.info.experiment_id
    assert "tag.mine" not in second.data.tags
    figures = {name for name in first.data.metrics if name.startswith(("test/", "best_val/", "train/loss"))}
    assert len(figures) > 5
    for name in figures:
        assert second.data.metrics[name] == first.data.metrics[name], name
        assert f" {name} " in out
    for path in ("test/frames.csv", "val/frames.csv"):
        assert artifact(first, path).read_bytes() == artifact(second, path).read_bytes()


@pytest.fixture(scope="module")
def place(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small finished run, which no test leaves changed."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch, quick_commands(kept):
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert main(["train", *FOREST]) == 0
    return folder


@pytest.fixture
def forest(place: Path, store, monkeypatch: pytest.MonkeyPatch, capsys) -> Run:
    """That run, and its folder as the current one."""
    monkeypatch.chdir(place)
    capsys.readouterr()
    return runs_of(store, place)[0]


def test_a_figure_that_differs_is_found_and_has_an_exit_code_of_its_own(
    workplace: Path, store, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {**module.provenance(), "dirty": True, "diff": "--- a\n+++ b\n-old\n+new\n+newer\n"}
    with monkeypatch.context() as patch:
        patch.setattr("faceline.commands.train.provenance", lambda **_: changed)
        assert main(["train", *FOREST]) == 0
    (forest,) = runs_of(store, workplace)
    assert forest.data.tags["faceline.dirty"] == "True"
    assert next(artifact(forest, "provenance").glob("*.diff")).read_text() == changed["diff"]
    store(workplace).log_metric(forest.info.run_id, "test/rank5", 0.123456789)
    table = artifact(forest, "test/frames.csv")
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:3], lines[3] + "1", *lines[4:]]) + "\n")
    capsys.readouterr()
    assert main(["reproduce", f"run_id={forest.info.run_id}"]) == 3
    answer = capsys.readouterr()
    assert answer.err.startswith("faceline: not identical: 2 of ")
    assert "first test/rank5 (+" in answer.err
    assert answer.err.count("\n") == 1
    assert "from row 4" in answer.out
    assert "warning: uncommitted changes: 3 lines then, " in answer.out
    assert runs_of(store, workplace)[1].data.tags["faceline.identical"] == "False"


def test_other_data_is_refused_unless_accepted(
    workplace: Path, udacity_like: Path, store, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = ["experiment=identification/gnb", "data=udacity", "data.on_error=skip", "threads=1"]
    assert main(["train", *overrides, f"data.root={udacity_like}"]) == 0
    (run,) = runs_of(store, workplace)
    elsewhere = workplace / "elsewhere"
    shutil.move(udacity_like, elsewhere)
    again = ["reproduce", f"run_id={run.info.run_id}"]
    capsys.readouterr()
    assert main(again) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "data.root" in error
    assert main([*again, f"data.root={elsewhere}"]) == 0
    table = elsewhere / "training_frames_keypoints.csv"
    header, row, *rest = table.read_text().splitlines()
    name, x, *others = row.split(",")
    table.write_text("\n".join([header, ",".join([name, str(float(x) + 1), *others]), *rest]) + "\n")
    capsys.readouterr()
    assert main([*again, f"data.root={elsewhere}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "data fingerprint" in error and "accept_changes=true" in error
    assert len(runs_of(store, workplace)) == 2  # nothing was begun
    now = module.provenance()
    monkeypatch.setattr(module, "provenance", lambda: {**now, "packages": {**now["packages"], "torch": "9.9"}})
    assert main([*again, f"data.root={elsewhere}", "accept_changes=true"]) in (0, 3)
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert [line.split(":")[1].split()[0] for line in warnings] == ["torch", "data"]


def test_data_named_by_the_environment_is_looked_for_there(
    workplace: Path, udacity_like: Path, store, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    udacity_like.rename(workplace / "udacity")
    monkeypatch.setenv("FACELINE_DATA", str(workplace))
    overrides = ["experiment=identification/gnb", "data=udacity", "data.on_error=skip", "threads=1"]
    assert main(["train", *overrides]) == 0
    (run,) = runs_of(store, workplace)
    (workplace / "other").mkdir()
    (workplace / "udacity").rename(workplace / "other" / "udacity")
    capsys.readouterr()
    assert main(["reproduce", f"run_id={run.info.run_id}"]) == 2
    assert "FACELINE_DATA" in capsys.readouterr().err
    monkeypatch.setenv("FACELINE_DATA", str(workplace / "other"))
    assert main(["reproduce", f"run_id={run.info.run_id}"]) == 0


def test_a_checkpoint_that_moved_or_changed_is_noticed(workplace: Path, store, capsys) -> None:
    assert main(["train", *TINY, "trainer.max_epochs=1"]) == 0
    (first,) = runs_of(store, workplace)
    last = workplace / "mlruns" / "runs" / first.info.run_id / "checkpoints" / "last.ckpt"
    last.rename("start.ckpt")
    assert main(["train", *TINY, "ckpt_path=start.ckpt"]) == 0
    run = runs_of(store, workplace)[1]
    assert set(json.loads(artifact(run, "files.json").read_text())) == {"ckpt_path"}
    again = ["reproduce", f"run_id={run.info.run_id}"]
    Path("start.ckpt").rename("moved.ckpt")
    capsys.readouterr()
    assert main(again) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "start.ckpt" in error and "ckpt_path=FILE" in error
    assert main([*again, "ckpt_path=moved.ckpt"]) == 0
    shutil.copy(last.with_name("best.ckpt"), "start.ckpt")
    capsys.readouterr()
    assert main(again) == 2
    assert "ckpt_path is another file" in capsys.readouterr().err


def test_params_of_a_run_are_those_that_mean_something_to_it(forest: Run) -> None:
    names = {name.split(".")[0] for name in forest.data.params}
    assert {"model", "data", "split", "task"} <= names
    assert not {"callbacks", "trainer", "transforms", "tracking"} & names


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model.weights=w.pth"], "the run used no such file; leave model.weights out"),
        (["data.root=/data"], "made without files; leave data.root out"),
        (["accept_changes=perhaps"], "accept_changes: expected true or false"),
    ],
)
def test_what_makes_no_sense_is_refused(forest: Run, capsys, overrides: list[str], words: str) -> None:
    assert main(["reproduce", f"run_id={forest.info.run_id}", *overrides]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error


def test_a_run_that_was_not_measured_is_refused(forest: Run, place: Path, store, capsys) -> None:
    store(place).set_terminated(forest.info.run_id, "FAILED")
    assert main(["reproduce", f"run_id={forest.info.run_id}"]) == 2
    store(place).set_terminated(forest.info.run_id, "FINISHED")
    assert "only a finished, measured run" in capsys.readouterr().err


def test_a_config_of_another_version_is_refused_by_its_key(forest: Run, capsys) -> None:
    config = artifact(forest, "config.yaml")
    before = config.read_text()
    config.write_text(before + "sharpness: 3\n")
    assert main(["reproduce", f"run_id={forest.info.run_id}"]) == 2
    config.write_text(before)
    error = capsys.readouterr().err
    assert "sharpness: no such key" in error and "use the version of commit" in error
