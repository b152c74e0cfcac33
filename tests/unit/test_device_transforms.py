"""Augmentation on the device moves pixels and landmarks as the pipeline on the CPU does."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.device_transforms import DeviceAugmentation, ResidentBatches, move
from faceline.transforms import HorizontalFlip, Normalize, Pipeline, RandomAffine, Rescale, ToTensor

EDGE = 96


@pytest.fixture(scope="module")
def face() -> tuple[np.ndarray, np.ndarray]:
    """A drawn frame of 96 px and its landmarks in pixels."""
    source = SyntheticFaces(people=1, videos=1, frames=1, test_frames=0, seed=2)
    (row,) = source.rows(BadRows("raise"))
    pipeline = Pipeline([Rescale(EDGE, EDGE)])
    image, landmarks = pipeline(source.read(row), row.landmarks.astype(np.float32), 0)
    return np.asarray(image), np.asarray(landmarks)


@settings(max_examples=25)
@given(
    angle=st.floats(-180, 180),
    scale=st.floats(0.6, 1.6),
    dx=st.integers(-9, 9),  # the pipeline shifts by whole pixels
    dy=st.integers(-9, 9),
    mirrored=st.booleans(),
)
def test_landmarks_and_pixels_go_where_the_pipeline_puts_them(face, angle, scale, dx, dy, mirrored) -> None:
    image, landmarks = face
    # The pipeline draws one range of shifts for both axes: each axis alone, and none.
    for x, y in ((0, 0), (dx, dx), (dy, dy)):
        steps = [
            HorizontalFlip(1.0 if mirrored else 0.0),
            RandomAffine((angle, angle), (scale, scale), (x / EDGE, x / EDGE)),
            Normalize(),
            ToTensor(),
        ]
        expected_image, expected = Pipeline(steps)(image, landmarks, 0)
        planes = torch.from_numpy(image.transpose(2, 0, 1).copy())[None].float() / 255
        points = torch.from_numpy((landmarks + 0.5) / EDGE).float()[None]
        one = torch.ones(1)
        shift = torch.tensor([[x / EDGE, y / EDGE]])
        got_image, got = move(planes, points, one * angle, one * scale, shift, -one if mirrored else one)
        np.testing.assert_allclose(got[0].numpy() * EDGE, expected.numpy() * EDGE, atol=0.1)
        middle = (slice(None), slice(24, 72), slice(24, 72))
        assert (got_image[0] - expected_image)[middle].abs().mean() < 0.02


def test_a_batch_is_a_function_of_the_state_of_its_generator(face) -> None:
    image, landmarks = face
    images = torch.from_numpy(np.stack([image] * 10))
    points = torch.from_numpy(np.stack([(landmarks + 0.5) / EDGE] * 10)).float()
    sizes = torch.full((10, 2), float(EDGE))

    def epoch(seed: int) -> list[tuple[torch.Tensor, ...]]:
        return list(ResidentBatches(images, points, sizes, DeviceAugmentation(), 4, seed))

    first, again, other = epoch(1), epoch(1), epoch(2)
    assert [len(batch[0]) for batch in first] == [4, 4]
    assert first[0][0].shape == (4, 3, EDGE, EDGE) and first[0][0].min() >= 0 and first[0][0].max() <= 1
    assert all(torch.equal(a, b) for x, y in zip(first, again, strict=True) for a, b in zip(x, y, strict=True))
    assert not torch.equal(first[0][1], other[0][1])
