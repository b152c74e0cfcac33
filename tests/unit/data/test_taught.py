"""Frames without a row are labelled by a teacher, and labels judged by who has not learnt them, where they are sure."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from faceline.data.cache import cached_frames
from faceline.data.datamodule import LandmarkData
from faceline.data.index import BadRows, FrameRow
from faceline.data.splits import make_split
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

    def predict(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
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
    refused_with(data(root, tmp_path), Teacher(0.5), "sure of none of the")


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


def halves_of(frames: LandmarkData) -> dict[int, np.ndarray]:
    return {half: make_split(frames.index, **frames.split_settings, half=half).train for half in (1, 2)}


class Eye(Teacher):
    """Says that all landmarks are where the first pixel of the frame says, and notes what it was shown."""

    def predict(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        self.shown = squares
        points, sure = super().predict(squares)
        return points * 0 + squares[:, 0, 0, :2].reshape(-1, 1, 2).astype(np.float32) / 255, sure


def test_a_label_is_averaged_with_what_the_teacher_of_the_other_half_says(udacity_like: Path, tmp_path: Path) -> None:
    plain, judged = data(udacity_like, tmp_path), data(udacity_like, tmp_path)
    teachers = {1: Eye(), 2: Eye()}
    judged.learn_from_halves(teachers)
    halves, labels = halves_of(plain), plain.index.normalised()
    assert judged.judged is not None
    learnt = judged.judged.store.index.normalised()
    shown = cached_frames(plain.source, Teacher.size, tmp_path).images
    for half, other in ((1, 2), (2, 1)):
        assert np.array_equal(teachers[half].shown, shown[halves[other]])  # no frame that it was trained on
    said = shown[:, 0, 0, :2].astype(np.float64) / 255
    train = plain.split.train
    assert np.allclose(learnt[train], (labels[train] + said[train, None]) / 2, atol=1e-5)
    held_out = np.concatenate([plain.split.val, plain.split.test])
    assert np.array_equal(learnt[held_out], labels[held_out])
    assert judged.lessons() == {"judged": plain.index.files[train].tolist()}


def test_training_alone_has_the_averages(udacity_like: Path, tmp_path: Path) -> None:
    plain, judged = data(udacity_like, tmp_path), data(udacity_like, tmp_path)
    judged.learn_from_halves({1: Teacher(), 2: Teacher()})
    for (_, before, _), (_, after, _) in zip(plain.train_dataloader(), judged.train_dataloader(), strict=True):
        assert np.allclose(after, (before + 0.25) / 2, atol=1e-5)
    for (_, before, _), (_, after, _) in zip(plain.val_dataloader(), judged.val_dataloader(), strict=True):
        assert np.array_equal(before, after)
    for part in ("train", "val", "test"):
        assert np.array_equal(plain.frames(part).landmarks, judged.frames(part).landmarks)
    assert judged.index.fingerprint == plain.index.fingerprint


def test_where_a_teacher_is_not_sure_the_label_stays(udacity_like: Path, tmp_path: Path) -> None:
    frames = data(udacity_like, tmp_path)
    frames.learn_from_halves({1: Teacher(0.2, SURE + 0.05), 2: Teacher(0.1)})
    second = halves_of(frames)[2]
    assert frames.judged is not None and np.array_equal(frames.judged.rows, second[1::2])
    changed = (frames.judged.store.index.landmarks != frames.index.landmarks).any((1, 2))
    assert np.array_equal(np.flatnonzero(changed), second[1::2])


def test_halves_of_a_part_of_the_frames_are_refused(udacity_like: Path, tmp_path: Path) -> None:
    frames = data(udacity_like, tmp_path)
    frames.limit = 4
    with pytest.raises(InputError, match=r"leave data.limit or task.halves out"):
        frames.learn_from_halves({1: Teacher(), 2: Teacher()})
