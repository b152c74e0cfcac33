"""The face embedder: its margin by hand, its embeddings, what is frozen, a checkpoint that builds it again."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from faceline.data.faces import FaceData
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError
from faceline.models.face_embedder import FaceEmbedder, with_margin
from faceline.transforms import Crop, Normalize, Pipeline, ToTensor

BACKBONE = "mobilenetv3_small_050"


def embedder(**changes) -> FaceEmbedder:
    torch.manual_seed(0)
    return FaceEmbedder(backbone=BACKBONE, embedding=16, **changes)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_file({name: value.contiguous() for name, value in embedder().backbone.body.state_dict().items()}, file)
    return file


def test_the_margin_widens_the_angle_to_the_true_person_alone() -> None:
    cosines = torch.tensor([[0.5, 0.2], [0.1, -0.999]])
    found = with_margin(cosines, torch.tensor([0, 1]), 0.3)
    assert found[0, 0].item() == pytest.approx(math.cos(math.acos(0.5) + 0.3), abs=1e-6)
    assert found[1, 1].item() == pytest.approx(-1.0, abs=1e-4)  # at most a half turn
    assert (found[0, 1].item(), found[1, 0].item()) == pytest.approx((0.2, 0.1))
    torch.testing.assert_close(with_margin(cosines, torch.tensor([0, 1]), 0.0), cosines, atol=1e-5, rtol=0)


def test_embeddings_have_length_one_and_a_mirrored_face_has_the_same() -> None:
    model = embedder().eval()
    faces = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        found, mirrored = model.embed(faces), model.embed(faces.flip(3))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(found, mirrored, atol=1e-5, rtol=1e-4)


def test_what_is_frozen_stays_as_the_file_has_it(weights: Path) -> None:
    model = embedder(weights=str(weights), frozen=["conv_stem", "bn1", "blocks.0"]).train()
    body = model.backbone.body
    assert not body.bn1.training and body.blocks[1].training
    before = {name: value.clone() for name, value in body.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    model(torch.rand(8, 3, 64, 64)).square().mean(dim=0)[0].backward()
    optimizer.step()
    changed = {name for name, value in body.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and not any(name.startswith(("conv_stem", "bn1", "blocks.0.")) for name in changed)


def test_without_weights_nothing_is_frozen() -> None:
    model = embedder(frozen=["conv_stem", "bn1"]).train()
    assert model.backbone.body.bn1.training and all(p.requires_grad for p in model.backbone.parameters())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frozen": ["nose"]}, "the backbone has no nose; its parts are conv_stem"),
        ({"weights": "none.safetensors"}, "no such file"),
        ({"strides": [3]}, "has feature maps of strides 2, 4, 8, 16, 32; choose among them"),
    ],
    ids=str,
)
def test_what_is_not_there_is_named(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        embedder(**changes)


def test_it_starts_from_what_tells_the_training_people_apart(tmp_path: Path) -> None:
    data = FaceData(
        source=SyntheticFaces(people=6, videos=3, frames=4, test_frames=1, min_width=80, max_width=90, seed=1),
        split={"protocol": "video_disjoint", "seed": 0, "val_fraction": 0.2, "test_fraction": 0.2},
        transforms=dict.fromkeys(("train", "eval"), Pipeline([Crop(48, 48), Normalize(), ToTensor()])),
        size=48,
        people=2,
        frames=2,
        workers=0,
        seed=0,
        cache_dir=tmp_path,
    )
    model = embedder(strides=[4, 8], grid=3, components=30, shrinkage=0.2)
    model.learn_from(data)
    assert model.training
    images, labels, _ = (torch.cat(column) for column in zip(*data.still_dataloader(), strict=True))
    assert sorted(labels.unique().tolist()) == list(range(6))
    with torch.inference_mode():
        nearest = (model.eval().embed(images) @ torch.nn.functional.normalize(model.directions, dim=1).T).argmax(dim=1)
    assert (nearest == labels).float().mean() > 0.95
    width = model.neck.linear.weight.abs().sum(dim=1)
    assert (width[:5] > 0).all() and (width[5:] == 0).all()  # six people have five discriminants


def test_a_checkpoint_builds_it_again() -> None:
    model = embedder()
    model._build(np.array(["a", "b", "c"]))
    checkpoint: dict = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(checkpoint)
    again = embedder()
    again.on_load_checkpoint(checkpoint)
    again.load_state_dict(checkpoint["state_dict"])
    assert again.people.tolist() == ["a", "b", "c"]
    torch.testing.assert_close(again.directions, model.directions)
