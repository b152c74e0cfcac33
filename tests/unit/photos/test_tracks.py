"""Faces keep their numbers over frames, and smoothing calms a still face without holding a moving one back."""

import numpy as np

from faceline.geometry.face_model import neutral_shape
from faceline.inference.detection import DetectedFace
from faceline.photos.tracks import OneEuroFilter, Tracker

SHAPE = (neutral_shape()[:, :2] - neutral_shape()[:, :2].min(axis=0)) * 50


def face_at(x: float, y: float = 0.0) -> DetectedFace:
    landmarks = (SHAPE + np.array([x, y])).astype(np.float32)
    return DetectedFace(landmarks, np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)]), 0.9)


def test_numbers_stay_when_faces_change_their_order() -> None:
    tracker = Tracker()
    for step in range(10):
        faces = [face_at(10 * step), face_at(600 - 10 * step, 300)]
        numbered = tracker.update(faces[:: 1 if step % 2 else -1], step / 10)
        assert {number: bool(face.landmarks[0, 1] < 200) for number, face in numbered} == {2: True, 1: False}


def test_a_face_that_is_missed_for_a_moment_is_the_same_and_later_another() -> None:
    tracker = Tracker()
    assert [number for number, _ in tracker.update([face_at(0)], 0.0)] == [1]
    assert tracker.update([], 0.3) == []
    assert [number for number, _ in tracker.update([face_at(5)], 0.6)] == [1]
    assert [number for number, _ in tracker.update([face_at(5)], 2.0)] == [2]


def test_a_still_face_is_calm_and_a_moving_one_is_not_late() -> None:
    rng = np.random.default_rng(0)
    for speed, calmer, latest in ((0.0, 3.0, 0.1), (100.0, 1.2, 1.5)):
        smooth, out, truth = OneEuroFilter(), [], []
        for step in range(90):
            truth.append(SHAPE + np.array([speed * step / 30, 0.0]))
            out.append(smooth((truth[-1] + rng.normal(0, 0.5, SHAPE.shape)).astype(np.float32), step / 30))
        rest = (np.stack(out) - np.stack(truth))[30:]
        assert np.std(np.diff(rest, axis=0)) < 0.5 * np.sqrt(2) / calmer
        assert abs(rest.mean()) < latest
