"""What confidence is tried on: parts of frames whose landmarks are where they belong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.unit.data.test_datamodule import data_at

from faceline.data.datamodule import LandmarkFrames
from faceline.tasks.confidence import Trust, make_trial


def test_a_part_shows_its_landmarks_where_they_are_said_to_be(tmp_path: Path) -> None:
    frames = data_at(tmp_path).frames("train")
    n, edge = frames.store.images.shape[:2]
    place = np.arange(edge, dtype=np.uint8) * 5  # the colours of a pixel tell where it is
    ruler = np.stack([*np.meshgrid(place, place), np.zeros((edge, edge), dtype=np.uint8)], axis=2)
    store = replace(frames.store, images=np.broadcast_to(ruler, (n, *ruler.shape)).copy())
    trial = make_trial(LandmarkFrames(store, frames.rows, frames.pipeline))
    half = len(frames)
    assert len(trial.images) == len(trial.target) == len(trial.sizes) == 2 * half
    np.testing.assert_array_equal(trial.images[:half], store.images[frames.rows])
    compared = 0
    for image, part, whole in zip(trial.images[half:], trial.target[half:], trial.target[:half], strict=True):
        inside = ((part > 0.05) & (part < 0.95)).all(axis=1)
        column, row = np.clip((part[inside] * edge).astype(int), 0, edge - 1).T
        colours = image[row, column, :2] / 5 + 0.5  # in pixels of the whole frame
        np.testing.assert_allclose(colours, whole[inside] * edge, atol=1.2)
        compared += inside.sum()
    assert compared > 100
    again = make_trial(LandmarkFrames(store, frames.rows, frames.pipeline))
    np.testing.assert_array_equal(again.images, trial.images)


def test_whole_frames_come_first_and_are_of_use_up_to_a_tenth() -> None:
    trust = Trust(np.array([0.9, 0.8, 0.7, 0.1]), np.array([0.05, 0.10, 0.11, 2.0]))
    assert trust.reliable.tolist() == [True, True, False, False]
    assert trust.whole.nme.tolist() == [0.05, 0.10]
    assert trust.scalars() == pytest.approx({"nme_surest_80": 0.075, "confidence_auc": 1.0, "confidence_error": 0.275})
