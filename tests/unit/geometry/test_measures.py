"""Measures against drawn faces whose pose and expression are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceline.data.synthetic import SyntheticFaces
from faceline.geometry.face_model import Expression, express, identity, neutral_shape, rotation
from faceline.geometry.measures import UNITS, describe, head_pose, measure


def seen(shape: np.ndarray, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, zoom: float = 40.0) -> np.ndarray:
    return (shape @ rotation(yaw, pitch, roll).T * zoom)[None, :, :2] + 200


@given(st.floats(-50, 50), st.floats(-30, 30), st.floats(-60, 60), st.floats(5, 200))
@settings(deadline=None)
def test_the_pose_of_the_mean_face_is_found(yaw: float, pitch: float, roll: float, zoom: float) -> None:
    pose, size = head_pose(seen(neutral_shape(), yaw, pitch, roll, zoom))
    assert pose[0] == pytest.approx([yaw, pitch, roll], abs=1e-6)
    assert size[0] == pytest.approx(zoom)


def test_the_pose_of_people_who_talk_and_smile_is_found_within_a_few_degrees() -> None:
    source = SyntheticFaces(people=40, videos=2, frames=3, seed=3)
    faces = [source.face(p, v, f) for p in range(40) for v in range(2) for f in range(3)]
    landmarks = np.stack([face.to_pixels(face.shape)[:, :2] for face in faces])
    turns = np.stack([face.turn for face in faces])
    true_yaw = np.rad2deg(np.arctan2(-turns[:, 2, 0], turns[:, 2, 2]))
    true_roll = np.rad2deg(np.arctan2(-turns[:, 0, 1], turns[:, 1, 1]))
    pose, _ = head_pose(landmarks)
    assert np.abs(pose[:, 0] - true_yaw).mean() < 3
    assert np.abs(pose[:, 2] - true_roll).mean() < 2
    assert np.corrcoef(pose[:, 1], np.rad2deg(np.arcsin(turns[:, 2, 1])))[0, 1] > 0.8


@pytest.mark.parametrize(
    ("name", "part"),
    [("mouth_opening", "mouth_open"), ("smile", "smile"), ("brow_raise", "brow_raise")],
)
@pytest.mark.parametrize("yaw", [-25.0, 0.0, 25.0])
def test_a_measure_rises_with_what_it_measures(name: str, part: str, yaw: float) -> None:
    values = [
        measure(seen(express(neutral_shape(), Expression(**{part: amount})), yaw))[name][0]
        for amount in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert (np.diff(values) > 0).all()


def test_eyes_that_close_are_less_open() -> None:
    values = [
        measure(seen(express(neutral_shape(), Expression(eye_close=amount))))["eye_opening"][0]
        for amount in (0.0, 0.5, 1.0)
    ]
    assert values[0] > values[1] > values[2] > -0.01


def test_a_mouth_that_is_pulled_to_one_side_is_crooked() -> None:
    shape = neutral_shape()
    straight = measure(seen(shape, roll=20.0))["mouth_asymmetry"][0]
    shape[48, 1] += 0.1
    assert straight == pytest.approx(0, abs=1e-6)
    assert measure(seen(shape, roll=20.0))["mouth_asymmetry"][0] == pytest.approx(0.1, abs=0.01)


@given(st.integers(0, 1000), st.floats(-40, 40), st.floats(0.2, 5), st.floats(-500, 500))
@settings(deadline=None, max_examples=30)
def test_place_size_and_tilt_change_nothing_but_the_roll(seed: int, roll: float, zoom: float, shift: float) -> None:
    shape = identity(np.random.default_rng(seed))
    one, other = measure(seen(shape, 10.0, 5.0)), measure(seen(shape, 10.0, 5.0, roll) * zoom + shift)
    assert set(one) == set(UNITS)
    for name in set(UNITS) - {"roll"}:
        assert other[name][0] == pytest.approx(one[name][0], abs=1e-6), name
    assert other["roll"][0] - one["roll"][0] == pytest.approx(roll, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "like the mean"),
        ({"yaw": 20.0}, "looks right"),
        ({"yaw": -20.0, "smile": 0.2}, "smiles, looks left"),
        ({"yaw": -30.0, "mouth_asymmetry": 0.06}, "looks left, mouth crooked"),
        ({"mouth_opening": -0.3}, "like the mean"),
    ],
)
def test_words(change: dict[str, float], words: str) -> None:
    usual = dict.fromkeys(UNITS, 0.0)
    assert describe(usual | change, usual) == words


@given(st.integers(0, 1000), st.floats(-20, 20), st.floats(-20, 20))
@settings(deadline=None, max_examples=30)
def test_a_nod_changes_no_measure_but_the_pitch(seed: int, pitch: float, yaw: float) -> None:
    shape = express(identity(np.random.default_rng(seed), 0.5), Expression(smile=0.4, mouth_open=0.2))
    level, nodding = measure(seen(shape, yaw)), measure(seen(shape, yaw, pitch))
    for name in ("smile", "mouth_opening", "eye_opening", "brow_raise"):
        assert nodding[name][0] == pytest.approx(level[name][0], abs=0.02), name


@given(st.floats(-40, 40), st.floats(-60, 60), st.floats(5, 200))
@settings(deadline=None, max_examples=20)
def test_lengths_of_the_mean_face_by_hand_however_it_nods_and_tilts(pitch: float, roll: float, zoom: float) -> None:
    height = neutral_shape()[:, 1]
    by_hand = {
        "yaw": 0.0,
        "pitch": pitch,
        "roll": roll,
        "mouth_opening": height[66] - height[62],
        "mouth_asymmetry": height[48] - height[54],
        "smile": (height[51] + height[57]) / 2 - (height[48] + height[54]) / 2,
        "eye_opening": height[[41, 40, 47, 46]].mean() - height[[37, 38, 43, 44]].mean(),
        "brow_raise": height[[36, 39, 42, 45]].mean() - height[17:27].mean(),
    }
    measured = measure(seen(neutral_shape(), 0.0, pitch, roll, zoom))
    assert {name: float(value[0]) for name, value in measured.items()} == pytest.approx(by_hand, abs=1e-6)


def test_a_face_that_looks_at_the_floor_is_measured_as_if_at_60_degrees_at_most() -> None:
    shape = neutral_shape()
    shape[66, 1] += 0.3
    opening = measure(seen(shape, pitch=-80.0))["mouth_opening"][0]
    shown = (0.3 + neutral_shape()[66, 1] - neutral_shape()[62, 1]) * np.cos(np.radians(80))
    assert opening == pytest.approx(shown / 0.5, abs=1e-6)
