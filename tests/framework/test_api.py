"""The Python API gives what the command gives; examples and notebooks run as they stand."""

import doctest
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pytest
from tests.prepared import quick_commands

import faceline
from faceline import api
from faceline.data.index import BadRows
from faceline.tracking.comparison import terms_of
from faceline.tracking.records import get_run
from faceline.tracking.registry import register
from faceline.tracking.store import connect

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = [
    "experiment=landmarks/cnn",
    "data.source.people=8",
    "data.source.videos=2",
    "data.source.frames=4",
    "data.size=48",
    "data.batch_size=8",
    "model.backbone.width=16",
    "model.head.width=16",
    "trainer.precision=32-true",
    "trainer.max_epochs=1",
    "threads=1",
]


@pytest.fixture(scope="module")
def run(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> api.TrainedRun:
    folder = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patch, quick_commands(kept):
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return faceline.train(faceline.compose([*TINY, f"tracking.root={folder}"]))


def test_a_training_gives_metrics_and_model(run: api.TrainedRun) -> None:
    assert run.score == pytest.approx(run.metrics["best_val/nme"])
    image = faceline.SyntheticFaces(people=1).read(faceline.SyntheticFaces(people=1).rows(BadRows("raise"))[0])
    assert run.model.detect(image).shape == (68, 2)
    assert run.model.run_id == run.run_id


def test_an_evaluation_agrees_with_the_run(run: api.TrainedRun) -> None:
    found = faceline.evaluate(run)
    assert found.metrics["nme"] == pytest.approx(run.metrics["test/nme"], rel=1e-5)
    assert found.frames["nme"].mean() == pytest.approx(found.metrics["nme"])


def test_mlflow_loads_the_model_with_its_signature(run: api.TrainedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    store = f"sqlite:///{run.config['tracking']['root']}/mlruns/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    record = get_run(connect(store, Path()), run.run_id)
    register(record, terms_of(record))
    model = mlflow.pyfunc.load_model("models:/landmarks-synthetic-official/1")
    signature, example = model.metadata.signature, model.input_example
    assert [spec.shape for spec in signature.inputs] == [(-1, -1, -1, 3)]
    assert [spec.shape for spec in signature.outputs] == [(-1, 68, 2)]
    assert example.dtype == np.uint8 and len(example) == 1
    source = faceline.SyntheticFaces(people=1)
    image = source.read(source.rows(BadRows("raise"))[0])
    np.testing.assert_allclose(model.predict(image[None])[0], run.model.detect(image), atol=1e-4)


def test_an_export_opens_its_bundle(run: api.TrainedRun, tmp_path: Path) -> None:
    bundle = faceline.export(run, tmp_path / "tiny.faceline", ["frames=4"])
    assert bundle.manifest.run_id == run.run_id
    assert faceline.load(tmp_path / "tiny.faceline").manifest == bundle.manifest


def test_a_comparison_is_tables_and_a_page(run: api.TrainedRun, tmp_path: Path) -> None:
    compared = faceline.compare([run], tmp_path / "page")
    (board,) = compared.boards.values()
    assert board["run"].tolist() == [run.run_id]
    assert board["nme"].tolist() == [pytest.approx(run.metrics["test/nme"])]
    assert compared.page.is_file()


def test_a_mistake_is_told_in_the_words_of_the_command() -> None:
    with pytest.raises(faceline.InputError, match=r"trainer.max_epoch: no such key; did you mean trainer.max_epochs\?"):
        faceline.compose(["trainer.max_epoch=2"])
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        faceline.trian  # noqa: B018


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: faceline.compose("seed=1"), r"a list of overrides, such as \['trainer.max_epochs=2'\], got 'seed=1'"),
        (lambda: faceline.evaluate("0123abcd", overrides="data=csv"), "a list of overrides, .* got 'data=csv'"),
        (lambda: faceline.compose([], "stand"), "verb: 'stand' cannot be composed; did you mean train"),
        (lambda: faceline.compare("0123abcd"), "runs: expected a list of runs, .* got '0123abcd'"),
        (lambda: faceline.train({"seed": 1}), "task: missing"),
    ],
)
def test_an_argument_of_a_wrong_kind_is_refused_by_name(call: Callable[[], object], line: str) -> None:
    with pytest.raises(faceline.InputError, match=line):
        call()


@pytest.mark.parametrize(
    ("section", "key", "value", "line"),
    [
        ("trainer", "max_epoch", 3, r"trainer.max_epoch: .* did you mean trainer.max_epochs\?"),
        ("data", "size", "big", 'data.size: expected a whole number, got "big"'),
        ("data", "batch_size", -1, "data.batch_size: expected at least 1, got -1"),
    ],
)
def test_a_config_changed_by_hand_is_checked_before_it_trains(
    section: str, key: str, value: object, line: str, tmp_path: Path
) -> None:
    config = faceline.compose([*TINY, f"tracking.root={tmp_path}"])
    config[section][key] = value
    with pytest.raises(faceline.InputError, match=line):
        faceline.train(config)
    assert not list(tmp_path.iterdir())


def test_an_embedder_is_not_taken_for_a_model_of_landmarks() -> None:
    with pytest.raises(faceline.InputError, match="is made for embedding; give one that is made for landmarks"):
        faceline.load("sface")


def test_the_examples_of_docstrings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(api).failed == 0


@pytest.mark.slow
def test_the_plain_trainer_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "plain_lightning.py")], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "validation NME after one epoch" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train_and_compare", "your_own_data", "faces_in_a_photo"])
def test_a_notebook_runs_from_top_to_bottom(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    cells = json.loads((EXAMPLES / f"{name}.ipynb").read_text())["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
