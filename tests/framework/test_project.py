"""What ``faceline init`` writes trains, and opens to faceline the code that it names and no more."""

import importlib
import linecache
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests import drawn
from tests.prepared import quick_commands

import faceline
from faceline.cli import main
from faceline.commands.init import TEMPLATE
from faceline.config.project import opened
from faceline.config.tree import conf_dir
from faceline.data.cache import cached_frames
from faceline.data.synthetic import SyntheticFaces
from faceline.tasks.task import task_of

DOCS = Path(__file__).parents[2] / "docs" / "extend"
QUICK = ("data.size=64", "data.batch_size=8", "trainer.max_epochs=1", "trainer.precision=32-true", "threads=1")
OWN = (
    "data=my_faces",
    "data.root=faces",
    "model=my_model",
    "model.backbone.width=16",
    "model/head=middle",
    "model/loss=log_distance",
    "transforms=stripes",
    "callbacks=my_callbacks",
    "split.protocol=frame_random",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project, with frames and JSON files for its data source."""
    folder = tmp_path_factory.mktemp("projects") / "wink_lab"
    assert main(["init", str(folder)]) == 0
    drawn.write_people(folder / "faces", SyntheticFaces(people=6, videos=2, frames=4, seed=3))
    return folder


@pytest.fixture
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return project


@pytest.fixture(scope="module")
def trained(kept: Path, project: Path) -> str:
    """The run of a training in which every part but the loop is the user's own."""
    with pytest.MonkeyPatch.context() as patch, quick_commands(kept):
        patch.chdir(project)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert main(["train", *OWN, *QUICK, "task=worst_landmark", "callbacks.best.monitor=val/worst_point"]) == 0
    (folder,) = (project / "mlruns" / "runs").iterdir()
    return folder.name


def test_all_parts_of_ones_own_train_together(inside: Path, trained: str) -> None:
    run = MlflowClient(f"sqlite:///{inside}/mlruns/mlflow.db").get_run(trained)
    assert {"val/worst_point", "test/worst_point", "test/worst_point_95", "train/gradient_norm"} <= set(
        run.data.metrics
    )
    assert run.data.tags["task"] == "worst-landmark"
    assert re.fullmatch(r"wink_lab \(\w{16}\)", run.data.tags["own_code"])
    (diff,) = inside.glob("mlruns/artifacts/**/provenance/*-wink_lab.diff")
    assert "+class LogDistance(nn.Module):" in diff.read_text()


def test_a_metric_by_its_config_alone_is_one_of_validation(inside: Path) -> None:
    config = faceline.compose(["task=my_landmarks"])
    with opened([], conf_dir()):
        assert "worst_point" in task_of(config).scalars(config)


def test_a_model_says_which_code_it_needs(
    inside: Path, trained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    best = inside / "mlruns" / "runs" / trained / "checkpoints" / "best.ckpt"
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", f"ckpt_path={best}"]) == 2
    line = capsys.readouterr().err
    assert "the model needs code beside faceline: wink_lab without version (" in line
    assert "--allow wink_lab" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("def broken(:", "backbone.py, row 1: wink_lab.backbone cannot be imported (SyntaxError: invalid syntax"),
        (
            "import no_such",
            "row 1: wink_lab.backbone cannot be imported (ModuleNotFoundError: No module named 'no_such')",
        ),
        ("1 / 0", "row 1: wink_lab.backbone cannot be imported (ZeroDivisionError: division by zero)"),
    ],
)
def test_own_code_that_cannot_be_imported_is_told_with_its_row(
    inside: Path, line: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = inside / "src" / "wink_lab" / "backbone.py"
    before = file.read_text()
    for name in [name for name in sys.modules if name.split(".")[0] == "wink_lab"]:
        monkeypatch.delitem(sys.modules, name)
    try:
        file.write_text(f"{line}\n{before}")
        assert main(["train", "model=my_model", *QUICK]) == 2
    finally:
        file.write_text(before)
        importlib.invalidate_caches()
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


BROKEN = """\
import torch
from faceline.transforms import A, Transform
from torch import nn
from wink_lab.data import JsonFaces
from wink_lab.head import MiddleHead

class Backbone(nn.Module):
    channels = (8,)
    def forward(self, images):
        return {"maps": 1}["map"]
class Bare(nn.Module):
    pass
class Flat(MiddleHead):
    def forward(self, maps):
        return super().forward(maps).flatten(1)
class Pointless(nn.Module):
    def __init__(self, channels):
        super().__init__()
class Vector(nn.Module):
    def forward(self, preds, target):
        return (preds - target).abs()
class Constant(nn.Module):
    def forward(self, preds, target):
        return torch.ones(())
class _Paint(A.ImageOnlyTransform):
    def apply(self, img, **params):
        raise ValueError("no paint\\nleft")
class Paint(Transform):
    def __init__(self):
        super().__init__(_Paint(p=1))
class Unread(JsonFaces):
    def read(self, row):
        return open("no/such/place")
class Floats(JsonFaces):
    def read(self, row):
        return super().read(row) / 255
class Few(JsonFaces):
    def rows(self, bad):
        row = super().rows(bad)[0]
        object.__setattr__(row, "landmarks", row.landmarks[:5])
        return [row]
"""
BACKBONE = ["model=my_model", "~model.backbone.width", "model.backbone._target_=wink_lab.broken.{}"]
HEAD = ["model/head=middle", "~model.head.width", "model.head._target_=wink_lab.broken.{}"]
LOSS = ["model/loss=log_distance", "~model.loss.scale", "model.loss._target_=wink_lab.broken.{}"]
FRAMES = ["data=my_faces", "data.root=faces", "data.source._target_=wink_lab.broken.{}"]
STEP = [
    *("data=my_faces", "data.root=faces", "split.protocol=frame_random", "transforms=stripes"),
    *("~transforms.train.steps.1.probability", "transforms.train.steps.1._target_=wink_lab.broken.{}"),
]


@pytest.fixture
def broken(inside: Path) -> Iterator[None]:
    file = inside / "src" / "wink_lab" / "broken.py"
    file.write_text(BROKEN)
    yield
    file.unlink()


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        (
            "Backbone",
            BACKBONE,
            "error: src/wink_lab/broken.py, row 10: wink_lab.broken.Backbone.forward: KeyError: 'map'; HYDRA_FULL",
        ),
        ("Bare", BACKBONE, "row 11: wink_lab.broken.Bare: AttributeError: 'Bare' object has no attribute 'channels'"),
        ("Flat", HEAD, "error: model.head: expected landmarks (1, 68, 2) of one frame, got (1, 136)"),
        ("Pointless", HEAD, "row 17: wink_lab.broken.Pointless.__init__: TypeError: Pointless.__init__() got an"),
        (
            "Vector",
            LOSS,
            "error: model.loss: expected one number, computed from preds by torch, got a tensor (1, 68, 2)",
        ),
        ("Constant", LOSS, "error: model.loss: expected one number, computed from preds by torch, got one without a"),
        ("Paint", [*STEP, "data.workers=0"], "row 27: wink_lab.broken._Paint.apply: ValueError: no paint left; HYDRA"),
        ("Paint", [*STEP, "data.workers=1"], "row 27: wink_lab.broken.apply: ValueError: no paint left; HYDRA"),
        (
            "Unread",
            FRAMES,
            "row 33: wink_lab.broken.Unread.read: FileNotFoundError: [Errno 2] No such file or directory",
        ),
        ("Floats", FRAMES, "0000.jpg: the data source read float64 ("),
        ("Few", FRAMES, "0000.jpg: expected landmarks (68, 2) of the markup ibug-68, got (5, 2)"),
    ],
)
def test_an_error_of_own_code_is_told_with_its_row(
    broken: None, name: str, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *(word.format(name) for word in words), *QUICK]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


def test_who_asks_for_the_traceback_sees_it_before_the_line(
    broken: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    assert main(["train", *(word.format("Backbone") for word in BACKBONE), *QUICK]) == 2
    traceback, _, line = capsys.readouterr().err.partition("\nfaceline: error: ")
    assert traceback.startswith("Traceback") and 'return {"maps": 1}["map"]' in traceback
    assert "row 10: wink_lab.broken.Backbone.forward" in line


def test_frames_are_read_anew_where_the_code_that_reads_them_changed(inside: Path, tmp_path: Path) -> None:
    file = inside / "src" / "wink_lab" / "dim.py"
    caches = []
    for share in (2, 16):
        file.write_text(
            "from wink_lab.data import JsonFaces\nclass Dim(JsonFaces):\n"
            f"    def read(self, row):\n        return super().read(row) // {share}\n"
        )
        importlib.invalidate_caches()
        sys.modules.pop("wink_lab.dim", None)
        linecache.checkcache()
        with opened([], conf_dir()):
            source = importlib.import_module("wink_lab.dim").Dim(str(inside / "faces"))
            caches.append(cached_frames(source, 16, tmp_path).images)
    file.unlink()
    assert caches[0].max() > 16 > caches[1].max()


def test_nothing_else_is_open(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "model/loss=log_distance", "model.loss._target_=os.system"]) == 2
    assert "os.system is not allowed as a target" in capsys.readouterr().err
    assert main(["train", "model/loss=log_distance", "model.loss._target_=wink_lab.loss.torch.load"]) == 2
    assert "is not allowed as a target" in capsys.readouterr().err


def test_names_of_own_options_are_in_the_hints(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "data=my_face"]) == 2
    assert "data=my_face: no such option; did you mean data=my_faces?" in capsys.readouterr().err
    assert main(["train", "model/loss=log_distanc"]) == 2
    assert "did you mean model/loss=log_distance?" in capsys.readouterr().err
    assert main(["train", "--help"]) == 0
    assert "my_faces" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("allow: [os]", "allow: os is not code of your own"),
        ("allow: wink_lab", "'allow': expected a list of packages, got 'wink_lab'"),
        ("alow: [wink_lab]", "no such key; expected one of allow, config_dir, source"),
        ("config_dir: nowhere", "no such folder"),
        ("allow: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_file_is_refused(
    content: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "faceline.yaml").write_text(content)
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 2
    assert line in capsys.readouterr().err


def test_a_config_with_the_name_of_one_of_ours_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "cnn.yaml").write_text("lr: 1")
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--config-dir", "mine"]) == 2
    assert "faceline has a config model/cnn.yaml of its own" in capsys.readouterr().err


def test_a_flag_opens_a_package_for_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "blinks.py").write_text("from torch.nn import MSELoss\nclass Blink(MSELoss):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    asked = ["train", "model.loss._target_=blinks.Blink", "~model.loss.beta", "--cfg", "job"]
    assert main(["train", "model.loss._target_=blinks.Blink", "~model.loss.beta", "debug=fdr"]) == 2
    assert "if blinks is your own code, add --allow blinks" in capsys.readouterr().err
    assert main([*asked, "--allow", "blinks"]) == 0
    assert "FACELINE_ALLOW" not in os.environ


@pytest.mark.parametrize("name", ["Wink Lab", "class", "numpy", "os"])
def test_init_refuses_what_is_no_name_of_a_package(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / name)]) == 2
    assert not (tmp_path / name).exists()


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wink").mkdir()
    (tmp_path / "wink" / "notes.txt").write_text("mine")
    assert main(["init", str(tmp_path / "wink")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "wink").iterdir()) == ["notes.txt"]


def test_the_project_passes_its_own_linter(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "."],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_project_passes_its_own_tests(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=project, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", sorted(path.stem for path in DOCS.glob("*.md") if path.stem not in ("index",)))
def test_the_code_of_a_page_is_that_of_the_template(page: str) -> None:
    """Every block of Python or YAML of a page lies in a file of the template, which the tests above run."""
    files = [path.read_text() for path in TEMPLATE.rglob("*.in") if path.is_file()]
    blocks = re.findall(r"```(?:python|yaml)\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        assert any(block.strip() in file for file in files), block
