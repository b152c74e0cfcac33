"""``faceline stand`` and its benchmark as commands, and what they import."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from faceline.benchmarks.serving import free_port
from faceline.benchmarks.stand import _SimulatedFrames, record
from faceline.cli import main
from faceline.config.plain import read_settings
from faceline.errors import InputError
from faceline.inference.onnx_embedder import OnnxEmbedder
from faceline.stand import assembly as stand
from faceline.stand.board import Board
from faceline.stand.camera.demo_visitors import DemoScene, DemoVisitors
from faceline.stand.camera.detector import FaceDetector, make_detector
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.likeness import OneThreshold, Rule
from faceline.stand.consent.people import Consent, Person
from faceline.stand.consent.quality import FrameQuality
from faceline.stand.content.catalogue import DEMO, read_catalogue
from faceline.stand.events.store import EventStore
from faceline.stand.recognition.embedder import COLOURS, open_embedder
from faceline.stand.recognition.recogniser import Recogniser
from faceline.stand.settings import SETTINGS, Stand, Watching
from faceline.stand.web.app import create_app
from faceline.stand.web.figures import Figures
from faceline.types import Boxes, Image

HEAVY = ("torch", "lightning", "pytorch_lightning", "mlflow", "hydra", "torchvision", "timm")


def test_the_stand_imports_nothing_of_training() -> None:
    program = (
        "import sys, faceline.stand.assembly, faceline.stand.camera.demo_visitors, faceline.benchmarks.stand; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def port() -> Iterator[int]:
    """A port that somebody else uses."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["source=nowhere.mp4"], "source: nowhere.mp4: expected demo, the number of a camera"),
        (["catalogue=nowhere.yaml"], "nowhere.yaml: no such file"),
        (["config=nowhere.yaml"], "nowhere.yaml: no such file"),
        (["bundle=nowhere.faceline"], "no such bundle"),
        (["detector=nowhere.onnx"], "detector: nowhere.onnx: no such file; give a YuNet network"),
        (["clusters=nowhere.json"], "clusters: nowhere.json: no such file"),
        (["embedder=nowhere.faceline"], "nowhere.faceline: no such bundle"),
        ([f"embedder={stand.DRAWN}"], "is made for landmarks; give one that is made for embedding"),
        (["embedder=nowhere.onnx"], "embedder: nowhere.onnx: no such file; give an ONNX model that embeds faces"),
        (["port=0"], "port"),
        (["prot=80"], "port"),
        (["host=no.such.host.invalid"], "host: no.such.host.invalid: "),
        (["host=192.0.2.1"], "host: 192.0.2.1: is no address of this machine"),
        (["embedder=."], "embedder: .: is a folder, where a file is needed; give an ONNX model"),
        (["detector=."], "detector: .: is a folder, where a file is needed; give a YuNet network"),
        (["bundle=."], "is a folder, where a file is needed; faceline export"),
        (["certificate=nowhere.pem"], "certificate: nowhere.pem: no such file"),
        (["certificate=file", "certificate_key=nowhere.pem"], "certificate_key: nowhere.pem: no such file"),
        (["certificate=file"], "certificate: file: expected a certificate and its key"),
        (["certificate_key=file"], "certificate: missing"),
        (["consent_text=nowhere.yaml"], "nowhere.yaml: no such file"),
        (["folder=file"], "folder: file: no folder can be made there"),
        (["folder=file/below"], "folder: file/below: no folder can be made there"),
        (["zone=Mars"], "zone: Mars: no such time zone"),
        (["store=mysql://x"], "store: expected sqlite:///FILE"),
        (["name=a/b"], "name"),
        (["keep_days=1000000"], "keep_days: expected at most 36500, got 1000000"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["stand", f"port={free_port()}", *arguments]) == 2
    line = capsys.readouterr().err.strip()
    assert line.startswith("faceline: error: ")
    assert "\n" not in line
    assert told in line


def test_a_stand_that_cannot_start_ends_its_process_with_one_line(tmp_path: Path) -> None:
    """In a process of its own: a thread that still runs at its end may bring it down."""
    command = [sys.executable, "-m", "faceline", "stand", f"port={free_port()}", "clusters=nowhere.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300)
    assert done.returncode == 2
    assert done.stderr.startswith("faceline: error: clusters: nowhere.json: no such file")
    assert done.stderr.count("\n") == 1


def test_an_address_in_use_is_refused_before_anything_is_made(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["stand", f"port={port}"]) == 2
    answer = capsys.readouterr()
    assert answer.err.startswith(f"faceline: error: port: 127.0.0.1:{port} cannot be used: Address already in use; ")
    assert not answer.out, "no password is told"
    assert not list(tmp_path.iterdir())


def test_a_second_stand_in_the_same_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings("stand", ["folder=here"], SETTINGS["stand"])
    assert isinstance(settings, Stand)
    with stand.build(settings):
        assert main(["stand", "folder=here", f"port={free_port()}"]) == 2
        assert "folder: here: another stand runs there; give each its own" in capsys.readouterr().err
    with stand.build(settings) as (_, services):
        assert services.enrolment is not None
        assert services.enrolment.rule is not None  # so that nobody is enrolled twice


def test_without_an_embedder_people_keep_their_rights_and_their_consents_end(tmp_path: Path) -> None:
    file, frames = tmp_path / "people.db", np.ones((3, 8), np.float32)
    settings = read_settings("stand", [f"folder={tmp_path}", "embedder=none"], SETTINGS["stand"])
    assert isinstance(settings, Stand)
    with stand.build(settings) as (_, services):
        secrets = services.secrets.new
        assert services.enrolment is None and not file.exists(), "nothing is made where nobody was ever enrolled"
    with Enrolment(f"sqlite:///{file}", key_file=tmp_path / "template.keys", model="m") as enrolment:
        for name, seconds in (("Anna", 9000), ("Ben", 1)):
            at = datetime.now(UTC)
            consent = Consent(name, "greeting", "1", at, at + timedelta(seconds=seconds))
            enrolment.enrol(Person(), consent, frames, [FrameQuality(120.0, 90.0, 0.0, 0.0)] * 3, by="desk")
    with stand.build(settings) as (_, services), TestClient(create_app(services), "http://localhost") as client:
        assert services.enrolment is not None and secrets is not None
        end = time.monotonic() + 20
        while len(services.enrolment.people()) > 1 and time.monotonic() < end:
            time.sleep(0.05)
        (anna,) = services.enrolment.people()
        client.post("/login", data={"name": "operator", "password": secrets.passwords["operator"]})
        page = client.get("/operator/people").text
        assert "Nobody is recognised" in page and "Anna" in page
        csrf = {"csrf": page.split('name="csrf" value="')[1].split('"')[0]}
        exported = client.post(f"/operator/people/{anna['person']}/export", data=csrf).json()
        assert exported["consent"]["given_by"] == "Anna" and len(exported["template"]) == 1
        assert "Anna" not in client.post(f"/operator/people/{anna['person']}/withdraw", data=csrf).text


def test_bad_content_is_refused_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mall.yaml").write_text(
        "version: 1\ncampaigns: [{id: a, name: A}]\ncontents:\n"
        "  - {id: x, campaign: a, title: X, media: ../../etc/passwd.png}\nloop: [x]\n"
    )
    assert main(["stand", "catalogue=mall.yaml", f"port={free_port()}"]) == 2
    told = capsys.readouterr().err
    assert "mall.yaml" in told
    assert "row 4" in told
    assert "below the folder of the catalogue" in told


def test_a_ready_embedder_needs_a_threshold_and_that_of_the_demo_has_one(tmp_path: Path) -> None:
    own = tmp_path / "own.onnx"
    shutil.copy(COLOURS, own)

    def threshold(file: Path, *given: str) -> float:
        settings = read_settings("stand", list(given), SETTINGS["stand"])
        assert isinstance(settings, Stand)
        return open_embedder(settings, file)[1].threshold(0.001)

    assert threshold(COLOURS) == 0.45
    assert threshold(own, "threshold=0.3") == 0.3
    with pytest.raises(InputError, match=r"missing, and .*own\.onnx has none.*threshold_at_fpir_1pct") as refusal:
        threshold(own)
    assert refusal.value.column == "threshold"


def test_the_stand_runs_for_some_seconds_ends_well_and_keeps_no_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "faceline", "stand", "folder=stand", f"port={free_port()}", "seconds=6"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True, timeout=900)
    assert "name operator, password" in done.stdout
    assert "what was pending is written" in done.stdout
    with sa.create_engine(f"sqlite:///{tmp_path / 'stand' / 'events.db'}").connect() as connection:
        kinds = set(connection.execute(sa.text("SELECT DISTINCT kind FROM events")).scalars())
    assert {"decision_made", "impression_started", "impression_ended"} <= kinds
    assert not any(sign in _on_disk(tmp_path) for sign in _PICTURES)
    url, at = f"sqlite:///{tmp_path / 'stand' / 'people.db'}", datetime.now(UTC)
    with Enrolment(url, key_file=tmp_path / "stand" / "template.keys", model="another") as enrolment:
        consent = Consent("Anna", "greeting", "1", at, at + timedelta(days=9))
        frames, quality = np.ones((3, 8), np.float32), [FrameQuality(120.0, 90.0, 0.0, 0.0)] * 3
        enrolment.enrol(Person(), consent, frames, quality, by="desk")
    again = subprocess.run([*command[:-1], "seconds=0.5"], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "password " not in again.stdout, "told once only"
    assert "Not recognised: 1 enrolled with another face model." in again.stdout
    (tmp_path / "stand" / "template.keys").unlink()
    command[-1:] = ["seconds=0.5", "embedder=none"]
    lost = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "opens what is stored of 1 of 1 enrolled people" in lost.stdout


@pytest.mark.no_cover  # other tests cover the stand; counting its lines takes half as long again
@pytest.mark.parametrize("minutes", [0.5, pytest.param(60, marks=pytest.mark.slow)])
def test_an_hour_leaves_no_image_and_no_template_of_strangers_on_the_disk(
    minutes: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulated hour or its start, with recognition on, somebody enrolled, and everybody else a stranger."""
    rate = 2.0  # frames a second; of fewer, no face is seen often enough to be followed
    seen: list[np.ndarray] = []

    class Watched(OnnxEmbedder):
        def embed(self, faces: np.ndarray) -> np.ndarray:
            seen.append(super().embed(faces))
            return seen[-1]

    class Remembering:
        """A detector that is asked once for each of the frames, which come again and again."""

        def __init__(self, detector: FaceDetector) -> None:
            self.detector, self.known = detector, dict[bytes, Boxes]()

        def detect(self, image: Image) -> Boxes:
            frame = image.tobytes()
            if frame not in self.known:
                self.known[frame] = self.detector.detect(image)
            return self.known[frame].copy()

    monkeypatch.setattr(stand, "make_detector", lambda name: Remembering(make_detector(name)))
    embedder = Watched(str(COLOURS))
    at = datetime.now(UTC)
    good = FrameQuality(120.0, 90.0, 0.0, 0.0)
    own = np.tile(np.random.default_rng(0).normal(size=48).astype(np.float32), (3, 1))
    settings = read_settings("benchmark_stand", [], SETTINGS["benchmark_stand"])
    assert isinstance(settings, Watching)
    with Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=tmp_path / "keys", model="m") as enrolment:
        enrolment.enrol(
            Person("Ada"), Consent("Ada", "greeting", "1", at, at + timedelta(days=9)), own, [good] * 3, by="desk"
        )
        frames = _SimulatedFrames(record(DemoScene(DemoVisitors(0)), 60.0 * min(minutes, 5), rate), rate)
        loop = stand.Watch(settings, tmp_path).loop(
            frames, EventStore(f"sqlite:///{tmp_path / 'events.db'}"), Board(),
            Recogniser(embedder, enrolment, Rule(OneThreshold(0.45)), photos=False, at_once=True), clock=frames.clock,
        )  # fmt: skip
        for _ in range(round(60 * minutes * rate)):
            loop.step()
        running = _on_disk(tmp_path)
        loop.close()
    embeddings = np.unique(np.concatenate(seen), axis=0)
    assert len(embeddings) > min(25 * minutes, 100)
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    parts = [row[:8].tobytes() for kind in (embeddings, units, own) for row in kind.astype("<f4")]
    for content in (running, _on_disk(tmp_path)):
        assert len(content) > 50_000
        for sign in (*_PICTURES, *parts):
            assert sign not in content


_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"/9j/4", b"iVBORw0")  # also in base64


def _on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_stand_that_is_told_to_stop_writes_what_is_pending(kind: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "faceline", "stand", "folder=stand", f"port={free_port()}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        told = ""
        while "written" not in told:  # once by the address, at once also where nobody sees the terminal
            line = process.stdout.readline()
            assert line, told
            told += line
            if "stop with Ctrl-C" in line:
                process.send_signal(kind)
    assert "the stand has ended; what was pending is written" in told
    assert process.returncode == 0
    assert json.loads((tmp_path / "stand" / "policy.json").read_text())["contents"] is not None


@pytest.mark.slow
def test_the_benchmark_measures_and_writes_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["seconds=2", "soak_seconds=20", "soak_rate=5", "faces=2", "output=out/benchmark.json"]
    assert main(["benchmark", "stand", *small]) == 0
    told = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert told["speed"]["frames"] > 0
    assert told["speed"]["faces_seen"] > 1
    assert told["speed"]["latency_p50_ms"] <= told["speed"]["latency_p95_ms"]
    assert told["soak"]["frames"] == 100
    assert told["soak"]["events"] > 5
    assert set(told["reached"]) == {"frames_per_second", "latency_p95_ms", "growth_mb"}
    assert "frame to decision, p95" in capsys.readouterr().out
    assert not (tmp_path / "stand").exists()


def test_figures_say_why_there_are_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'events.db'}"
    EventStore(url).close()
    figures = Figures(url, 10, "UTC", lambda: read_catalogue(DEMO))
    told = figures(None)
    assert told["empty"]
    assert figures(None)["at"] == told["at"], "kept for some seconds"
