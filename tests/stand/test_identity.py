"""Enrolled people are named, others are not, and nothing of the others is kept."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnx.parser
import pytest

from faceline.drawing.person import PosedFace, draw_person
from faceline.errors import InputError
from faceline.geometry.crops import align_face
from faceline.geometry.face_model import rotation
from faceline.inference.onnx_embedder import OnnxEmbedder
from faceline.stand.audience.perception import Departure, Face, Sight
from faceline.stand.audience.reactions import Reaction
from faceline.stand.camera.demo_visitors import DemoScene, DemoVisitors
from faceline.stand.clock import Moment
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.likeness import OneThreshold, Rule
from faceline.stand.consent.people import Consent, Gallery, Person
from faceline.stand.recognition.embedder import COLOURS as COLOURS_FILE
from faceline.stand.recognition.presentation import FlatCheck
from faceline.stand.recognition.recogniser import Recogniser, quality_of

LOOKING = Reaction(3.0, True, 4.0, 3.0, 2.0, 0.0, 0.0, 0.0, 1.0, 0.0, "neutral", False)
COLOURS = """
<ir_version: 9, opset_import: ["" : 18]>
colours (float[n, 3, 112, 112] faces) => (float[n, 48] embeddings)
<int64[1] axes = {1}>
{
    small = AveragePool<kernel_shape = [28, 28], strides = [28, 28]>(faces)
    flat = Flatten<axis = 1>(small)
    mean = ReduceMean<keepdims = 1>(flat, axes)
    embeddings = Sub(flat, mean)
}
"""


def test_the_embedder_of_the_demo_looks_at_colours_only() -> None:
    expected = onnx.parser.parse_model(COLOURS)
    onnx.checker.check_model(expected)
    assert onnx.load(COLOURS_FILE) == expected


class Crowd:
    """Pictures of drawn people with their true landmarks."""

    def __init__(self) -> None:
        self.scene = DemoScene(DemoVisitors(0))
        self.rng = np.random.default_rng(0)

    def look(self, person: int) -> tuple[np.ndarray, Face]:
        shape, looks, scene = self.scene.person(person)
        yaw, pitch = self.rng.normal(0, 4, 2)
        image = np.full((300, 300, 3), 210, np.uint8)
        posed = PosedFace(shape, rotation(yaw, pitch, 0.0), 45.0, (150.0, 120.0))
        draw_person(image, posed, looks, scene)
        landmarks = posed.to_pixels(posed.shape)[:, :2]
        return image, Face(person, landmarks, float(yaw), float(pitch), 0.0, 90.0, LOOKING, 0.0)


@pytest.fixture(autouse=True)
def quick_gallery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes of who is enrolled are seen at once."""
    monkeypatch.setattr("faceline.stand.recognition.recogniser._GALLERY_EVERY", 0.05)


class Rehearsal:
    def __init__(self, folder: Path) -> None:
        self.crowd, self.now = Crowd(), 100.0
        embeds = OnnxEmbedder(str(COLOURS_FILE))
        self.enrolment = Enrolment(
            f"sqlite:///{folder / 'people.db'}", key_file=folder / "keys", model=f"colours-{embeds.version}"
        )
        self.recogniser = Recogniser(embeds, self.enrolment, Rule(OneThreshold(0.9), lead=0.0), photos=False)

    def see(self, *people: int, times: int = 1, gone: tuple[int, ...] = ()) -> dict[int, tuple[str, Person]]:
        for _ in range(times):
            self.now += 0.6
            for person in people:
                image, face = self.crowd.look(person)
                departures = tuple(Departure(number, self.now) for number in gone)
                sight = Sight(
                    Moment(datetime.now(UTC), self.now), 1, (300, 300), (face,), frozenset(people), departures
                )
                self.recogniser.look(sight, image)
                self.recogniser.settle()
                self.now += 0.6
        return self.recogniser.known(sight)

    def enrol(self, person: int) -> str:
        future = self.recogniser.collect(person)
        for _ in range(12):
            if future.done():
                break
            self.see(person)
        samples = future.result(timeout=5).samples
        now = datetime.now(UTC)
        consent = Consent("Ada Lovelace", "greeting", "1", now, now + timedelta(days=9))
        embeddings = np.stack([sample.embedding for sample in samples])
        name = self.enrolment.enrol(
            Person("Ada"), consent, embeddings, [sample.quality for sample in samples], by="desk"
        )
        self.recogniser.refresh()
        return name

    def close(self) -> None:
        self.recogniser.close()
        self.enrolment.close()


def test_who_is_enrolled_is_named_others_are_not_and_withdrawal_holds_at_once(tmp_path: Path) -> None:
    stage = Rehearsal(tmp_path)
    assert stage.see(2, times=3) == {}
    name = stage.enrol(2)
    known = stage.see(2, times=3)
    assert {number: (who, person.greeting) for number, (who, person) in known.items()} == {2: (name, "Ada")}
    for stranger in (0, 1, 5, 9):
        assert stage.see(stranger, times=3) == {}
    assert len(stage.enrolment.people()) == 1, "strangers leave nothing"
    stage.enrolment.withdraw(name, by="desk")
    stage.recogniser.refresh()
    assert stage.see(2, times=2) == {}
    _, face = stage.crowd.look(2)
    moment = Moment(datetime.now(UTC), stage.now)
    standing = stage.recogniser.standings(Sight(moment, 1, (300, 300), (face,), frozenset({2}), ()))[2]
    assert (standing.why, standing.probability, standing.similarity) == ("nobody to compare with", None, -1.0)
    stage.close()


def test_who_leaves_is_forgotten(tmp_path: Path) -> None:
    stage = Rehearsal(tmp_path)
    stage.enrol(2)
    stage.see(2, times=2)
    assert 2 in stage.recogniser._visitors
    stage.see(1, gone=(2,))
    assert set(stage.recogniser._visitors) == {1}
    stage.close()


def test_frames_of_somebody_who_leaves_are_too_few_to_enrol(tmp_path: Path) -> None:
    stage = Rehearsal(tmp_path)
    future = stage.recogniser.collect(4)
    with pytest.raises(InputError, match="just now"):
        stage.recogniser.collect(5)
    stage.see(1)
    gathered = future.result(timeout=5)
    assert (gathered.samples, gathered.gone, gathered.photo) == ([], True, False)
    stage.close()


def test_what_the_check_for_photos_says_comes_with_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Rehearsal(tmp_path)
    monkeypatch.setattr(FlatCheck, "verdict", True)
    future = stage.recogniser.collect(2)
    while not future.done():
        stage.see(2)
    assert future.result().photo and not future.result().gone
    stage.close()


def comes(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def test_without_its_keys_a_stand_recognises_nobody_and_goes_on(tmp_path: Path) -> None:
    stage = Rehearsal(tmp_path)
    name = stage.enrol(2)
    keys = tmp_path / "keys"
    keys.rename(tmp_path / "away")
    stage.enrolment.export(name, by="desk")
    assert comes(lambda: stage.recogniser.enrolled == 0)
    assert f"{keys}: the keys cannot be read: No such file" in str(stage.recogniser.problem)
    (tmp_path / "away").rename(keys)
    assert comes(lambda: stage.recogniser.enrolled == 1)
    assert stage.recogniser.problem is None
    stage.close()


def test_whatever_breaks_the_gallery_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Rehearsal(tmp_path)
    stage.enrol(2)

    def breaks() -> Gallery:
        raise RuntimeError("something unforeseen")

    with monkeypatch.context() as patch:
        patch.setattr(stage.enrolment, "gallery", breaks)
        assert comes(lambda: stage.recogniser.enrolled == 0)
        assert stage.recogniser.problem == "Nobody is recognised: something unforeseen"
        assert stage.see(2, times=3) == {}
    assert comes(lambda: stage.recogniser.enrolled == 1)
    assert stage.recogniser.problem is None
    stage.close()


@pytest.mark.parametrize("error", [InputError("out of memory", file="colours.onnx"), RuntimeError("out of memory")])
def test_an_embedder_that_fails_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    stage = Rehearsal(tmp_path)
    stage.enrol(2)

    def fails(images: np.ndarray) -> np.ndarray:
        raise error

    monkeypatch.setattr(stage.recogniser._embedder, "embed", fails)
    stage.see(2)
    assert stage.recogniser.problem is not None
    assert "out of memory" in stage.recogniser.problem
    monkeypatch.undo()
    stage.see(2)
    assert stage.recogniser.problem is None
    stage.close()


def test_a_look_that_cannot_be_judged_is_told_and_stops_nothing(tmp_path: Path) -> None:
    class Unjudged(OneThreshold):
        def threshold(self, false_match: float, visits: int = 1) -> float:
            raise ValueError("no such rate")

    stage = Rehearsal(tmp_path)
    name, rule = stage.enrol(2), stage.recogniser.rule
    stage.recogniser.rule = Rule(Unjudged(0.9))
    assert stage.see(2) == {}
    assert stage.recogniser.problem == "no such rate"
    stage.recogniser.rule = rule
    assert stage.see(2, times=3)[2][0] == name
    assert stage.recogniser.problem is None
    stage.close()


def test_the_quality_of_a_frame_tells_sharp_from_blurred() -> None:
    import cv2  # noqa: PLC0415

    image, face = Crowd().look(1)
    sharp = quality_of(face, align_face(image, face.landmarks, 112))
    blurred = quality_of(face, align_face(cv2.GaussianBlur(image, (0, 0), 5), face.landmarks, 112))
    assert sharp.sharpness > 3 * blurred.sharpness
    assert (sharp.width_px, sharp.yaw) == (90.0, face.yaw)
