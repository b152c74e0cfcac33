"""Eyes and mouth found again: windows lie between corners, both eyes share a network, and what is seen is learnt."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from faceline.errors import InputError
from faceline.geometry.face_model import neutral_shape
from faceline.geometry.markup import FLIP_ORDER, REGIONS, markup
from faceline.models.detail_stage import DetailStage
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import SmallCNN

CORNERS = [36, 39, 42, 45, 48, 54]
ELSEWHERE = [*REGIONS["jaw"], *REGIONS["brows"], *REGIONS["nose"]]


def stage(seed: int = 0, **settings) -> DetailStage:
    torch.manual_seed(seed)
    return DetailStage(eye=16, mouth=16, width=4, **settings).eval()


def face(angle: float = 0.0, size: float = 0.6, centre: tuple[float, float] = (0.5, 0.5)) -> torch.Tensor:
    """The mean face (1, 68, 2) on [0, 1], turned, scaled and moved."""
    shape = neutral_shape()[:, :2]
    shape = (shape - shape.mean(axis=0)) / np.ptp(shape[:, 1]) * size
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return torch.tensor(shape @ np.array([[cos, sin], [-sin, cos]]) + centre, dtype=torch.float32)[None]


@settings(max_examples=20, deadline=None)
@given(angle=st.floats(-180, 180), size=st.floats(0.1, 1), x=st.floats(0.2, 0.8), y=st.floats(0.2, 0.8))
def test_untrained_it_draws_the_mean_eyes_and_mouth_between_their_corners(angle, size, x, y) -> None:
    landmarks = face(angle, size, (x, y))
    with torch.no_grad():
        found = stage()(torch.zeros(1, 3, 32, 32), landmarks)
    torch.testing.assert_close(found, landmarks, atol=0.01 * size, rtol=0)
    assert torch.equal(found[:, ELSEWHERE], landmarks[:, ELSEWHERE])


def test_only_corners_tell_where_a_part_is_looked_for_and_the_mouth_is_the_mean_of_both() -> None:
    landmarks, moved = face(), face()
    lids, lips = ([point for point in REGIONS[region] if point not in CORNERS] for region in ("eyes", "mouth"))
    moved[:, [*lids, *lips]] += 0.04
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        found, other = stage()(images, landmarks), stage()(images, moved)
    torch.testing.assert_close(other[:, lids], found[:, lids])
    torch.testing.assert_close(other[:, lips], found[:, lips] + 0.02)


def test_both_eyes_share_a_network_that_sees_one_of_them_in_a_mirror() -> None:
    near = stage()
    torch.nn.init.normal_(near.eye.layers[-1].weight, std=1.0)
    images, landmarks = torch.randn(1, 3, 32, 32), face(10)
    mirrored = landmarks[:, FLIP_ORDER.copy()]
    mirrored = torch.stack([1 - mirrored[..., 0], mirrored[..., 1]], dim=2)
    with torch.no_grad():
        found, other = near(images, landmarks), near(images.flip(3), mirrored)
    back = other[:, FLIP_ORDER.copy()]
    back = torch.stack([1 - back[..., 0], back[..., 1]], dim=2)
    eyes = list(REGIONS["eyes"])
    assert (found - landmarks)[:, eyes].abs().max() > 1e-3
    torch.testing.assert_close(back[:, eyes], found[:, eyes], atol=1e-5, rtol=0)


def test_it_learns_how_far_lids_are_apart() -> None:
    torch.manual_seed(0)
    near = DetailStage(eye=16, mouth=16, width=8)
    optimiser = torch.optim.Adam(near.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        images, landmarks = blinks(16)
        loss = near.loss(images, landmarks, landmarks)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    images, landmarks = blinks(32)
    with torch.no_grad():
        found = near.eval()(images, landmarks)
    assert np.corrcoef(opening(found), opening(landmarks))[0, 1] > 0.7


def test_it_passes_on_what_it_sees_although_the_corners_of_its_labels_are_noisy() -> None:
    torch.manual_seed(0)
    near = DetailStage(eye=16, mouth=16, width=8, shift=0.02, scale=0.05, rotation=0.0)
    optimiser = torch.optim.Adam(near.parameters(), lr=5e-3)
    for step in range(60):
        for group in optimiser.param_groups:
            group["lr"] = 5e-3 * (1 - step / 60)
        images, true, usual = smiles(32)
        labels = true + 0.03 * torch.randn(32, 68, 1) * torch.tensor([1.0, 0.0])
        loss = near.loss(images, usual, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    images, true, usual = smiles(128)
    with torch.no_grad():
        found = near.eval()(images, usual)
    moved, seen = (points[:, 54, 0] - points[:, 48, 0] for points in (true, found))
    slope = torch.dot(moved - moved.mean(), seen - seen.mean()) / (moved - moved.mean()).square().sum()
    assert 0.3 < slope < 0.6  # half of the mouth is from the earlier stage, which saw no move; around labels it is 0.1


def smiles(n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Frames with a bright mouth of some width, their landmarks, and those of a mouth of the usual width."""
    usual = face(size=0.8).repeat(n, 1, 1)
    true = usual.clone()
    middle = usual[:, 48:68, :1].mean(dim=1, keepdim=True)
    true[:, 48:68, :1] = middle + (true[:, 48:68, :1] - middle) * (1 + 0.4 * (torch.rand(n, 1, 1) - 0.5))
    y, x = torch.meshgrid(torch.linspace(0, 1, 96), torch.linspace(0, 1, 96), indexing="ij")
    across = (x[None] > true[:, 48, 0, None, None]) & (x[None] < true[:, 54, 0, None, None])
    images = (across & ((y - true[0, 48, 1]).abs() < 0.04)[None])[:, None].float().repeat(1, 3, 1, 1)
    return F.avg_pool2d(images, 3, 1, 1), true, usual


def blinks(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames whose eyes are bright between their lids, and their landmarks."""
    landmarks = face(size=0.8).repeat(n, 1, 1)
    half = torch.rand(n) * 0.03
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        middle = landmarks[:, [upper, lower], 1].mean(dim=1)
        landmarks[:, upper, 1], landmarks[:, lower, 1] = middle - half, middle + half
    y, x = torch.meshgrid(torch.linspace(0, 1, 96), torch.linspace(0, 1, 96), indexing="ij")
    images = torch.zeros(n, 3, 96, 96)
    for corners in ((36, 39), (42, 45)):
        left, right = landmarks[0, corners[0]], landmarks[0, corners[1]]
        across = (x > left[0]) & (x < right[0])
        open_ = (y - left[1]).abs()[None] < half[:, None, None]
        images += (across[None] & open_)[:, None].float()
    return F.avg_pool2d(images, 3, 1, 1), landmarks


def opening(landmarks: torch.Tensor) -> np.ndarray:
    return (landmarks[:, [41, 40, 47, 46], 1] - landmarks[:, [37, 38, 43, 44], 1]).mean(dim=1).numpy()


def test_a_detector_trains_and_predicts_with_it_and_knows_no_other_markup() -> None:
    torch.manual_seed(0)
    detector = LandmarkDetector(SmallCNN(16), detail_stage=stage())
    images = torch.randn(2, 3, 48, 48)
    assert detector(images).shape == (2, 68, 2)
    names = {name for name, _ in detector.named_parameters()}
    assert any(name.startswith("detail_stage.eye") for name in names)
    five = markup("five", 5, [0, 1], {"eyes": [0, 1], "rest": [2, 3, 4]})
    with pytest.raises(InputError, match="68 points"):
        LandmarkDetector(SmallCNN(16), detail_stage=stage(), markup=five)
