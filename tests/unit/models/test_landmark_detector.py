"""The Lightning module: it learns, its schedule, its metrics over a whole part, its input normalisation."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from faceline.errors import InputError
from faceline.geometry.markup import FLIP_ORDER, markup
from faceline.metrics.landmark import evaluate
from faceline.models.coarse_stage import CoarseStage
from faceline.models.heads import RegressionHead, SimCCHead
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import SmallCNN
from faceline.models.optimizers import WarmupCosine


def detector(**settings) -> LandmarkDetector:
    torch.manual_seed(0)
    return LandmarkDetector(SmallCNN(width=16), **settings)


def frames(count: int) -> list[tuple[torch.Tensor, ...]]:
    rng = torch.Generator().manual_seed(1)
    shape = torch.rand(68, 2, generator=rng) * 0.5 + 0.25
    return [(torch.rand(3, 32, 32, generator=rng), shape, torch.tensor([80.0, 120.0])) for _ in range(count)]


def test_it_learns_a_shape_by_heart(trainer) -> None:
    model, data = detector(lr=5e-3), frames(8)
    loader = DataLoader(data, batch_size=4)
    target = data[0][1]
    model.eval()
    before = float((model(data[0][0][None])[0] - target).abs().mean())
    trainer(max_epochs=60).fit(model, loader)
    model.eval()
    after = float((model(data[0][0][None])[0] - target).abs().mean())
    assert after < 0.1 * before


def test_validation_metrics_are_of_the_whole_part_not_means_over_batches(trainer) -> None:
    model, data = detector().eval(), frames(7)
    (logged,) = trainer().validate(model, DataLoader(data, batch_size=3), verbose=False)
    with torch.inference_mode():
        preds = torch.cat([model(image[None]) for image, _, _ in data]).numpy()
    target = np.stack([landmarks.numpy() for _, landmarks, _ in data])
    expected = evaluate(preds, target, np.full((7, 2), (80, 120))).scalars
    for name, value in expected.items():
        assert logged[f"val/{name}"] == pytest.approx(value, rel=1e-4), name


@pytest.mark.parametrize("looks_first", [False, True])
def test_flip_averaging_finds_in_a_mirror_image_the_mirror_of_what_it_finds(looks_first: bool) -> None:
    model = detector(flip_average=True, coarse_stage=CoarseStage(SmallCNN(16), size=32) if looks_first else None).eval()
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        found, mirrored = model(images), model(images.flip(3))
    expected = found[:, torch.from_numpy(FLIP_ORDER.copy())]
    torch.testing.assert_close(mirrored[..., 0], 1 - expected[..., 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored[..., 1], expected[..., 1], atol=1e-5, rtol=0)
    model.flip_average = False
    with torch.inference_mode():
        assert not torch.allclose(model(images), found, atol=1e-6)


def test_flip_averaging_is_for_what_is_measured_not_for_training() -> None:
    model, plain = detector(flip_average=True), detector()
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(model(images), plain(images))


def test_what_an_annotator_does_otherwise_on_one_side_is_learnt_by_a_model_that_knows_its_mirrored_frames(
    trainer,
) -> None:
    """Labels lie to the right of what they mark, in the image and not of the face: their mirror images do not."""
    data, rng = [], torch.Generator().manual_seed(3)
    for _ in range(32):
        image, place = torch.zeros(3, 32, 32), torch.randint(8, 24, (2,), generator=rng)
        image[:, place[1] - 3 : place[1] + 3, place[0] - 3 : place[0] + 3] = 1
        labels = (place / 32 + torch.tensor([0.1, 0.0])).expand(68, 2).clone()
        data.append((image, labels, torch.tensor([32.0, 32.0])))
    errors = {}
    for told in (False, True):
        model = detector(mirror=True, flip_average=True, head=RegressionHead, lr=1e-2)
        if not told:
            for mark in model.marks:
                mark.requires_grad_(False)  # stays zero: nobody is told
        trainer(max_epochs=60).fit(model, DataLoader(data, batch_size=8))
        with torch.inference_mode():
            off = torch.stack([model.eval()(image[None])[0] - labels for image, labels, _ in data])
        errors[told] = float(off[..., 0].mean())
    assert abs(errors[True]) < 0.02 and errors[False] < -0.04  # nobody told finds the middle of both


@pytest.mark.parametrize("looks_first", [False, True])
def test_a_cross_entropy_comes_beside_the_loss_in_training(looks_first: bool) -> None:
    def loss(weight: float) -> float:
        coarse_stage = CoarseStage(SmallCNN(16), size=32) if looks_first else None
        model = detector(head=SimCCHead, cross_entropy=weight, coarse_stage=coarse_stage)
        model.log = lambda *_, **__: None
        return float(model.training_step([torch.stack(column) for column in zip(*frames(4), strict=True)], 0))

    without, once, twice = (loss(weight) for weight in (0.0, 1.0, 2.0))
    assert once - without == pytest.approx(twice - once, rel=1e-4)
    assert once - without > 0.5  # of many bins the right one is not known yet


def test_only_heads_that_classify_have_a_cross_entropy() -> None:
    with pytest.raises(InputError, match="RegressionHead does not classify coordinates"):
        detector(head=RegressionHead, cross_entropy=0.03)


@pytest.mark.parametrize(
    ("part", "off"),
    [
        ({"coarse_stage": CoarseStage(SmallCNN(16), size=32)}, "model/coarse_stage=null"),
        ({"distances": 0.5}, "model.distances=0"),
    ],
)
def test_parts_for_the_68_points_say_how_to_turn_them_off_for_others(part: dict, off: str) -> None:
    seven = markup("seven", points=7, normaliser=[0, 3], regions={"all": "0-6"}, flip_pairs=[[0, 3], [1, 2], [4, 6]])
    with pytest.raises(InputError, match=f"knows only the 68 points of iBUG, not seven; set {off}"):
        detector(markup=seven, **part)


def test_doubts_of_a_mirror_image_are_those_of_the_image() -> None:
    model = detector(flip_average=True, coarse_stage=CoarseStage(SmallCNN(16), size=32)).eval()
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        found, mirrored = model.find(images), model.find(images.flip(3))
    assert found.uncertainty.shape == (3, 2)
    torch.testing.assert_close(mirrored.uncertainty, found.uncertainty, atol=1e-5, rtol=1e-4)


def test_one_look_has_nothing_to_doubt_by() -> None:
    assert detector().eval().find(torch.rand(1, 3, 64, 64)).uncertainty is None


def test_input_is_normalised_as_asked() -> None:
    plain, shifted = detector(), detector(mean=[0.2, 0.3, 0.4], std=[0.1, 0.2, 0.5])
    shifted.load_state_dict(copy.deepcopy(plain.state_dict()))
    image = torch.rand(1, 3, 32, 32)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.2, 0.3, 0.4], [0.1, 0.2, 0.5]))
    same = image * std + mean  # after shifted's normalisation: image; after plain's: (image - 0.5) / 0.5
    plain.eval(), shifted.eval()
    assert torch.allclose(shifted(same), plain(image * 0.5 + 0.5), atol=1e-5)


def test_pretrained_weights_are_for_timm_backbones() -> None:
    with pytest.raises(InputError, match="only a timm backbone starts from such weights; set model=timm"):
        detector(weights="weights.pth")


def test_biases_and_norms_do_not_decay(trainer) -> None:
    model = detector(weight_decay=0.3, lr=1e-2, backbone_lr=0.5)
    fit = trainer(max_epochs=1)
    fit.fit(model, DataLoader(frames(4), batch_size=4))
    groups = fit.optimizers[0].param_groups
    for group in groups:
        assert all((p.ndim > 1) == (group["weight_decay"] == 0.3) for p in group["params"])
    rates = {group["initial_lr"] for group in groups}
    assert rates == {0.005, 0.01}
    assert sum(p.numel() for g in groups for p in g["params"]) == sum(p.numel() for p in model.parameters())


@given(total=st.integers(1, 5000), warmup=st.floats(0, 0.9))
def test_the_rate_rises_then_falls_to_zero(total: int, warmup: float) -> None:
    factor = WarmupCosine(total, warmup)
    values = np.array([factor(step) for step in range(total + 1)])
    top = int(values.argmax())
    assert (values >= 0).all() and (values <= 1).all()
    assert (np.diff(values[: top + 1]) >= 0).all() and (np.diff(values[top:]) <= 1e-12).all()
    assert factor(total + factor.rise) == pytest.approx(0, abs=1e-12)
    assert top <= factor.rise
