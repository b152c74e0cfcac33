"""The losses against their formulas, written out for single numbers."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from faceline.models.losses import L1Loss, MSELoss, SmoothL1Loss, WingLoss

LOSSES = [MSELoss(), SmoothL1Loss(), WingLoss(), L1Loss()]


def one(loss: nn.Module, error: float) -> float:
    target = torch.full((1, 68, 2), 0.5, dtype=torch.float64)
    return float(loss(target + error, target))


def mse(e: float) -> float:
    return e * e


def smooth_l1(e: float, beta: float = 0.02) -> float:
    return 0.5 * e * e / beta if abs(e) < beta else abs(e) - 0.5 * beta


def wing(e: float, w: float = 0.04, c: float = 0.008) -> float:
    constant = w - w * math.log(1 + w / c)
    return w * math.log(1 + abs(e) / c) if abs(e) < w else abs(e) - constant


@given(error=st.floats(-0.5, 0.5))
def test_values_are_those_of_the_formulas(error: float) -> None:
    for loss, formula in zip(LOSSES, (mse, smooth_l1, wing, abs), strict=True):
        assert one(loss, error) == pytest.approx(formula(error), abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_mean_over_all_coordinates_and_symmetric(loss: nn.Module) -> None:
    torch.manual_seed(0)
    preds, target = torch.rand(4, 68, 2, dtype=torch.float64), torch.rand(4, 68, 2, dtype=torch.float64)
    by_hand = sum(
        float(loss(p.view(1, 1), t.view(1, 1))) for p, t in zip(preds.flatten(), target.flatten(), strict=True)
    )
    assert float(loss(preds, target)) == pytest.approx(by_hand / preds.numel(), rel=1e-9)
    assert float(loss(preds, target)) == pytest.approx(float(loss(target, preds)), rel=1e-12)


def test_wing_weighs_small_errors_more_than_their_share() -> None:
    loss = WingLoss()
    assert one(loss, 0.01) / one(loss, 0.1) > 2 * (0.01 / 0.1)
