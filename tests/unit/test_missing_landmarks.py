"""A landmark without a label is learned nowhere and measured nowhere, from the table to the figures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from faceline import transforms as T
from faceline.data.cache import cached_frames
from faceline.data.datamodule import LandmarkData
from faceline.data.index import BadRows, FrameRow
from faceline.data.labels import read_labels
from faceline.data.pts import PtsFaces
from faceline.data.summary import summarise
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError
from faceline.geometry.markup import FLIP_ORDER, REGIONS
from faceline.metrics import landmark as metrics
from faceline.models.coarse_stage import CoarseStage, completed
from faceline.models.detail_stage import DetailStage
from faceline.models.heads import SimCCHead, VotingHead
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import SmallCNN
from faceline.models.losses import L1Loss, MSELoss, SmoothL1Loss, WingLoss, over_known

LOSSES = [MSELoss(), SmoothL1Loss(), WingLoss(), L1Loss()]
LABELLED = (36, 45)  # what errors are measured by


def holes(seed: int, n: int, share: float = 0.3) -> np.ndarray:
    """(n, 68) which landmarks have no label."""
    missing = np.random.default_rng(seed).random((n, 68)) < share
    missing[:, LABELLED] = False
    return missing


class Holed(SyntheticFaces):
    """Drawn faces of which some landmarks, and in one frame an eye corner, have no label."""

    def rows(self, bad: BadRows) -> list[FrameRow]:
        rows = super().rows(bad)
        for row, missing in zip(rows, holes(0, len(rows), 0.2), strict=True):
            row.landmarks[missing] = np.nan
        rows[0].landmarks[36] = np.nan
        return rows

    def key(self) -> str:
        return super().key() + " holed"


SOURCE = Holed(people=4, videos=2, frames=4, seed=1)
FACE = SyntheticFaces(people=4, videos=2, frames=4, seed=1).rows(BadRows("raise"))[0].landmarks


@given(seed=st.integers(0, 10**6), share=st.floats(0, 0.9))
def test_a_loss_is_that_of_the_landmarks_with_labels_and_the_others_get_no_gradient(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    preds = torch.tensor(rng.random((3, 68, 2)), requires_grad=True)
    whole = rng.random((3, 68, 2))
    missing = holes(seed, 3, share)
    target = torch.tensor(np.where(missing[..., None], np.nan, whole))
    known = torch.tensor(~missing)
    for loss in LOSSES:
        found = over_known(loss, preds, target)
        expected = loss(preds[known], target[known])
        torch.testing.assert_close(found, expected)
        (gradient,) = torch.autograd.grad(found, preds)
        (wanted,) = torch.autograd.grad(expected, preds)
        torch.testing.assert_close(gradient, wanted)
        assert not gradient[~known].any()


def test_where_every_landmark_has_a_label_a_loss_is_the_same_to_the_last_bit() -> None:
    preds, target = torch.rand(5, 68, 2), torch.rand(5, 68, 2)
    assert all(torch.equal(over_known(loss, preds, target), loss(preds, target)) for loss in LOSSES)


def test_the_cross_entropy_of_coordinates_counts_those_with_labels_only() -> None:
    head = SimCCHead([16], 16)
    x, y = (torch.randn(2, 68, 32, requires_grad=True) for _ in range(2))
    target = torch.rand(2, 68, 2)
    missing = torch.tensor(holes(3, 2))
    found = head.cross_entropy((x, y), torch.where(missing[..., None], torch.nan, target))
    one_by_one = [
        head.cross_entropy((x[i : i + 1, k : k + 1], y[i : i + 1, k : k + 1]), target[i : i + 1, k : k + 1])
        for i, k in (~missing).nonzero()
    ]
    torch.testing.assert_close(found, torch.stack(one_by_one).mean())
    assert not torch.autograd.grad(found, x)[0][missing].any()


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"mirror": True, "distances": 1.0},
        {"coarse_stage": True, "distances": 1.0},
        {"detail_stage": True},
        {"head": SimCCHead, "cross_entropy": 0.1},
    ],
    ids=lambda parts: "-".join(parts) or "plain",
)
def test_a_training_step_depends_on_no_missing_landmark(parts: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    stages = {
        "coarse_stage": lambda: CoarseStage(SmallCNN(8), size=32),
        "detail_stage": lambda: DetailStage(eye=16, mouth=16, width=4),
    }
    chosen = {name: stages[name]() if name in stages else value for name, value in parts.items()}
    model = LandmarkDetector(SmallCNN(8), **{"head": VotingHead, **chosen}).train()
    monkeypatch.setattr(model, "log", lambda *_, **__: None)
    landmarks = torch.tensor(FACE / 240, dtype=torch.float32).repeat(4, 1, 1)
    landmarks[torch.tensor(holes(1, 4))] = torch.nan
    loss = model.training_step((torch.rand(4, 3, 32, 32), landmarks, torch.full((4, 2), 240.0)), 0)
    loss.backward()
    assert torch.isfinite(loss)
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    assert gradients and all(torch.isfinite(each).all() for each in gradients)


@given(seed=st.integers(0, 10**6))
def test_a_window_lies_where_the_known_landmarks_of_a_mean_face_say(seed: int) -> None:
    stage = CoarseStage(SmallCNN(4), size=16)
    rng = np.random.default_rng(seed)
    angle, size = rng.uniform(-3, 3), rng.uniform(0.1, 1)
    turn = torch.tensor([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], dtype=torch.float32)
    face = size * stage.template @ turn + torch.tensor(rng.random(2), dtype=torch.float32)
    holed = face.clone()
    holed[torch.tensor(holes(seed, 1, 0.8)[0])] = torch.nan
    found = completed(holed[None], stage.template)[0]
    torch.testing.assert_close(found, face, atol=1e-4, rtol=0)
    assert torch.equal(found[~holed.isnan()], holed[~holed.isnan()])


@given(seed=st.integers(0, 10**6), share=st.floats(0, 0.9))
def test_errors_are_those_of_the_landmarks_with_labels(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    n, sizes = 4, np.array([[200, 100]] * 4)
    target = rng.random((n, 68, 2))
    preds = target + rng.normal(0, 0.02, target.shape)
    missing = holes(seed, n, share)
    holed = np.where(missing[..., None], np.nan, target)
    errors = metrics.evaluate(preds, holed, sizes)
    for i in range(n):
        known = ~missing[i]
        apart = np.hypot(*((preds[i] - target[i]) * sizes[i]).T)
        eyes = np.hypot(*((target[i, 36] - target[i, 45]) * sizes[i]))
        assert errors.frames["nme"][i] == pytest.approx(apart[known].mean() / eyes)
        assert errors.frames["mse"][i] == pytest.approx(((preds[i] - target[i])[known] ** 2).mean())
        for region, points in REGIONS.items():
            mine = [point for point in points if known[point]]
            if f"nme_{region}" in errors.frames:
                expected = apart[mine].mean() / eyes if mine else np.nan
                assert errors.frames[f"nme_{region}"][i] == pytest.approx(expected, nan_ok=True)
    assert all(np.isfinite(value) for value in errors.scalars.values())


def test_a_region_that_nobody_labelled_has_no_error() -> None:
    target = np.random.default_rng(0).random((3, 68, 2))
    target[:, list(REGIONS["mouth"])] = np.nan
    errors = metrics.evaluate(np.nan_to_num(target), target, np.full((3, 2), 100))
    assert "nme_mouth" not in errors.scalars and errors.scalars["nme"] == 0


@pytest.mark.parametrize("lost", [[36], list(range(68))], ids=["eye", "all"])
def test_errors_are_not_measured_without_the_corners_of_the_eyes(lost: list[int]) -> None:
    target = np.random.default_rng(0).random((3, 68, 2))
    target[1, lost] = np.nan
    with pytest.raises(ValueError, match="frame 1"):
        metrics.evaluate(np.nan_to_num(target), target, np.full((3, 2), 100))


STEPS = [
    T.RandomAffine(),
    T.HorizontalFlip(1.0),
    T.Crop(40, 40),
    T.Rescale(64, 64),
    T.Stretch(probability=1.0),
    T.Scene(probability=1.0),
    T.ExpressionWarp(probability=1.0),
    T.FaceOcclusion(1, 1, 1, 1),
    T.Occlusion(probability=1.0),
]


@settings(max_examples=5)
@given(seed=st.integers(0, 10**6))
@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_missing_landmarks_go_through_every_step(step: T.Transform, seed: int) -> None:
    face = FACE / 4
    missing = holes(seed, 1)[0]
    face[missing] = np.nan
    image = np.random.default_rng(seed).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    _, points = T.Pipeline([step])(image, face, seed)
    expected = missing[FLIP_ORDER] if isinstance(step, T.HorizontalFlip) else missing
    np.testing.assert_array_equal(np.isnan(points).any(axis=1), expected)


class Filling(T.Transform):
    def __call__(self, image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return image, np.nan_to_num(landmarks)


class OwnCrop(T.Transform):
    def __init__(self) -> None:
        params = T.A.KeypointParams(format="xy", remove_invisible=False)
        super().__init__(T.A.Compose([T.A.Crop(10, 10, 30, 30)], keypoint_params=params))


def test_a_step_of_ones_own_keeps_missing_landmarks_missing() -> None:
    points, image = np.array([[5.0, 5.0], [np.nan, np.nan], [35.0, 2.0]]), np.zeros((40, 40, 3), np.uint8)
    _, moved = T.Pipeline([OwnCrop()])(image, points, 0)
    np.testing.assert_allclose(moved, points - 10)
    with pytest.raises(InputError, match=r"transforms\.Filling': .* filled those without a label"):
        T.Pipeline([Filling()])(image, points, 0)


def test_from_the_cache_to_the_batch_and_the_summary(tmp_path: Path) -> None:
    split = {"protocol": "video_disjoint", "val_fraction": 0.25}
    data = LandmarkData(SOURCE, split, size=32, batch_size=4, cache_dir=tmp_path)
    index = data.index
    assert len(index) == len(SOURCE.rows(BadRows("raise"))) - 1
    assert "landmark 36 has no label; errors are measured by" in index.rejected[0]
    summary = summarise(index)
    expected = holes(0, len(index) + 1, 0.2)[1:]
    assert (summary.missing_landmarks, summary.missing_frames) == (expected.sum(), expected.any(axis=1).sum())
    again = cached_frames(SOURCE, 32, tmp_path).index
    np.testing.assert_array_equal(again.missing, expected)
    _, landmarks, _ = next(iter(data.train_dataloader()))
    assert landmarks.isnan().any() and not landmarks[:, LABELLED].isnan().any()


def test_shapes_are_compared_where_every_landmark_is_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"frames miss landmarks, and shapes need all of them; skip"):
        read_labels(SOURCE, tmp_path)


def test_pts_files_may_mark_missing_points(tmp_path: Path) -> None:
    face = FACE.round(2)
    for name, lost in (("whole", []), ("holed", [3, 60]), ("blind", [36])):
        points = face + 1
        points[lost] = -1
        Image.new("RGB", (240, 240)).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.pts").write_text("\n".join(f"{x} {y}" for x, y in points))
    with pytest.raises(
        InputError, match=r"blind\.pts: point 37 lies at \(-1, -1\), which looks like a mark .*data.source.missing=-1"
    ):
        PtsFaces(tmp_path).rows(BadRows("raise"))
    index = cached_frames(PtsFaces(tmp_path, missing=-1), 32, tmp_path / "cache").index
    assert index.files.tolist() == ["holed.pts", "whole.pts"] and len(index.rejected) == 1
    assert np.flatnonzero(index.missing[0]).tolist() == [3, 60]
