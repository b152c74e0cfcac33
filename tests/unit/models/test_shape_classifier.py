"""The network on shapes: people as sums of videos, noise in pixels, a checkpoint that builds it again."""

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from faceline.data.shapes import ShapeBatch, ShapeData
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError
from faceline.models.identifier import ByClass, ByEmbedding
from faceline.models.shape_classifier import ShapeClassifier


def shape_data(
    tmp_path: Path, people: int = 4, protocol: str = "frame_random", videos: int = 2, **changes
) -> ShapeData:
    source = SyntheticFaces(people=people, videos=videos, frames=8, test_frames=0, seed=1)
    split = {"protocol": protocol, "seed": 0, "val_fraction": 0.2, "test_fraction": 0.2}
    settings = {"dims": 2, "rotate": False, "batch_size": 16, "seed": 0, "cache_dir": tmp_path, **changes}
    return ShapeData(source=source, split=split, **settings)


def trained(data: ShapeData, epochs: int = 40, **changes) -> tuple[ShapeClassifier, pl.Trainer]:
    pl.seed_everything(0, verbose=False)
    model = ShapeClassifier(width=32, **changes)
    model.learn_from(data)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, data)
    return model.eval(), trainer


def test_it_learns_who_is_who(tmp_path: Path) -> None:
    data = shape_data(tmp_path)
    model, trainer = trained(data)
    assert float(trainer.callback_metrics["val/rank1"]) > 0.7
    identifier = ByClass(model)
    scores = identifier.scores(data.features[data.split.test])
    assert (identifier.people[scores.argmax(axis=1)] == data.index.persons[data.split.test]).mean() > 0.7


def test_a_person_is_the_sum_of_their_videos(tmp_path: Path) -> None:
    data = shape_data(tmp_path)
    model = ShapeClassifier(width=16)
    model.learn_from(data)
    model.eval()
    features = torch.from_numpy(data.features[:5])
    videos = model.head(model.embed(features)).softmax(dim=1).detach().numpy()
    assert videos.shape[1] == len(data.videos) == 8
    owner = [name.rsplit("_video_", 1)[0] for name in data.videos]
    expected = np.stack([videos[:, [o == p for o in owner]].sum(axis=1) for p in data.people], axis=1)
    np.testing.assert_allclose(model(features).exp().detach().numpy(), expected, rtol=1e-5)


def test_noise_is_in_pixels_so_a_small_face_has_more(tmp_path: Path) -> None:
    data = shape_data(tmp_path)
    seen: list[torch.Tensor] = []
    model = ShapeClassifier(width=16, noise=2.0)
    model.learn_from(data)
    model.embed = lambda features: seen.append(features) or torch.zeros(len(features), 16)  # type: ignore[method-assign]
    n = 400
    sizes = torch.tensor([[100.0]] * (n // 2) + [[400.0]] * (n // 2))
    nobody = torch.zeros(n, dtype=torch.int64)
    model.loss(ShapeBatch(torch.zeros(n, 136), nobody, nobody, sizes, nobody.bool()))
    small, large = seen[0][: n // 2].std().item(), seen[0][n // 2 :].std().item()
    assert (small, large) == pytest.approx((2 / 100, 2 / 400), rel=0.05)


def test_a_checkpoint_builds_the_same_network(tmp_path: Path) -> None:
    data = shape_data(tmp_path)
    model, trainer = trained(data, epochs=1)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=True)
    again = ShapeClassifier(width=32)
    again.on_load_checkpoint(checkpoint)
    again.load_state_dict(checkpoint["state_dict"])
    features = torch.from_numpy(data.features[:7])
    torch.testing.assert_close(again.eval()(features), model(features))
    np.testing.assert_array_equal(again.people, model.people)


def test_people_that_it_was_not_trained_on_are_told_apart_by_embeddings(tmp_path: Path) -> None:
    data = shape_data(tmp_path, people=24, protocol="person_disjoint")
    model, trainer = trained(data, epochs=3)
    assert 0 <= float(trainer.callback_metrics["val/rank1"]) <= 1
    trial, persons = data.trial("test"), data.index.persons
    identifier = ByEmbedding(lambda shapes: model.embed(torch.from_numpy(shapes)).detach().numpy())
    identifier.enrol(data.features[trial.gallery], persons[trial.gallery])
    assert not set(identifier.people) & set(data.people)
    scores = identifier.scores(data.features[trial.gallery])
    assert (identifier.people[scores.argmax(axis=1)] == persons[trial.gallery]).mean() > 0.5
    assert np.abs(scores).max() <= 1 + 1e-6


def test_one_person_alone_is_refused(tmp_path: Path) -> None:
    data = shape_data(tmp_path, people=1)
    with pytest.raises(InputError, match="at least two"):
        ShapeClassifier().learn_from(data)


def test_a_training_that_diverges_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not finite"):
        trained(shape_data(tmp_path), epochs=3, lr=1e30, warmup=0.01)
