"""Shapes in memory: every frame once, the same order for the same seed, nothing of the test set in training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import procrustes

from faceline.data.index import BadRows, FrameRow
from faceline.data.shapes import ShapeData
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError


class Flat(SyntheticFaces):
    """Synthetic faces whose depth is not known."""

    name = "flat"

    def rows(self, bad: BadRows) -> list[FrameRow]:
        return [replace(row, landmarks3d=None) for row in super().rows(bad)]


def shape_data(tmp_path: Path, source: SyntheticFaces | None = None, **changes) -> ShapeData:
    settings = {"dims": 2, "rotate": False, "batch_size": 10, "seed": 3, "cache_dir": tmp_path, **changes}
    split = {"protocol": "video_disjoint", "seed": 0, "val_fraction": 0.2, "test_fraction": 0.2}
    return ShapeData(
        source=source or SyntheticFaces(people=6, videos=3, frames=5, test_frames=0),
        split=split | settings.pop("split", {}),
        **settings,
    )


@pytest.mark.parametrize(("dims", "features"), [(2, 136), (3, 204)])
def test_features_are_normalised_shapes(tmp_path: Path, dims: int, features: int) -> None:
    data = shape_data(tmp_path, dims=dims)
    assert data.features.shape == (90, features) and data.features.dtype == np.float32
    points = data.index.landmarks if dims == 2 else data.index.landmarks3d
    expected, _, _ = procrustes(points[17], points[3])
    np.testing.assert_allclose(data.features[17].reshape(68, dims), expected, atol=1e-6)


def test_turned_shapes_are_nearer_to_each_other(tmp_path: Path) -> None:
    plain, turned = (shape_data(tmp_path, rotate=rotate).features for rotate in (False, True))
    assert turned.var(axis=0).sum() < plain.var(axis=0).sum()


def test_batches_are_a_function_of_seed_and_epoch(tmp_path: Path) -> None:
    def orders(seed: int, epoch: int) -> np.ndarray:
        loader = shape_data(tmp_path, seed=seed).train_dataloader()
        loader.dataset.set_epoch(epoch)
        return torch.cat([batch.features for batch in loader]).numpy()

    np.testing.assert_array_equal(orders(3, 1), orders(3, 1))
    assert not np.array_equal(orders(3, 1), orders(3, 2))
    assert not np.array_equal(orders(3, 1), orders(4, 1))


def test_an_epoch_shows_training_frames_once_each_and_no_others(tmp_path: Path) -> None:
    data = shape_data(tmp_path, batch_size=1)
    seen = torch.cat([batch.features for batch in data.train_dataloader()]).numpy()
    assert len(seen) == len(data.split.train)
    assert {row.tobytes() for row in seen} == {row.tobytes() for row in data.features[data.split.train]}


def test_a_batch_knows_person_video_and_size(tmp_path: Path) -> None:
    data = shape_data(tmp_path)
    place = {row.tobytes(): i for i, row in enumerate(data.features)}
    batch = next(iter(data.train_dataloader()))
    for features, person, video, size in zip(batch.features, batch.people, batch.videos, batch.sizes, strict=True):
        row = place[features.numpy().tobytes()]
        assert data.people[person] == data.index.persons[row]
        assert data.videos[video] == data.index.videos[row]
        centred = data.index.landmarks[row] - data.index.landmarks[row].mean(axis=0)
        assert float(size) == pytest.approx(np.linalg.norm(centred), rel=1e-5)


def test_validation_asks_of_known_people_only(tmp_path: Path) -> None:
    data = shape_data(tmp_path)
    (batch,) = data.val_dataloader()
    assert len(batch.people) == len(data.split.val) and not batch.enrols.any() and (batch.people >= 0).all()


def test_in_an_open_set_validation_enrols_and_then_asks_of_strangers_too(tmp_path: Path) -> None:
    source = SyntheticFaces(people=20, videos=2, frames=3, test_frames=0)
    data = shape_data(tmp_path, source, split={"protocol": "person_disjoint", "val_fraction": 0.5})
    (batch,) = data.val_dataloader()
    assert batch.enrols.any() and (batch.people[batch.enrols] >= 0).all()
    assert (batch.people[~batch.enrols] == -1).any() and (batch.people[~batch.enrols] >= 0).any()


def test_depth_that_is_not_known_is_not_made_up(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"task.dims.*flat has no landmarks in three dimensions"):
        _ = shape_data(tmp_path, Flat(people=3, videos=2, frames=2, test_frames=0), dims=3).index


def test_a_batch_larger_than_the_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.batch_size"):
        shape_data(tmp_path, batch_size=1000).train_dataloader()


def test_a_limit_keeps_parts_small(tmp_path: Path) -> None:
    data = shape_data(tmp_path, limit=7)
    assert {name: len(rows) for name, rows in data.split.parts().items()} == {"train": 7, "val": 7, "test": 7}
