"""Frames without a row are labelled by a teacher, where it is sure, and only in videos that are trained on."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from faceline.data.datamodule import LandmarkData
from faceline.data.index import BadRows, FrameRow
from faceline.data.synthetic import SyntheticFaces
from faceline.data.taught import SURE
from faceline.data.udacity import UdacityFaces
from faceline.errors import InputError
from faceline.transforms import Normalize, Pipeline, Rescale, ToTensor

PLAIN = {name: Pipeline([Rescale(32, 32), Normalize(), ToTensor()]) for name in ("train", "eval")}


@pytest.fixture
def root(udacity_like: Path) -> Path:
    """A set in which every third frame of the training table has lost its row."""
    table = udacity_like / "training_frames_keypoints.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *(row for i, row in enumerate(rows) if i % 3)]) + "\n")
    return udacity_like


class Teacher:
    """Says that all landmarks are at a quarter of the frame; how sure it is of each frame in turn is given."""

    size = 16

    def __init__(self, *sure: float) -> None:
        self.sure = sure

    def predict(self, squares: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        assert squares.shape[1:] == (self.size, self.size, 3)
        sure = np.resize(self.sure, len(squares)) if self.sure else None
        return np.full((len(squares), 68, 2), 0.25, dtype=np.float32), sure


def data(root: Path, cache: Path, **split: object) -> LandmarkData:
    return LandmarkData(
        source=UdacityFaces(root, on_error="skip"),
        split={"protocol": "official", "val_fraction": 0.25, **split},
        transforms=PLAIN,
        size=32,
        batch_size=1,
        workers=0,
        seed=0,
        cache_dir=cache,
    )


def nameless(root: Path) -> list[FrameRow]:
    rows = UdacityFaces(root, on_error="skip", unlabelled=True).rows(BadRows("skip"))
    return [row for row in rows if np.isnan(row.landmarks).any()]


@pytest.mark.parametrize("split", [{}, {"protocol": "video_disjoint"}, {"protocol": "person_disjoint"}])
def test_only_frames_of_videos_that_are_trained_on(root: Path, tmp_path: Path, split: dict[str, str]) -> None:
    taught = data(root, tmp_path, **split)
    taught.learn_from(Teacher())
    trained = set(taught.index.videos[taught.split.train])
    wanted = [row.file for row in nameless(root) if row.video in trained]
    assert 0 < len(wanted) < len(nameless(root))
    assert taught.taught is not None and taught.taught.files == wanted
    assert np.allclose(taught.taught.store.index.normalised(), 0.25)


def test_only_where_the_teacher_is_sure(root: Path, tmp_path: Path) -> None:
    every, sure = data(root, tmp_path), data(root, tmp_path)
    every.learn_from(Teacher())
    sure.learn_from(Teacher(0.2, SURE + 0.05))
    assert every.taught is not None and sure.taught is not None
    assert sure.taught.files == every.taught.files[1::2]


def test_a_copy_of_a_test_frame_is_not_trained_on(root: Path, tmp_path: Path) -> None:
    before = data(root, tmp_path)
    before.learn_from(Teacher())
    assert before.taught is not None
    first, *others = before.taught.files
    shutil.copy(root / str(before.index.files[before.split.test[0]]), root / first)
    after = data(root, tmp_path)
    after.learn_from(Teacher())
    assert after.taught is not None and after.taught.files == others


def test_a_teacher_who_is_sure_of_nothing_is_told(root: Path, tmp_path: Path) -> None:
    refused_with(data(root, tmp_path), Teacher(0.5), "is not confident in any of the")


def test_a_set_without_such_frames_is_told(root: Path, tmp_path: Path) -> None:
    for row in nameless(root):
        (root / row.file).unlink()
    frames = data(root, tmp_path)
    refused_with(frames, Teacher(), "no frame without landmarks in a video that is trained on")
    frames.source = SyntheticFaces(people=2, videos=1, frames=4)
    refused_with(frames, Teacher(), "synthetic has no frames without landmarks")


def refused_with(frames: LandmarkData, teacher: Teacher, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        frames.learn_from(teacher)
    assert refused.value.column == "task.teacher"


def test_training_has_them_beside_its_own_and_nothing_else_has(root: Path, tmp_path: Path) -> None:
    plain, taught = data(root, tmp_path), data(root, tmp_path)
    taught.learn_from(Teacher())
    assert taught.taught is not None
    batches, added = list(taught.train_dataloader()), len(taught.taught.files)
    assert len(batches) == len(plain.train_dataloader()) + added
    assert sum(bool(np.allclose(landmarks, 0.25)) for _, landmarks, _ in batches) == added
    assert len(taught.val_dataloader()) == len(plain.val_dataloader())
    assert taught.index.fingerprint == plain.index.fingerprint
    assert taught.split.fingerprint(taught.index) == plain.split.fingerprint(plain.index)
