"""Frames without a row are labelled by a teacher, where it is sure, and only those of people who are trained on."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from faceline.data.datamodule import LandmarkData
from faceline.data.index import BadRows
from faceline.data.taught import taught_frames
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


def person_of(file: str) -> str:
    return re.findall(r"Person_\d+", file)[0]


class Teacher:
    """Says that all landmarks are at a quarter of the frame, and is sure of every second frame."""

    def __init__(self, sure: float = 0.95) -> None:
        self.sure, self.seen = sure, 0

    def __call__(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        confidence = np.where((self.seen + np.arange(len(images))) % 2, self.sure, 0.2)
        self.seen += len(images)
        return np.full((len(images), 68, 2), images[0].shape[0] / 4 - 0.5), confidence


def test_only_frames_of_the_people_that_the_teacher_is_sure_of(root: Path, tmp_path: Path) -> None:
    source = UdacityFaces(root, on_error="skip", unlabelled=True)
    nameless = [row for row in source.rows(BadRows("skip")) if np.isnan(row.landmarks).any()]
    people = {row.person for row in nameless[: len(nameless) // 2]}
    wanted = [row.file for row in nameless if row.person in people]
    assert len(wanted) < len(nameless)
    store, rows = taught_frames(source, people, Teacher(), 32, tmp_path)
    assert store.index.files.tolist() == wanted
    assert rows.tolist() == list(range(1, len(wanted), 2))
    assert np.allclose(store.index.normalised(), 0.25)


def test_without_such_frames_or_sure_landmarks_there_is_nothing_to_teach(root: Path, tmp_path: Path) -> None:
    source = UdacityFaces(root, on_error="skip", unlabelled=True)
    for people, teacher, words in (
        ({"Nobody"}, Teacher(), "has no frame without landmarks of anybody who is trained on"),
        (set(source_people(source)), Teacher(sure=0.5), "sure of none of the"),
    ):
        with pytest.raises(InputError, match=words) as refused:
            taught_frames(source, people, teacher, 32, tmp_path)
        assert refused.value.column == "task.teacher"


def source_people(source: UdacityFaces) -> list[str]:
    return [row.person for row in source.rows(BadRows("skip"))]


def test_training_has_them_beside_its_own_and_nothing_else_has(root: Path, tmp_path: Path) -> None:
    def data(**options: object) -> LandmarkData:
        return LandmarkData(
            source=UdacityFaces(root, on_error="skip"),
            split={"protocol": "official", "val_fraction": 0.25},
            transforms=PLAIN,
            size=32,
            batch_size=1,
            workers=0,
            seed=0,
            cache_dir=tmp_path,
            **options,
        )

    listing = UdacityFaces(root, on_error="skip", unlabelled=True)
    plain = data()
    taught = data(taught=lambda people: taught_frames(listing, people, lambda x: (Teacher()(x)[0], None), 32, tmp_path))
    trained = set(plain.index.persons[plain.split.train])
    nameless = [row for row in listing.rows(BadRows("skip")) if np.isnan(row.landmarks).any()]
    added = sum(row.person in trained for row in nameless)
    assert 0 < added < len(nameless)  # those of the people of validation are left out
    batches = list(taught.train_dataloader())
    assert len(batches) == len(plain.train_dataloader()) + added
    assert sum(bool(np.allclose(landmarks, 0.25)) for _, landmarks, _ in batches) == added
    assert len(taught.val_dataloader()) == len(plain.val_dataloader())
    assert taught.index.fingerprint == plain.index.fingerprint
    assert taught.split.fingerprint(taught.index) == plain.split.fingerprint(plain.index)
