"""A folder with all that commands of the docs name: drawn photos and data sets, two trained runs, a stand, a fleet."""

import importlib
import runpy
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import timm
from mlflow import MlflowClient
from onnx import TensorProto, helper, save
from safetensors.torch import save_file
from tests import drawn
from tests.stand.fleet_here import Fleet

from faceline.benchmarks.serving import free_port
from faceline.cli import main
from faceline.data.synthetic import SyntheticFaces
from faceline.stand.consent.consent_text import OURS
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.people import Consent, Person
from faceline.stand.consent.quality import FrameQuality
from faceline.stand.content.catalogue import DEMO, read_catalogue
from faceline.stand.content.policy import Policy
from faceline.stand.events.store import EventStore
from faceline.stand.simulation import World, audiences, play

ROOT = Path(__file__).parents[2]
WEIGHTS = "weights/mobilenetv2_100_imagenet.safetensors"
TINY = ("debug=limit", "threads=1", "data.size=64")
"""Overrides of a training that takes seconds."""


def write_data(root: Path) -> None:
    """Write what FACELINE_DATA names: both public data sets in small, and the weights of a backbone."""
    drawn.publish(root / "udacity", SyntheticFaces(people=34, videos=2, frames=2, test_frames=1, seed=5))
    written = runpy.run_path(str(ROOT / "scripts/write_youtube_faces.py"))
    asked = [str(root / "youtube_faces"), "--people", "6", "--videos", "3", "--frames", "4"]
    assert written["main"](asked) == 0
    (root / "youtube_faces_synthetic").symlink_to(root / "youtube_faces")
    (root / "weights").mkdir()
    save_file(timm.create_model("mobilenetv2_100").state_dict(), root / WEIGHTS)


def write_files(here: Path) -> None:
    """Write photos, a film, own data and catalogues to a folder, and train two models there; it is the current one."""
    faces = SyntheticFaces(people=12, videos=1, frames=4)
    shutil.copy(ROOT / "docs/synthetic_faces.jpg", here / "photo.jpg")
    drawn.write_table(here / "photos", faces)
    drawn.write_table(here / "faces", faces, five=True)
    drawn.write_film(here / "film.mp4", faces)
    drawn.write_pts(here / "300w", faces)
    drawn.write_people(here / "people", SyntheticFaces(people=6, videos=3, frames=4))
    shutil.copytree(here / "photos", here / "more")
    shutil.copytree(DEMO.parent, here / "mall")
    for file in (here / "mall").iterdir():
        shutil.move(file, here / file.name)
    (here / "catalogue.yaml").rename(here / "mall.yaml")
    shutil.copy(OURS, here / "consent.yaml")
    asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout fleet.key -out fleet.pem"
    subprocess.run(
        ["openssl", *asked.split(), "-subj", "/CN=fleet", "-addext", "subjectAltName=IP:127.0.0.1"], check=True
    )
    (here / "faceline-0.2.0-py3-none-any.whl").write_bytes(b"a wheel")
    _write_models(here)
    _write_stand(here)
    _write_project(here / "project")


def runs(here: Path) -> list[str]:
    """The ids of the landmark runs on drawn faces, the first one first."""
    client = MlflowClient(f"sqlite:///{here}/mlruns/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    found = client.search_runs(experiments, "tags.task = 'landmarks'", order_by=["attributes.start_time ASC"])
    return [str(run.info.run_id) for run in found]


def _write_models(here: Path) -> None:
    """Train two runs, one of them the champion that followed the other, and export one."""
    for seed in (0, 1):
        assert main(["train", "experiment=landmarks/cnn", *TINY, f"seed={seed}"]) == 0
    first, second = runs(here)
    assert main(["promote", f"run_id={first}"]) == 0
    assert main(["promote", f"run_id={second}", "force=true", "reason=a test"]) == 0
    assert main(["export", f"run_id={first}", "output=FILE", "frames=4"]) == 0
    for name in ("before.faceline", "own.faceline"):
        shutil.copy(here / "FILE", here / name)
    for name in ("landmarks.ckpt", "mlruns/landmarks.ckpt"):
        shutil.copy(here / f"mlruns/runs/{first}/checkpoints/best.ckpt", here / name)
    _write_embedder(here / "arcface.onnx", ("n", 3, 112, 112), (2, 3))
    _write_embedder(here / "dlib.onnx", ("n", 3, 150, 150), (2, 3))
    _write_embedder(here / "own.onnx", ("n", 112, 112, 3), (1, 2))


def _write_embedder(file: Path, shape: tuple[str | int, ...], over: tuple[int, int]) -> None:
    """Write an embedder that gives the mean colours of a face."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=over, keepdims=0)
    graph = helper.make_graph([node], "g", [given], [made])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), file)


def _write_stand(here: Path) -> None:
    """Write the folders of a stand that has run for some days, with somebody enrolled, and of a fleet."""
    assert main(["stand", "seconds=1", f"port={free_port()}"]) == 0
    catalogue, rng = read_catalogue(DEMO), np.random.default_rng(0)
    policy = Policy(catalogue, stand="north", control_share=0.4, seed=0, draws=0)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with EventStore(f"sqlite:///{here / 'stand/events.db'}", interval=0.01) as events:
        for begin in (datetime(2026, 3, 1, tzinfo=UTC), today - timedelta(days=3)):
            for audience in audiences(3, 40, begin, rng):
                events.append(*play(policy, audience, World(catalogue, 0), rng, learn=False, write=True).events)
        assert events.flush(30.0)
    for name in ("a", "b", "north", "chain"):
        shutil.copy(here / "stand/events.db", here / f"{name}.db")
    assert main(["ship", "to=chain"]) == 0
    keys = here / "stand/template.keys"
    with Enrolment(f"sqlite:///{here / 'stand/people.db'}", key_file=keys, model="m") as people:
        consent = Consent("Ada", "greeting", "1", today, today + timedelta(days=9))
        quality = FrameQuality(width_px=150.0, sharpness=500.0, yaw=0.0, pitch=0.0)
        ada = people.enrol(Person(), consent, np.ones((5, 8), np.float32), [quality] * 5, by="desk")
    (here / "person.txt").write_text(ada)
    fleet = Fleet(here / "fleet")
    fleet.services.roster.new_group("malls")
    fleet.stop()


def _write_project(folder: Path) -> None:
    """Write a project of one's own with the faces that its data source reads, as docs/extend/ describes it."""
    importlib.import_module("faceline.commands.init").main(str(folder))
    drawn.write_people(folder / "faces", SyntheticFaces(people=6, videos=2, frames=4, seed=3))
