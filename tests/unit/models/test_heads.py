"""Heads: what each can express, and that each learns."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from faceline.models.heads import HeatmapHead, RegressionHead, SimCCHead, VotingHead
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import SmallCNN
from faceline.models.losses import SmoothL1Loss


def test_voting_head_can_point_anywhere_even_outside_the_frame() -> None:
    head = VotingHead([4], width=8).eval()
    with torch.no_grad():
        head.votes.weight.zero_()
        head.votes.bias.copy_(torch.tensor([0.0, 3.0, -5.0]).repeat(68))  # attention, x and y offset in cells
        landmarks = head([torch.rand(1, 4, 8, 10)])
    # Even attention: the mean of the cells is the middle of the frame, moved by the offset.
    assert landmarks[0, 0].tolist() == pytest.approx([0.5 + 3 / 10, 0.5 - 5 / 8], abs=1e-6)


def test_voting_head_follows_its_attention() -> None:
    head = VotingHead([1], width=1).eval()
    head.merge = torch.nn.Identity()
    features = torch.full((1, 1, 4, 4), -50.0)
    features[0, 0, 3, 1] = 50.0  # row 3, column 1
    with torch.no_grad():
        head.lateral[0].weight.fill_(1.0)
        head.lateral[0].bias.zero_()
        head.votes.weight.zero_()
        head.votes.weight[0::3] = 1.0
        landmarks = head([features])
    assert landmarks[0, 5].tolist() == pytest.approx([1.5 / 4, 3.5 / 4], abs=1e-6)


def test_regression_head_starts_near_the_middle() -> None:
    landmarks = RegressionHead([8, 16])([torch.zeros(3, 8, 4, 4), torch.zeros(3, 16, 2, 2)])
    assert landmarks.shape == (3, 68, 2)
    assert torch.allclose(landmarks, torch.full_like(landmarks, 0.5))


def test_heatmap_head_gives_the_mean_place_of_its_heat() -> None:
    torch.manual_seed(0)
    head = HeatmapHead([4, 8], width=8).eval()
    maps = [torch.randn(2, 4, 6, 10), torch.randn(2, 8, 3, 5)]
    with torch.no_grad():
        heat = head.heat(head.merged(maps)).double().numpy()
        got = head(maps).numpy()
    shares = np.exp(heat) / np.exp(heat).sum(axis=(2, 3), keepdims=True)
    x = (shares.sum(axis=2) * (np.arange(10) + 0.5) / 10).sum(axis=2)
    y = (shares.sum(axis=3) * (np.arange(6) + 0.5) / 6).sum(axis=2)
    np.testing.assert_allclose(got, np.stack([x, y], axis=2), atol=1e-5)


def test_simcc_head_points_at_the_bin_that_it_is_sure_of_even_outside_the_frame() -> None:
    head = SimCCHead([3], width=4, split=4, beyond=0.25).eval()
    with torch.no_grad():
        for classifier in (head.columns, head.rows):
            classifier.weight.zero_()
            classifier.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 30.0]).repeat(68))
        landmarks = head([torch.rand(1, 3, 2, 5)])
    # sure of the last bin of every cell: 5 cells of 4 bins over 1.5 frames, beginning a quarter before the frame
    x = np.mean([(4 * cell + 3.5) / 20 for cell in range(5)]) * 1.5 - 0.25
    y = np.mean([(4 * cell + 3.5) / 8 for cell in range(2)]) * 1.5 - 0.25
    assert landmarks[0, 3].tolist() == pytest.approx([x, y], abs=1e-5)


def test_cross_entropy_of_simcc_is_least_where_the_bins_are_a_normal_distribution_about_the_coordinate() -> None:
    head, edge = SimCCHead([3], width=4, split=4, beyond=0.25), 1.5 / 32
    target = torch.rand(2, 68, 2, generator=torch.Generator().manual_seed(0))
    middles = (np.arange(32) + 0.5) * edge - 0.25
    right = norm.pdf(middles, target[..., None].numpy(), edge)
    right /= right.sum(axis=3, keepdims=True)
    scores = tuple(torch.from_numpy(np.log(right[:, :, axis])).float() for axis in (0, 1))
    least = float(head.cross_entropy(scores, target))
    assert least == pytest.approx(float(np.mean(-(right * np.log(right)).sum(axis=3))), abs=1e-5)
    torch.testing.assert_close(head.expected(scores), target, atol=1e-3, rtol=0)
    moved = torch.roll(scores[0], 1, dims=2)
    assert float(head.cross_entropy((moved, scores[1]), target)) > least + 0.1
    assert float(head.cross_entropy(scores, target.flip(2))) > least + 0.1


def test_voting_head_tells_how_far_apart_its_votes_lie() -> None:
    torch.manual_seed(0)
    head, maps = VotingHead([4], width=8).eval(), [torch.randn(2, 4, 6, 5)]
    torch.nn.init.normal_(head.votes.weight)
    with torch.no_grad():
        landmarks, spread = head.weigh(maps)
        cells = head.votes(head.merged(maps)).double().numpy().reshape(2, 68, 3, 30)
        torch.testing.assert_close(landmarks, head(maps))
    shares = np.exp(cells[:, :, 0]) / np.exp(cells[:, :, 0]).sum(axis=2, keepdims=True)
    row, column = np.divmod(np.arange(30), 5)
    x, y = (column + 0.5 + cells[:, :, 1]) / 5, (row + 0.5 + cells[:, :, 2]) / 6
    variance = sum((shares * (v - (shares * v).sum(2, keepdims=True)) ** 2).sum(2) for v in (x, y))
    np.testing.assert_allclose(spread.numpy(), np.sqrt(variance), rtol=1e-3)


HEADS: list[Callable[..., nn.Module]] = [
    VotingHead,
    HeatmapHead,
    SimCCHead,
    RegressionHead,
]


@pytest.mark.parametrize("head", HEADS)
def test_every_head_learns_a_shape(head, trainer) -> None:
    torch.manual_seed(0)
    model = LandmarkDetector(SmallCNN(16), head=head, loss=SmoothL1Loss(), flip_average=True, lr=0.01)
    images, target = torch.rand(4, 3, 64, 64), (torch.rand(68, 2) * 0.5 + 0.25).expand(4, 68, 2)
    before = float((model(images) - target).detach().abs().mean())
    trainer(max_epochs=60).fit(model, DataLoader(TensorDataset(images, target, torch.ones(4, 2)), batch_size=4))
    assert float((model.train()(images) - target).detach().abs().mean()) < 0.4 * before


@pytest.mark.parametrize("head", HEADS)
def test_heads_give_float32_under_bfloat16(head) -> None:
    net = SmallCNN(width=32)
    head = head(net.channels)
    with torch.autocast("cpu", torch.bfloat16):
        assert head(net(torch.rand(1, 3, 64, 64))).dtype == torch.float32
