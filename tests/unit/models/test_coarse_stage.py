"""Two looks: windows lie where they should, and the second look learns what it sees in them."""

import copy

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from faceline.exporting.onnx_export import to_onnx
from faceline.exporting.onnx_int8 import to_int8
from faceline.geometry.face_model import neutral_shape
from faceline.models.calibration import Calibration
from faceline.models.coarse_stage import CoarseStage
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import SmallCNN


def coarse_stage(**settings) -> CoarseStage:
    torch.manual_seed(0)
    return CoarseStage(SmallCNN(16), **{"size": 32, **settings})


def faces(centre: tuple[float, float], height: float, angle: float) -> torch.Tensor:
    """One upright mean face (1, 68, 2), scaled, turned clockwise as seen and moved."""
    shape = neutral_shape()[:, :2]
    low, high = shape.min(axis=0), shape.max(axis=0)
    shape = (shape - (low + high) / 2) / (high - low)[1] * height
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return torch.tensor(shape @ np.array([[cos, sin], [-sin, cos]]) + centre, dtype=torch.float32)[None]


@given(x=st.floats(0, 1), y=st.floats(0, 1), height=st.floats(0.1, 1.5), angle=st.floats(-179, 179))
def test_every_face_is_upright_in_its_window_and_fills_the_same_part_of_it(x, y, height, angle) -> None:
    look = coarse_stage(room=1.25)
    landmarks = faces((x, y), height, angle)
    inside = look.windows(landmarks).from_frame(landmarks)[0]
    np.testing.assert_allclose(inside.amin(0) + inside.amax(0), [1, 1], atol=1e-4)
    assert float(inside[:, 1].max() - inside[:, 1].min()) == pytest.approx(1 / 1.25, abs=1e-4)
    np.testing.assert_allclose(inside[36, 1], inside[45, 1], atol=1e-3)  # the eyes are level


@given(width=st.floats(20, 500), height=st.floats(20, 500), angle=st.floats(-90, 90))
def test_a_window_in_proportions_does_not_depend_on_how_the_frame_was_stretched(width, height, angle) -> None:
    sizes, look = torch.tensor([[width, height]]), coarse_stage(proportions=True)
    face = faces((90, 60), 70, angle)  # in pixels
    square = look.windows(face / 100, torch.tensor([[100.0, 100.0]])).from_frame(face / 100)
    stretched = look.windows(face / sizes, sizes).from_frame(face / sizes)
    torch.testing.assert_close(stretched, square, atol=1e-3, rtol=0)


def test_a_window_in_proportions_shows_what_opencv_cuts_out_of_the_frame_before_it_was_stretched() -> None:
    frame = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (160, 90, 3), dtype=np.uint8), (0, 0), 5)
    face = faces((45, 75), 60, 25)
    sizes = torch.tensor([[90.0, 160.0]])
    seen = coarse_stage(proportions=True).windows(face / sizes, sizes)
    square = torch.from_numpy(cv2.resize(frame, (128, 128)).transpose(2, 0, 1)[None].astype(np.float32))
    got = seen.cut(square, 48)[0].permute(1, 2, 0).numpy()
    upright = coarse_stage().windows(face / 100)  # of a square of 100 pixels, which is not stretched
    matrix = np.hstack([upright.turn[0].numpy() * 100 / 48, 100 * upright.corner[0].numpy().T])
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(frame.astype(np.float32), matrix, (48, 48), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(got - expected).mean() < 0.5


def test_proportions_cannot_be_kept_of_frames_whose_size_is_not_told() -> None:
    with pytest.raises(TypeError, match="expected the sizes"):
        coarse_stage(proportions=True).near(faces((0.5, 0.5), 0.6, 0))


@given(seed=st.integers(0, 1000))
def test_points_go_into_a_window_and_come_back(seed: int) -> None:
    torch.manual_seed(seed)
    landmarks = faces((0.4, 0.5), 0.5, 20) + torch.randn(3, 68, 2) * 0.02
    for proportions in (False, True):
        windows = coarse_stage(proportions=proportions).near(landmarks, torch.tensor([[90.0, 60.0]] * 3))
        torch.testing.assert_close(windows.to_frame(windows.from_frame(landmarks)), landmarks, atol=1e-5, rtol=0)


def test_windows_show_what_opencv_cuts_out() -> None:
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8), (0, 0), 3)
    landmarks = faces((0.5, 0.45), 0.5, 25)
    windows = coarse_stage().windows(landmarks)
    planes = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))
    got = windows.cut(planes, 48)[0].permute(1, 2, 0).numpy()
    matrix = np.hstack([windows.turn[0].numpy() * 96 / 48, 96 * windows.corner[0].numpy().T])
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5  # pixels lie at the middles of their cells
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(image.astype(np.float32), matrix, (48, 48), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(got - expected).mean() < 0.5
    assert np.abs(got - expected).max() < 6


@pytest.mark.parametrize("training", [False, True])
def test_mixed_precision_does_not_move_windows(training: bool) -> None:
    landmarks = faces((0.1, 0.9), 0.6, 20).repeat(4, 1, 1)  # its window reaches beyond the frame

    def made() -> tuple[torch.Tensor, ...]:
        torch.manual_seed(0)
        look = coarse_stage()
        windows = look.near(landmarks) if training else look.windows(landmarks)
        inside = windows.from_frame(landmarks)
        ramp = torch.linspace(0, 1, 192).expand(4, 3, 192, 192)
        return windows.turn, windows.corner, inside, windows.to_frame(inside), windows.cut(ramp, 64)

    exact = made()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = made()
        drawn_out = coarse_stage().windows(landmarks).cut(torch.ones(4, 3, 192, 192), 64)
    for one, other in zip(exact, mixed, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    torch.testing.assert_close(drawn_out, torch.ones_like(drawn_out))


def test_training_windows_lie_beside_the_face_by_as_much_as_they_should() -> None:
    look = coarse_stage(shift=0.05, scale=0.1, rotation=8.0)
    landmarks = faces((0.5, 0.5), 0.6, 0).repeat(4000, 1, 1)
    exact, near = look.windows(landmarks), look.near(landmarks)
    middle = torch.full((4000, 1, 2), 0.5)
    moved = exact.from_frame(near.to_frame(middle)) - 0.5
    assert moved.std(dim=0).flatten().tolist() == pytest.approx([0.05, 0.05], rel=0.1)
    turn = torch.linalg.inv(exact.turn) @ near.turn
    assert float(torch.rad2deg(torch.atan2(turn[:, 1, 0], turn[:, 0, 0])).std()) == pytest.approx(8, rel=0.1)
    assert float(torch.linalg.det(turn).log().div(2).std()) == pytest.approx(0.1, rel=0.1)


def test_both_looks_learn_in_one_training(trainer) -> None:
    torch.manual_seed(0)
    model = LandmarkDetector(SmallCNN(16), coarse_stage=coarse_stage())
    images, landmarks = torch.rand(4, 3, 64, 64), faces((0.5, 0.5), 0.6, 0).repeat(4, 1, 1)
    before = copy.deepcopy(model.state_dict())
    frames = TensorDataset(images, landmarks, torch.ones(4, 2))
    trainer(max_epochs=1).fit(model, DataLoader(frames, batch_size=4))
    for votes in ("coarse_stage.head.votes.weight", "head.votes.weight"):
        assert not torch.equal(model.state_dict()[votes], before[votes]), votes


def test_the_graph_gives_what_the_model_gives_and_8_bits_are_chosen_by_frames_with_their_sizes() -> None:
    torch.manual_seed(0)
    look = coarse_stage(proportions=True)
    model = LandmarkDetector(SmallCNN(16), coarse_stage=look, flip_average=True).eval()
    with torch.no_grad():  # an untrained coarse stage sees a face too small to cut out
        look.head.votes.bias.copy_(torch.randn(204) * 3)
    images = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), dtype=np.uint8)
    sizes = np.array([[64, 64], [90, 60], [50, 80], [90, 60]], dtype=np.float32)
    calibration = Calibration(-3.0, (-1.0, 0.5))
    with torch.inference_mode():
        found = model.find(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(sizes))
    inputs = {"images": images, "sizes": sizes}
    whole = to_onnx(model, 64, calibration)
    (exact, sure), (small, _) = (
        onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(["landmarks", "confidence"], inputs)
        for graph in (whole, to_int8(whole, inputs))
    )
    np.testing.assert_allclose(exact, found.landmarks.numpy(), atol=1e-4)
    np.testing.assert_allclose(sure, calibration.confidence(found.uncertainty).numpy(), atol=1e-4)
    assert 0 < np.abs(exact - small).max() < 0.05
