"""People are recognised from Python as a stand recognises them, and mistakes are told in one line."""

import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import faceline
from faceline.drawing.person import PosedFace, draw_person
from faceline.errors import InputError
from faceline.geometry.crops import align_face
from faceline.geometry.face_model import rotation
from faceline.inference import recognition
from faceline.inference.bundle import DEFAULT, locate_bundle, write_bundle
from faceline.inference.runtime import EmbedderRuntime
from faceline.stand.camera.demo_visitors import DemoScene, DemoVisitors

PAGE = Path(__file__).parents[3] / "docs" / "python.md"
PHOTO = np.full((40, 50, 3), 128, np.uint8)
LANDMARKS = np.random.default_rng(0).uniform(5, 35, (68, 2)).astype(np.float32)


def drawn(person: int, yaw: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A picture of a drawn person, and the landmarks in it."""
    shape, looks, scenery = DemoScene(DemoVisitors(0)).person(person)
    image = np.full((300, 300, 3), 210, np.uint8)
    posed = PosedFace(shape, rotation(yaw, 0.0, 0.0), 45.0, (150.0, 120.0))
    draw_person(image, posed, looks, scenery)
    return image, posed.to_pixels(posed.shape)[:, :2].astype(np.float32)


def test_a_face_is_embedded_as_the_stand_embeds_it() -> None:
    image, landmarks = drawn(0)
    found = faceline.embed_face(image, landmarks)
    runtime = EmbedderRuntime()
    expected = runtime.embed(align_face(image, landmarks, runtime.size)[None])[0]
    np.testing.assert_array_equal(found, expected)
    assert found.shape == (128,) and found.dtype == np.float32
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


def test_pictures_of_one_person_are_more_alike_than_those_of_two() -> None:
    one, again, other = (faceline.embed_face(*drawn(person, yaw)) for person, yaw in ((0, 0), (0, 8), (3, 0)))
    assert one @ again > one @ other
    assert one @ again > faceline.match_threshold(0.001)


def test_the_example_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file, yaw in (("monday.jpg", 0.0), ("friday.jpg", 5.0)):
        Image.fromarray(drawn(0, yaw)[0]).save(file)
    (example,) = (code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S) if "embed_face" in code)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["same_person"]


def test_a_share_may_be_a_number_of_numpy() -> None:
    assert faceline.match_threshold(np.float32(0.001)) == pytest.approx(faceline.match_threshold(0.001), abs=1e-6)


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(recognition).failed == 0


@pytest.mark.parametrize(
    ("image", "face", "words"),
    [
        (PHOTO[..., 0], LANDMARKS, "expected an RGB image"),
        (PHOTO, LANDMARKS[:5], r"face: expected a face of detect_faces, or landmarks \(68, 2\), got float32"),
        (PHOTO, LANDMARKS.astype(str), "face: expected a face of detect_faces"),
        (PHOTO, np.full((68, 2), np.nan), "do not form a face that can be aligned"),
        (PHOTO, np.full((68, 2), 7), "do not form a face that can be aligned"),
        (PHOTO, LANDMARKS + 60, "face: it lies outside of this image of 50 x 40; give the image it was found in"),
        (PHOTO, LANDMARKS - 60, "face: it lies outside of this image"),
        (PHOTO, LANDMARKS / 50, "face: its landmarks span less than 4 pixels; give them in pixels of the image"),
    ],
)
def test_what_cannot_be_embedded_is_refused(image: Any, face: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        faceline.embed_face(image, face)


@pytest.mark.parametrize("share", [0, 1, -1, 2.5, float("nan")])
def test_a_rate_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="false_match: expected a share above 0 and below 1, got"):
        faceline.match_threshold(share)


def test_bundles_that_cannot_recognise_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is made for landmarks; give one that is made for embedding"):
        faceline.embed_face(PHOTO, LANDMARKS, bundle=locate_bundle(DEFAULT))
    bundle = EmbedderRuntime().bundle
    write_bundle(tmp_path / "raw.faceline", bundle.manifest.model_copy(update={"calibration": None}), bundle.onnx)
    with pytest.raises(InputError, match=r"raw.faceline: was not calibrated"):
        faceline.match_threshold(bundle=tmp_path / "raw.faceline")
