"""Aligned faces for training: who is in a batch, what frames without landmarks may do, what validation asks."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.drawn import write_people

from faceline.data.faces import MARGIN, FaceData
from faceline.data.folder_faces import FolderFaces
from faceline.data.summary import summarise
from faceline.data.synthetic import SyntheticFaces
from faceline.data.udacity import UdacityFaces
from faceline.errors import InputError
from faceline.reports.data_plots import data_distributions
from faceline.transforms import Crop, Normalize, Pipeline, ToTensor

PLAIN = Pipeline([Crop(32, 32), Normalize(), ToTensor()])


class Finder:
    """Says that every face fills its frame."""

    def key(self) -> str:
        return "finder"

    def __call__(self, image: np.ndarray) -> np.ndarray:
        shape = SyntheticFaces(people=1, videos=1, frames=1, test_frames=0).face(0, 0, 0).shape[:, :2]
        return shape / np.ptp(shape) * min(image.shape[:2]) / 2 + np.array(image.shape[1::-1]) / 2


def face_data(cache: Path, source=None, **changes) -> FaceData:
    settings = {"people": 3, "frames": 4, "workers": 0, "seed": 5, "cache_dir": cache, "detector": None} | changes
    split = {"protocol": "video_disjoint", "seed": 0, "val_fraction": 0.3, "test_fraction": 0.2}
    return FaceData(
        source=source or SyntheticFaces(people=6, videos=3, frames=5, test_frames=0),
        split=split | settings.pop("split", {}),
        transforms={"train": PLAIN, "eval": PLAIN},
        size=32,
        **settings,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_a_batch_has_p_people_with_k_frames_each_of_several_videos(cache: Path) -> None:
    data = face_data(cache)
    faces = data.train_dataloader().dataset
    sampler = data.train_dataloader().sampler
    sampler.set_epoch(2)
    draws = list(sampler)
    assert len(draws) == len(sampler) and len(draws) % 12 == 0
    for start in range(0, len(draws), 12):
        rows = faces.rows[[position for position, _ in draws[start : start + 12]]]
        people, counts = np.unique(data.index.persons[rows], return_counts=True)
        assert len(people) == 3 and set(counts) == {4}
        for person in people:
            mine = rows[data.index.persons[rows] == person]
            there = data.index.videos[np.intersect1d(data.split.train, np.flatnonzero(data.index.persons == person))]
            assert len(set(data.index.videos[mine])) == min(4, len(set(there)))
    again = face_data(cache).train_dataloader().sampler
    again.set_epoch(2)
    assert list(again) == draws
    again.set_epoch(3)
    assert list(again) != draws


def test_faces_are_stored_with_room_and_given_at_their_size(cache: Path) -> None:
    data = face_data(cache)
    assert data.store.images.shape[1:] == (round(32 * (1 + 2 * MARGIN)),) * 2 + (3,)
    images, people, enrols = next(iter(data.train_dataloader()))
    assert images.shape == (12, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
    assert (people >= 0).all() and not enrols.any()


def test_validation_enrols_a_few_frames_of_each_video_and_then_asks(cache: Path) -> None:
    data = face_data(cache)
    batches = list(data.val_dataloader())
    people = np.concatenate([batch[1].numpy() for batch in batches])
    enrols = np.concatenate([batch[2].numpy() for batch in batches])
    trial = data.trial("val")
    assert enrols.sum() == 3 * len(set(data.index.videos[trial.gallery]))
    assert (~enrols).sum() == len(trial.probes) and (people >= 0).all()


@pytest.fixture
def with_others(udacity_like: Path) -> Path:
    """Frames 1 of training lose their rows; the frame that is missing has none either."""
    table = udacity_like / "training_frames_keypoints.csv"
    lines = table.read_text().splitlines()
    kept = [line for line in lines if "1.jpg" not in line.split(",")[0]]
    table.write_text("\n".join(kept) + "\n")
    return udacity_like


def test_frames_without_landmarks_train_with_their_video_and_change_no_part(with_others: Path, tmp_path: Path) -> None:
    options = {"people": 2, "frames": 2, "split": {"val_fraction": 0.2}}
    plain = face_data(tmp_path, UdacityFaces(with_others), **options)
    more = face_data(tmp_path, UdacityFaces(with_others, unlabelled=True), detector=Finder(), **options)
    assert len(more.index) > len(plain.index) and len(more.extra) > 0
    for name, rows in plain.split.parts().items():
        assert plain.index.files[rows].tolist() == more.index.files[more.split.parts()[name]].tolist()
    assert np.isnan(more.index.landmarks[more.extra]).all()
    held_out = set(more.index.videos[np.concatenate([more.split.val, more.split.test])])
    assert not held_out & set(more.index.videos[more.extra])
    assert set(more.index.videos[more.extra]) <= set(more.index.videos[more.split.train])
    assert len(more.train_dataloader().dataset) == len(plain.train_dataloader().dataset) + len(more.extra)


def test_folders_of_people_without_any_landmarks_are_split_whole(tmp_path: Path) -> None:
    write_people(tmp_path / "people", SyntheticFaces(people=4, videos=3, frames=2, test_frames=0))
    data = face_data(tmp_path / "cache", FolderFaces(tmp_path / "people"), detector=Finder(), people=2, frames=2)
    assert sum(len(rows) for rows in data.split.parts().values()) == len(data.index) == 24
    assert not len(data.extra) and data.split.protocol == "video_disjoint"
    summary = summarise(data.index)
    assert (summary.labelled, summary.unlabelled, summary.face_sizes) == (0, 24, None)
    assert "frames        0 with landmarks, 24 without" in summary.lines()
    titles = [axes.get_title(loc="left") for axes in data_distributions(data.index, source="folders").axes]
    assert titles[-1] == "Face sizes: no frame has landmarks"


def test_a_copy_of_a_test_frame_is_not_trained_on(with_others: Path, tmp_path: Path) -> None:
    def data() -> FaceData:
        source = UdacityFaces(with_others, unlabelled=True)
        return face_data(tmp_path, source, people=2, frames=2, detector=Finder(), split={"protocol": "frame_random"})

    before = data()
    first, *others = before.index.files[before.extra].tolist()
    shutil.copy(with_others / before.index.files[before.split.test[0]], with_others / first)
    after = data()
    assert after.index.files[after.extra].tolist() == others


def test_without_a_detector_they_are_refused(with_others: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no landmarks; name a checkpoint"):
        _ = face_data(tmp_path, UdacityFaces(with_others, unlabelled=True)).index


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"people": 7}, "task.people.*more than 6"), ({"frames": 60}, "task.frames.*a batch of 180")],
    ids=str,
)
def test_batches_that_cannot_be_filled_are_refused(changes: dict, words: str, cache: Path) -> None:
    with pytest.raises(InputError, match=words):
        face_data(cache, **changes).train_dataloader()
