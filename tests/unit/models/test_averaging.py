"""The moving average against a loop over plain numbers."""

import pytest
import torch

from faceline.models.averaging import ExponentialAverage


def test_it_is_the_textbook_average_with_a_fast_beginning() -> None:
    values = torch.linspace(-1, 3, 200, dtype=torch.float64)
    average, by_hand = values[:1].clone(), float(values[0])
    blend = ExponentialAverage(decay=0.9)
    for n, value in enumerate(values[1:].tolist(), start=1):
        blend([average], [torch.tensor([value], dtype=torch.float64)], torch.tensor(n))
        decay = min(0.9, (1 + n) / (10 + n))
        by_hand = decay * by_hand + (1 - decay) * value
    assert float(average) == pytest.approx(by_hand, rel=1e-12)


def test_the_first_weights_are_soon_forgotten() -> None:
    average = torch.tensor(1000.0)
    blend = ExponentialAverage()
    for n in range(1, 100):
        blend([average], [torch.tensor(0.0)], n)
    assert abs(float(average)) < 1e-3


def test_one_tensor_alone_gives_the_next_average_as_earlier_runs_asked_for() -> None:
    for n, decay in ((1, 2 / 11), (10_000, 0.998)):
        following = ExponentialAverage()(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0]), n)
        assert following.tolist() == pytest.approx([decay + (1 - decay) * 3, 2])


def test_counts_are_those_of_the_model() -> None:
    steps = torch.tensor(3)
    ExponentialAverage()([steps], [torch.tensor(7)], 5)
    assert steps == 7
