"""What reaches the model: every frame once, in [0, 1], the same for the same seed and epoch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from faceline.data.datamodule import EpochSampler, LandmarkData
from faceline.data.index import FrameRow
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError
from faceline.transforms import AddNoise, HorizontalFlip, Normalize, Pipeline, Rescale, ToTensor
from faceline.types import Image

SIZE = 48


def data_at(folder: Path, **settings) -> LandmarkData:
    options = {
        "source": SyntheticFaces(people=6, videos=2, frames=3, seed=1),
        "split": {"protocol": "official", "seed": 0, "val_fraction": 0.2, "test_fraction": 0.2},
        "transforms": {
            "train": Pipeline([Rescale(SIZE, SIZE), HorizontalFlip(0.5), AddNoise(), Normalize(), ToTensor()]),
            "eval": Pipeline([Rescale(SIZE, SIZE), Normalize(), ToTensor()]),
        },
        "size": SIZE,
        "batch_size": 4,
        "workers": 0,
        "seed": 7,
        "cache_dir": folder,
    }
    return LandmarkData(**{**options, **settings})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def epoch_of(data: LandmarkData, epoch: int) -> list[torch.Tensor]:
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return [images for images, _, _ in loader]


def test_batches_have_images_landmarks_and_sizes(cache: Path) -> None:
    images, landmarks, sizes = next(iter(data_at(cache).train_dataloader()))
    assert images.shape == (4, 3, SIZE, SIZE) and images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    assert landmarks.shape == (4, 68, 2) and landmarks.dtype == torch.float32
    assert sizes.shape == (4, 2) and sizes.min() > SIZE


def test_evaluation_frames_carry_the_landmarks_of_the_index(cache: Path) -> None:
    data = data_at(cache)
    frames = data.frames("test")
    for position in (0, len(frames) - 1):
        image, landmarks, size = frames[position]
        row = data.split.test[position]
        expected = (data.index.landmarks[row] + 0.5) / data.index.sizes[row]
        assert np.allclose(landmarks.numpy(), expected, atol=1e-5)
        assert size.tolist() == data.index.sizes[row].tolist()
        assert np.allclose(image.numpy() * 255, data.store.images[row].transpose(2, 0, 1), atol=1e-3)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_is_a_function_of_seed_and_number(cache: Path, workers: int) -> None:
    straight = data_at(cache, workers=workers)
    first, second = epoch_of(straight, 0), epoch_of(straight, 1)
    resumed = epoch_of(data_at(cache), 1)  # a process that begins with epoch 1
    assert all(torch.equal(a, b) for a, b in zip(second, resumed, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    other = epoch_of(data_at(cache, seed=8), 1)
    assert not all(torch.equal(a, b) for a, b in zip(second, other, strict=True))


def test_sampler_takes_every_frame_once() -> None:
    sampler = EpochSampler(31, seed=3)
    assert sorted(position for position, _ in sampler) == list(range(31))


def test_processes_share_the_epoch_without_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    shares = []
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        shares.append([position for position, _ in EpochSampler(21, seed=3)])
    assert len(shares[0]) == len(shares[1]) == 10
    assert not set(shares[0]) & set(shares[1])


def test_limit_keeps_a_part_of_each_part(cache: Path) -> None:
    data, whole = data_at(cache, limit=5), data_at(cache)
    data.setup()
    whole.setup()
    for name, rows in data.split.parts().items():
        assert len(rows) == min(5, len(whole.split.parts()[name]))
        assert set(data.index.files[rows]) <= set(whole.index.files[whole.split.parts()[name]])


def test_under_a_limit_no_other_frame_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    draw = SyntheticFaces.read

    def watched(self: SyntheticFaces, row: FrameRow) -> Image:
        read.append(row.file)
        return draw(self, row)

    monkeypatch.setattr(SyntheticFaces, "read", watched)
    data = data_at(tmp_path, limit=2)
    data.setup()
    assert len(read) == len(data.index) == 6
    again = data_at(tmp_path, limit=2)
    again.setup()
    assert len(read) == 6 and again.index.fingerprint == data.index.fingerprint


def test_a_batch_larger_than_the_training_part_is_refused(cache: Path) -> None:
    with pytest.raises(InputError, match=r"data\.batch_size.*lower it"):
        data_at(cache, batch_size=100).train_dataloader()
