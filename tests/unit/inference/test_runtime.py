"""Landmarks from a bundle, in pixels of the frame that was given; nothing of training is imported."""

import subprocess
import sys

import numpy as np
import onnx
import onnx.parser
import pytest

from faceline.errors import InputError
from faceline.inference.bundle import Bundle, LandmarkManifest, read_bundle
from faceline.inference.runtime import BATCH, LandmarkRuntime

TRAINING = "torch torchvision pytorch_lightning lightning mlflow hydra albumentations timm sklearn pandas matplotlib"


def frame(width: int, height: int, x: int, y: int, light: int = 255, edge: int = 8) -> np.ndarray:
    """Black, with a light square whose first pixel is (x, y)."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[y : y + edge, x : x + edge] = light
    return image


@pytest.mark.parametrize(("width", "height"), [(32, 32), (64, 64), (64, 128), (128, 64)])
def test_landmarks_are_in_pixels_of_the_frame(spot: Bundle, width: int, height: int) -> None:
    points = LandmarkRuntime(spot).detect(frame(width, height, 16, 24))
    assert points.shape == (68, 2)
    assert points == pytest.approx(np.tile([16 + 3.5, 24 + 3.5], (68, 1)), abs=1e-3)


def test_a_batch_of_several_sizes_gives_what_each_frame_gives(spot: Bundle) -> None:
    images = [frame(48 + 8 * i, 64, i, i + 5) for i in range(2 * BATCH + 3)]
    runtime = LandmarkRuntime(spot)
    batch = runtime.detect_batch(images)
    assert batch.confidence is None
    assert batch.landmarks == pytest.approx(np.stack([runtime.detect(image) for image in images]), abs=1e-4)


def test_each_face_of_an_image_has_its_own_landmarks(spot: Bundle) -> None:
    image = frame(400, 300, 100, 100) | frame(400, 300, 300, 200) | frame(400, 300, 2, 280)
    boxes = np.array([[x - 6, y - 6, 20, 20] for x, y in ((100, 100), (300, 200), (2, 280))])
    found = LandmarkRuntime(spot).detect_faces(image, boxes).landmarks
    assert found.dtype == np.float32
    assert found[:, 0] == pytest.approx(np.array([[103.5, 103.5], [303.5, 203.5], [5.5, 283.5]]), abs=1)
    assert LandmarkRuntime(spot).detect_faces(image, boxes[:0]).landmarks.shape == (0, 68, 2)


def test_no_frames_give_no_landmarks(spot: Bundle) -> None:
    assert LandmarkRuntime(spot).detect_batch([]).landmarks.shape == (0, 68, 2)


def test_the_confidence_of_a_model_that_has_one_is_given(write_spot, make_onnx) -> None:
    file = write_spot(make_onnx(confidence=True), outputs=["landmarks", "confidence"])
    found = LandmarkRuntime(file).detect_batch([frame(32, 32, 4, 4), frame(32, 32, 4, 4, light=51)])
    assert found.confidence == pytest.approx([1.0, 0.2])


def test_a_graph_that_cannot_be_run_is_refused(write_spot) -> None:
    with pytest.raises(InputError, match="is no ONNX graph"):
        LandmarkRuntime(write_spot(b"no graph at all"))
    with pytest.raises(InputError, match="cannot be run by this ONNX Runtime"):
        LandmarkRuntime(write_spot(onnx.ModelProto(ir_version=8).SerializeToString()))  # a model without a graph


@pytest.mark.parametrize(("size", "outputs"), [(16, ["landmarks"]), (32, ["landmarks", "confidence"])])
def test_a_graph_that_is_not_what_its_manifest_says_is_refused(write_spot, make_onnx, size, outputs) -> None:
    file = write_spot(make_onnx(size), outputs=outputs)
    takes = f"it takes [('images', 'tensor(uint8)', [{size}, {size}, 3])] and gives ('landmarks',)"
    with pytest.raises(InputError) as refusal:
        LandmarkRuntime(file)
    assert str(refusal.value) == f"{file}: its model is not what its manifest says: {takes}"


def test_sizes_are_expected_where_the_manifest_says_so(write_spot) -> None:
    sized = {"size": 32, "channels": "rgb", "mean": [0.5] * 3, "std": [0.5] * 3, "sizes": True}
    with pytest.raises(InputError, match="is not what its manifest says"):
        LandmarkRuntime(write_spot(input=sized))


SIZED = """
<ir_version: 9, opset_import: ["" : 18]>
sized (uint8[n, 32, 32, 3] images, float[n, 2] sizes) => (float[n, 68, 2] landmarks)
<int64[1] axis = {1}, int64[3] each = {1, 68, 1}, float far = {1000.0}>
{
    share = Div(sizes, far)
    point = Unsqueeze(share, axis)
    landmarks = Tile(point, each)
}
"""


def test_a_model_that_wants_the_sizes_of_the_frames_gets_them(write_spot) -> None:
    sized = {"size": 32, "channels": "rgb", "mean": [0.5] * 3, "std": [0.5] * 3, "sizes": True}
    runtime = LandmarkRuntime(write_spot(onnx.parser.parse_model(SIZED).SerializeToString(), input=sized))
    found = runtime.detect_batch([frame(400, 300, 0, 0), frame(200, 100, 0, 0)]).landmarks
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found[:, 0], [[0.4 * 400 - 0.5, 0.3 * 300 - 0.5], [0.2 * 200 - 0.5, 0.1 * 100 - 0.5]], rtol=1e-5
    )


def test_a_model_that_fails_says_on_what(spot: Bundle) -> None:
    runtime = LandmarkRuntime(spot)
    with pytest.raises(InputError) as refusal:
        runtime.predict(np.zeros((1, 16, 16, 3), dtype=np.uint8), np.array([[16, 16]]))
    assert str(refusal.value).startswith(f"{spot.file}: its model fails on (1, 16, 16, 3) ([ONNXRuntimeError] : 2")


def test_numbers_that_are_not_finite_are_refused(spot: Bundle) -> None:
    told = "its model should give finite numbers of shape [(1, 68, 2)], it gave [(1, 68, 2)] or others"
    with pytest.raises(InputError) as refusal:
        LandmarkRuntime(spot).detect(np.zeros((32, 32, 3), dtype=np.uint8))  # no light: 0 / 0
    assert str(refusal.value) == f"{spot.file}: {told}"


def test_threads_are_at_least_one(spot: Bundle) -> None:
    with pytest.raises(InputError, match=r"^key 'threads': expected at least 1, got 0$"):
        LandmarkRuntime(spot, threads=0)


def test_the_runtime_imports_nothing_of_training() -> None:
    code = f"""
import sys
import faceline.inference.runtime
loaded = set({TRAINING!r}.split()) & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_bundle_is_opened_by_name(write_spot) -> None:
    file = write_spot()
    assert LandmarkRuntime(str(file)).bundle.digest == read_bundle(file, LandmarkManifest).digest
