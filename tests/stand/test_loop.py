"""The loop lives on through faults that are put in its way, and tells each on the board."""

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
import sqlalchemy as sa
from tests.stand.web_stand import CATALOGUE, PNG

from faceline.inference.onnx_embedder import OnnxEmbedder
from faceline.inference.runtime import LandmarkRuntime
from faceline.stand.assembly import DRAWN
from faceline.stand.audience.perception import MOST_FACES, Perception, tints_around
from faceline.stand.audience.reactions import ReactionSettings
from faceline.stand.audience.sessions import Sessions
from faceline.stand.board import Board
from faceline.stand.camera.capture import Capture, CaptureHealth, Frame, SourceLostError
from faceline.stand.camera.demo_visitors import DemoScene, DemoVisitors
from faceline.stand.camera.detector import OwnDetector
from faceline.stand.clock import Moment
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.likeness import OneThreshold, Rule
from faceline.stand.content.catalogue import read_catalogue
from faceline.stand.content.policy import Policy
from faceline.stand.director import Director
from faceline.stand.events.store import EventStore
from faceline.stand.loop import Loop, Speed
from faceline.stand.recognition.embedder import COLOURS
from faceline.stand.recognition.recogniser import Recogniser

RATE = 10.0


class Frames:
    """Gives frames of a scene as fast as it is asked, and a clock that goes with it."""

    def __init__(
        self, draw: Callable[[float], np.ndarray | None], start: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)
    ) -> None:
        self.draw, self.start, self.number = draw, start, 0
        self.health = CaptureHealth()

    def clock(self) -> Moment:
        return Moment(self.start + timedelta(seconds=self.number / RATE), self.number / RATE)

    def newest(self, timeout: float) -> Frame | None:
        self.number += 1
        image = self.draw(self.number / RATE)
        return None if image is None else Frame(image, self.clock(), self.number)

    def close(self) -> None: ...


class Fixture:
    def __init__(self, folder: Path, frames: object, store: str | None = None) -> None:
        (folder / "media").mkdir(parents=True, exist_ok=True)
        (folder / "media" / "catalogue.yaml").write_text(CATALOGUE)
        (folder / "media" / "cup.png").write_bytes(PNG)
        catalogue = read_catalogue(folder / "media" / "catalogue.yaml")
        self.url = store or f"sqlite:///{folder / 'events.db'}"
        self.store = EventStore(self.url, interval=0.02)
        reactions = ReactionSettings()
        policy = Policy(catalogue, stand="s", state=folder / "policy.json", seed=0, draws=50)
        self.director = Director(policy, Sessions(), reactions, self.store.append)
        perception = Perception(LandmarkRuntime(DRAWN), OwnDetector(), reactions)
        self.board = Board()
        clock = {"clock": frames.clock} if hasattr(frames, "clock") else {}
        self.loop = Loop(frames, perception, self.director, self.store, None, self.board, **clock)

    def run(self, frames: int) -> None:
        for _ in range(frames):
            self.loop.step()

    def kinds(self) -> dict[str, int]:
        assert self.store.flush()
        with sa.create_engine(self.url).connect() as connection:
            rows = connection.execute(sa.text("SELECT kind, count(*) FROM events GROUP BY kind")).all()
        return {str(kind): int(count) for kind, count in rows}


class Drawn:
    """Pictures of a scene, drawn once for all tests."""

    def __init__(self) -> None:
        self.scene, self.frames = DemoScene(DemoVisitors(0)), list[np.ndarray]()

    def draw(self, time: float) -> np.ndarray:
        while len(self.frames) <= round(time * RATE):
            self.frames.append(self.scene.draw(len(self.frames) / RATE))
        return self.frames[round(time * RATE)].copy()


@pytest.fixture(scope="module")
def scene() -> Drawn:
    return Drawn()


def test_drawn_visitors_become_visits_and_reactions_through_the_whole_of_the_stand(
    tmp_path: Path, scene: Drawn
) -> None:
    stand = Fixture(tmp_path, Frames(scene.draw))
    stand.run(220)
    stand.loop.close()
    kinds = stand.kinds()
    truth = {(v.person, v.comes) for t in range(22) for v in DemoVisitors(0).at(float(t)) if v.comes < 19}
    assert abs(kinds["visitor_appeared"] - len(truth)) <= 1
    assert kinds["visitor_left"] == kinds["visitor_appeared"]
    assert kinds["impression_ended"] == kinds["impression_started"] == kinds["decision_made"] > 6
    assert kinds["attention_held"] > 3
    assert kinds["reacted"] >= 1


def test_whoever_leaves_while_no_frames_come_is_forgotten_too(tmp_path: Path, scene: Drawn) -> None:
    stand = Fixture(tmp_path, Frames(lambda at: scene.draw(at) if at < 6 else None))
    embeds = OnnxEmbedder(str(COLOURS))
    enrolment = Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=tmp_path / "keys", model="colours")
    stand.loop.recogniser = recogniser = Recogniser(embeds, enrolment, Rule(OneThreshold(0.9), lead=0.0))
    stand.run(59)
    assert recogniser._visitors
    stand.run(60)
    assert stand.board.state.faces == ()
    assert not recogniser._visitors, "the pictures of their faces would stay in memory"
    stand.loop.close()
    enrolment.close()


@pytest.mark.slow
def test_landmarks_of_drawn_visitors_follow_their_smiles(scene: Drawn) -> None:
    perception = Perception(LandmarkRuntime(DRAWN), OwnDetector(), ReactionSettings())
    smiles: dict[bool, list[float]] = {True: [], False: []}
    visitors = DemoVisitors(0)
    for number in range(300):
        at = number / RATE
        sight = perception.look(Frame(scene.draw(at), Moment(datetime.now(UTC), at), number), "content")
        for face in sight.faces:
            visit = min(visitors.at(at), key=lambda v: abs(v.place(at)[0] - face.landmarks[:, 0].mean()))
            truth = visit.expression(at).smile
            if face.reaction.dwell > 1.5 and abs(visit.pose(at)[0]) < 15 and (truth < 0.02 or truth > 0.85):
                smiles[truth > 0.5].append(face.reaction.smile)
    limit = ReactionSettings().smile
    assert len(smiles[True]) > 30
    assert np.mean(np.array(smiles[True]) > limit) > 0.8
    assert np.mean(np.array(smiles[False]) > limit) < 0.03


def test_with_no_face_the_loop_shows_the_standard_contents(tmp_path: Path) -> None:
    wall = np.full((480, 640, 3), 128, np.uint8)
    stand = Fixture(tmp_path, Frames(lambda _: wall))
    stand.run(100)
    stand.loop.close()
    assert set(stand.kinds()) == {"decision_made", "impression_started", "impression_ended"}


def test_fifty_faces_are_bounded_by_the_nearest(tmp_path: Path) -> None:
    from faceline.benchmarks.stand import StandingVisitors  # noqa: PLC0415

    class ManyFaces:
        def detect(self, image: np.ndarray) -> np.ndarray:
            return np.array([[12 + 62 * (i % 10), 8 + 94 * (i // 10), 40.0 + i / 10, 40.0 + i / 10] for i in range(50)])

    image = DemoScene(StandingVisitors(6)).draw(1.0)
    perception = Perception(LandmarkRuntime(DRAWN), ManyFaces(), ReactionSettings(), detect_every=1)
    for number in range(5):
        sight = perception.look(Frame(image, Moment(datetime.now(UTC), number / RATE), number))
    assert 0 < len(sight.faces) <= MOST_FACES
    assert tints_around(image, np.array([[-20.0, -20.0, 30.0, 30.0], [630, 470, 60, 60]])).sum(axis=1) == pytest.approx(
        1
    )


def test_frames_that_cannot_be_looked_at_stop_nothing(tmp_path: Path, scene: Drawn) -> None:
    frames = Frames(lambda at: None if 4 <= at < 5 else scene.draw(at))
    stand = Fixture(tmp_path, frames)
    good = stand.loop.perception._detector

    class Broken:
        def detect(self, image: np.ndarray) -> np.ndarray:
            if 3 <= frames.number / RATE < 4:
                raise cv2.error("a frame that breaks the detector")
            return good.detect(image)

    stand.loop.perception._detector = Broken()
    stand.loop.perception._every = 1  # the detector looks at each frame
    stand.run(38)
    assert stand.board.state.health.warnings == ("A fault: a frame that breaks the detector",)
    stand.run(20)
    assert not stand.board.state.health.warnings
    assert stand.board.state.showing is not None
    stand.loop.close()


class Unplugged:
    """A camera that is unplugged and plugged in again."""

    def __init__(self) -> None:
        self.there, self.image = True, np.full((120, 160, 3), 90, np.uint8)

    def open(self) -> "Unplugged":
        if not self.there:
            raise SourceLostError("cannot open 0")
        return self

    def read(self) -> np.ndarray:
        if not self.there:
            raise SourceLostError("no frame from 0")
        time.sleep(0.01)
        return self.image

    def close(self) -> None: ...


def until(condition: Callable[[], bool], stand: Fixture, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        stand.loop.step()
    assert condition()


def test_a_camera_that_goes_and_comes_back_is_told_and_the_screen_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    camera = Unplugged()
    stand = Fixture(tmp_path, Capture(camera.open, retry=0.02))
    health = lambda: stand.board.state.health  # noqa: E731
    until(lambda: health().camera, stand)
    camera.there = False
    until(lambda: not health().camera, stand)
    assert "No frames from the camera" in health().warnings[0]
    first = stand.board.state.showing
    until(lambda: stand.board.state.showing is not first, stand)
    camera.there = True
    until(lambda: health().camera, stand)
    assert not health().warnings
    assert health().counts["reopened"] >= 1
    logged = [record.message for record in caplog.records if "No frames from the camera" in record.message]
    assert len(logged) == 1, "once in the journal, when it begins"
    stand.loop.close()


def test_a_store_that_goes_pauses_the_writing_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = Fixture(tmp_path, Frames(lambda _: np.full((120, 160, 3), 90, np.uint8)))
    stand.run(30)
    failing = itertools.cycle(["disk I/O error: no space left on device"])
    real = stand.store._try
    monkeypatch.setattr(stand.store, "_try", lambda _: (next(failing), []))
    until(lambda: not stand.board.state.health.logging, stand)
    assert "no space left" in stand.board.state.health.warnings[0]
    stand.run(60)
    monkeypatch.setattr(stand.store, "_try", real)
    until(lambda: stand.board.state.health.logging, stand)
    stand.loop.close()
    kinds = stand.kinds()
    assert kinds["impression_started"] == kinds["impression_ended"]
    assert kinds["logging_paused"] >= 1


def test_what_was_learned_cannot_be_saved_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Fixture(tmp_path, Frames(lambda _: np.full((120, 160, 3), 90, np.uint8)))

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stand.director.policy, "save", full)
    stand.run(620)
    assert any("cannot be saved" in told for told in stand.board.state.health.warnings)
    stand.loop.close()


def test_a_wall_clock_that_jumps_shortens_and_lengthens_nothing(tmp_path: Path) -> None:
    frames = Frames(lambda _: np.full((120, 160, 3), 90, np.uint8))
    stand = Fixture(tmp_path, frames)
    stand.run(30)
    frames.start -= timedelta(days=1000)
    stand.run(30)
    frames.start += timedelta(days=2000)
    stand.run(30)
    stand.loop.close()
    stand.kinds()
    with sa.create_engine(stand.url).connect() as connection:
        seconds = connection.execute(sa.text("SELECT seconds FROM events WHERE kind = 'impression_ended'")).scalars()
        assert all(0 <= value <= 2.2 for value in seconds)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Fixture]:
    camera = Unplugged()
    stand = Fixture(tmp_path, Capture(camera.open))
    stand.loop.start()
    yield stand
    stand.loop.close()


def test_started_in_its_own_thread_it_survives_a_fault_of_the_director(
    started: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)
        assert condition()

    wait(lambda: started.board.state.showing is not None)
    real, calls = started.director.update, itertools.count()

    def broken(*arguments: object) -> object:
        if next(calls) < 3:
            raise RuntimeError("nobody foresaw this")
        return real(*arguments)

    monkeypatch.setattr(started.director, "update", broken)
    wait(lambda: next(calls) > 6)
    assert started.board.state.showing is not None


@pytest.mark.parametrize(("rate", "slow"), [(2.0, True), (7.0, True), (8.5, False), (12.5, False), (25.0, False)])
def test_a_stand_that_is_too_slow_to_count_says_so_after_ten_seconds(rate: float, slow: bool) -> None:
    speed = Speed()
    for frame in range(round(30 * rate)):
        at = 100 + frame / rate
        speed.add(at, 0.02)
        if at < 109:
            assert speed.too_slow(at) is None
    found = speed.too_slow(at)
    assert (found is not None) == slow
    assert found is None or found == pytest.approx(rate, abs=0.2)


def test_a_problem_that_comes_and_goes_is_logged_once_a_while(
    tmp_path: Path, scene: Drawn, caplog: pytest.LogCaptureFixture
) -> None:
    stand = Fixture(tmp_path, Frames(scene.draw))
    for second in range(150):
        stand.loop._note({"slow": f"Too slow {second}"} if (second < 20 and second % 2) or second > 100 else {}, second)
    assert [record.message for record in caplog.records] == ["Too slow 1", "Too slow 101"]
    stand.loop.close()


def test_few_frames_and_late_answers_are_told_and_forgiven_when_the_source_comes_back(
    tmp_path: Path, scene: Drawn
) -> None:
    frames = Frames(scene.draw)
    stand = Fixture(tmp_path, frames)
    for second in range(24):
        stand.loop.speed.add(second / 2, 1.5)
    health = stand.loop.health(12.0)
    assert list(health.problems) == ["slow", "late"]
    assert health.warnings[0].startswith("Too slow to count visitors rightly: 2.")
    assert "1.5 s from a frame" in health.warnings[1]
    frames.health = CaptureHealth(lost="unplugged")
    assert list(stand.loop.health(13.0).problems) == ["camera", "late"]
    frames.health = CaptureHealth()
    assert "slow" not in stand.loop.health(14.0).problems
    stand.loop.close()
