import hashlib
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError

SMALL = {"people": 3, "videos": 2, "frames": 3, "test_frames": 1, "min_width": 64, "max_width": 96, "seed": 7}


def rows_of(faces):
    return faces.rows(BadRows("raise"))


def digest(faces):
    total = hashlib.sha256(faces.key().encode())
    for row in rows_of(faces):
        total.update(row.file.encode() + faces.read(row).tobytes() + row.landmarks.tobytes())
    return total.hexdigest()


def test_the_same_bytes_in_another_process():
    script = (
        "import hashlib\nfrom faceline.data.index import BadRows\n"
        "from faceline.data.synthetic import SyntheticFaces\n"
        f"faces = SyntheticFaces(**{SMALL!r})\n"
        "total = hashlib.sha256(faces.key().encode())\n"
        "for row in faces.rows(BadRows('raise')):\n"
        "    total.update(row.file.encode() + faces.read(row).tobytes() + row.landmarks.tobytes())\n"
        "print(total.hexdigest())\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == digest(SyntheticFaces(**SMALL))


def test_a_frame_does_not_depend_on_what_was_drawn_before():
    forwards = SyntheticFaces(**SMALL)
    rows = rows_of(forwards)
    pictures = [forwards.read(row) for row in rows]
    backwards = SyntheticFaces(**SMALL)
    for row, picture in zip(reversed(rows), reversed(pictures), strict=True):
        np.testing.assert_array_equal(backwards.read(row), picture)
    alone = pickle.loads(pickle.dumps(forwards))
    np.testing.assert_array_equal(alone.read(rows[4]), pictures[4])
    assert alone.key() == forwards.key()


def test_more_people_videos_and_frames_leave_the_first_as_they_are():
    few, many = SyntheticFaces(**SMALL), SyntheticFaces(**{**SMALL, "people": 4, "videos": 3, "frames": 5})
    known = {row.file: row for row in rows_of(many)}
    for row in rows_of(few)[::4]:
        np.testing.assert_array_equal(row.landmarks, known[row.file].landmarks)
        np.testing.assert_array_equal(few.read(row), many.read(known[row.file]))


def test_every_setting_has_its_own_key():
    changed = {"people": 4, "videos": 3, "frames": 4, "test_frames": 2, "min_width": 65, "max_width": 97, "seed": 8}
    keys = {SyntheticFaces(**{**SMALL, name: value}).key() for name, value in changed.items()}
    assert len(keys | {SyntheticFaces(**SMALL).key()}) == len(changed) + 1
    assert SyntheticFaces(**SMALL, on_error="skip").key() == SyntheticFaces(**SMALL).key()


def test_people_have_videos_and_videos_have_frames():
    rows = rows_of(SyntheticFaces(**SMALL))
    assert len(rows) == 3 * 2 * 3
    assert len({row.file for row in rows}) == len(rows)
    assert rows[-1].file == "person_002_video_1/frame_02"
    videos = {}
    for row in rows:
        videos.setdefault(row.person, {}).setdefault(row.video, []).append((row.frame, row.part))
    assert len(videos) == 3
    expected = [(0, "train"), (1, "train"), (2, "test")]
    assert all(len(own) == 2 and all(v == expected for v in own.values()) for own in videos.values())
    assert SyntheticFaces(**SMALL).unlabelled() == 0


def test_pictures_have_their_size_and_the_landmarks_are_the_projected_points():
    faces = SyntheticFaces(**SMALL)
    for row in rows_of(faces):
        picture = faces.read(row)
        h, w = picture.shape[:2]
        assert 64 <= w <= 96
        assert 0.75 * w < h < 1.25 * w
        np.testing.assert_array_equal(row.landmarks3d[:, :2], row.landmarks)
        person, video = (int(word) for word in row.video.split("_")[1::2])
        posed = faces.face(person, video, row.frame)
        by_hand = (posed.turn @ posed.shape.T).T * posed.scale
        np.testing.assert_allclose(row.landmarks3d[:, 2], by_hand[:, 2], atol=1e-9)
        np.testing.assert_allclose(row.landmarks - row.landmarks[30], by_hand[:, :2] - by_hand[30, :2], atol=1e-9)


def test_a_person_keeps_face_and_colours_and_a_video_its_scene():
    faces = SyntheticFaces(people=4, videos=2, frames=2, test_frames=1, seed=3)

    def bones(person, video, frame):  # brows to nose bridge do not move with mouth, lids or smile
        shape = faces.face(person, video, frame).shape
        return np.stack([shape[i] for i in (0, 16, 36, 39, 42, 45, 27, 28, 29, 30)])

    np.testing.assert_allclose(bones(0, 0, 0), bones(0, 1, 1), atol=1e-12)
    assert np.abs(bones(0, 0, 0) - bones(1, 0, 0)).max() > 0.02
    row = rows_of(faces)
    near, far = row[0], row[2]
    first, second, other = (faces.read(r).astype(int) for r in (near, row[1], far))
    assert first.shape == second.shape
    assert np.abs(first - second).mean() < 25  # near copies
    assert first.shape != other.shape or np.abs(first - other).mean() > 25


def test_heads_move_smoothly_and_cover_the_poses():
    faces = SyntheticFaces(people=60, videos=3, frames=8, seed=1)
    rows = rows_of(faces)
    shapes = np.stack([row.landmarks for row in rows]).reshape(180, 8, 68, 2)
    scale = np.ptp(shapes[:, :, :, 1], axis=2).mean(axis=1)
    step = np.linalg.norm(np.diff(shapes, axis=1), axis=3).mean(axis=2).max(axis=1) / scale
    assert step.max() < 0.25
    turns = np.stack([faces.face(p, v, f).turn for p in range(60) for v in range(3) for f in range(8)])
    nose = turns[:, :, 2]
    yaw = np.degrees(np.arcsin(nose[:, 0]))
    assert 38 < np.abs(yaw).max() < 55
    assert np.abs(yaw).mean() < 25


def test_a_constant_mean_shape_fails():
    faces = SyntheticFaces(people=20, videos=3, frames=4, test_frames=1, seed=0)
    rows = rows_of(faces)
    sizes = np.array([faces.read(row).shape[1::-1] for row in rows[::4]]).repeat(4, axis=0)  # one size a video
    points = np.stack([row.landmarks for row in rows])
    relative = points / sizes[:, None]
    train = np.array([row.part == "train" for row in rows])
    guess = relative[train].mean(axis=0)
    errors = []
    for truth, size in zip(points[~train], sizes[~train], strict=True):
        eyes = np.hypot(*(truth[45] - truth[36]))
        errors.append(np.mean(np.hypot(*(guess * size - truth).T)) / eyes)
    assert np.mean(errors) > 0.15
    assert np.median(errors) > 0.15
    inside = ((relative >= 0) & (relative <= 1)).all(axis=2)
    assert 0.9 < inside.mean() < 1  # some landmarks lie outside, as in real frames


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("people", 0),   ("videos", -1), ("frames", 0),
        ("test_frames", 3), ("test_frames", -1), ("min_width", 8), ("max_width", 63), ("max_width", 10_000),
        ("seed", -1), ("seed", 2**63),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(name, value):
    with pytest.raises(InputError, match="expected a whole number") as caught:
        SyntheticFaces(**{**SMALL, name: value})
    assert caught.value.column == f"data.source.{name}"
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [{"video": "person_003_video_0"}, {"video": "person_000_video_2"}, {"video": "Jane_Doe_1"}, {"frame": 3}],
)
def test_a_row_of_another_set_is_refused(fault):
    faces = SyntheticFaces(**SMALL)
    with pytest.raises(InputError, match="rows"):
        faces.read(replace(rows_of(faces)[0], **fault))


def test_the_config_names_every_setting():
    source = OmegaConf.load(Path(__file__).parents[3] / "conf/data/synthetic.yaml").source
    settings = {str(name): value for name, value in source.items() if name not in ("_target_", "on_error")}
    assert source["_target_"] == "faceline.data.synthetic.SyntheticFaces"
    assert SyntheticFaces(**settings).key() == SyntheticFaces().key()
