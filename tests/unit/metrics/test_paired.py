"""Paired differences against scipy's bootstrap, a plain loop with scikit-learn, and what they are for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, norm
from sklearn.metrics import f1_score

from faceline.metrics.bootstrap import identification_intervals, mean_interval, video_weights
from faceline.metrics.paired import Paired, resampled_error, resampled_identification


def paired_error(a: np.ndarray, b: np.ndarray, videos: np.ndarray, n_resamples: int = 1000) -> Paired:
    return resampled_error(a, videos, n_resamples).against(resampled_error(b, videos, n_resamples))


def errors(seed: int = 0, videos: int = 60, frames: int = 5, gain: float = 0.05) -> tuple[np.ndarray, ...]:
    """Two models on the same frames: what is hard for one is hard for the other; A is better by ``gain``."""
    rng = np.random.default_rng(seed)
    hard = np.repeat(rng.gamma(4, 0.25, videos), frames)
    own = [np.repeat(rng.normal(0, 0.1, videos), frames) for _ in range(2)]
    return hard + own[0] - gain, hard + own[1], np.repeat([f"v{v:03d}" for v in range(videos)], frames)


def test_the_difference_of_errors_is_that_of_scipy() -> None:
    a, b, videos = errors()
    found = paired_error(a, b, videos, n_resamples=4000)
    by_video = (a - b).reshape(60, 5).mean(axis=1)  # videos of equal length: the mean of means is the mean
    theirs = bootstrap((by_video,), np.mean, n_resamples=4000, method="percentile", rng=1)
    assert found.difference == pytest.approx(by_video.mean())
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.003)
    error = by_video.std(ddof=1) / np.sqrt(60)
    assert found.probability == pytest.approx(norm.cdf(-by_video.mean() / error), abs=0.01)


def test_pairing_sees_what_two_intervals_cannot() -> None:
    a, b, videos = errors(1, gain=0.1)
    together = paired_error(a, b, videos)
    unpaired = paired_error(a, b[::-1], videos)  # each frame beside another one
    assert together.high < 0 < unpaired.high
    assert together.probability > 0.99 > unpaired.probability


def test_near_copies_are_no_evidence() -> None:
    a, b, videos = errors(2, frames=30, gain=0.02)
    honest, fooled = paired_error(a, b, videos), paired_error(a, b, np.arange(len(a)).astype(str))
    assert honest.high - honest.low > 3 * (fooled.high - fooled.low)


def test_equals_are_even_and_few_videos_prove_little() -> None:
    a, b, videos = errors(3)
    assert paired_error(a, a.copy(), videos)[:4] == (0, 0, 0, 0.5)
    few = np.isin(videos, videos[::5][:3])
    certain = paired_error(b[few] - 1, b[few], videos[few])
    assert certain.probability == 1 - 0.5**3
    assert paired_error(b[:1] - 1, b[:1], videos[:1]).probability == 0.5


@given(st.integers(0, 1000), st.floats(-0.2, 0.2))
def test_turning_the_question_round_turns_the_answer(seed: int, gain: float) -> None:
    a, b, videos = errors(seed, videos=20, gain=gain)
    one, other = paired_error(a, b, videos, n_resamples=100), paired_error(b, a, videos, n_resamples=100)
    assert one.difference == pytest.approx(-other.difference)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.probability == pytest.approx(1 - other.probability)


def test_the_probability_is_right_about_as_often_as_it_says() -> None:
    """Equal models: a probability of 95 % must come up about once in twenty, not more."""
    sure = sum(paired_error(*errors(seed, 40, 3, gain=0), n_resamples=400).probability >= 0.95 for seed in range(300))
    assert 6 <= sure <= 27  # 15 expected


def answers(seed: int, skill: float) -> np.ndarray:
    """12 people, 4 videos each, 3 frames each; a share of the videos is answered rightly."""
    rng = np.random.default_rng(seed)
    target = np.arange(12).repeat(4)
    return np.where(rng.random(48) < skill, target, rng.integers(0, 12, 48)).repeat(3)


def test_the_difference_of_identification_is_that_of_a_plain_loop() -> None:
    target, videos = np.arange(12).repeat(12), np.array([f"v{v:02d}" for v in range(48)]).repeat(3)
    a, b = answers(0, 0.7), answers(1, 0.4)
    of_a, of_b = (resampled_identification(preds, target, videos, n_resamples=40, seed=3) for preds in (a, b))
    found = {name: of_a[name].against(of_b[name]) for name in of_a}
    rows = [
        np.repeat(np.arange(144).reshape(48, 3), row, axis=0).ravel() for row in video_weights(48, 40, 3).astype(int)
    ]

    def f1(preds: np.ndarray, picked: np.ndarray, average: str) -> float:
        return f1_score(
            target[picked], preds[picked], average=average, labels=np.unique(target[picked]), zero_division=0
        )

    for average in ("weighted", "macro"):
        drawn = np.array([f1(a, picked, average) - f1(b, picked, average) for picked in rows])
        whole = f1(a, np.arange(144), average) - f1(b, np.arange(144), average)
        paired = found[f"f1_{average}"]
        assert paired.difference == pytest.approx(whole)
        assert (paired.low, paired.high) == pytest.approx(
            tuple(np.quantile(drawn, [0.025, 0.975]) - drawn.mean() + whole)
        )
    assert found["rank1"].difference == pytest.approx((a == target).mean() - (b == target).mean())
    assert found["rank1"].probability > 0.9


def test_input_that_does_not_fit_is_refused() -> None:
    a, b, videos = errors()
    for wrong in ((a, b, videos[:-1]), (a * np.nan, b, videos)):
        with pytest.raises(ValueError, match="expected"):
            paired_error(*wrong)
    with pytest.raises(ValueError, match="expected draws of the same videos, got 60 and 59"):
        resampled_error(a, videos).against(resampled_error(b[5:], videos[5:]))


def test_the_interval_of_one_model_is_that_of_its_run() -> None:
    target, videos = np.arange(12).repeat(12), np.array([f"v{v:02d}" for v in range(48)]).repeat(3)
    a = answers(0, 0.7)
    logged = identification_intervals(a, target, videos)
    assert {name: drawn.interval() for name, drawn in resampled_identification(a, target, videos).items()} == logged
    errors_of_a = errors()[0].clip(0.01)
    assert resampled_error(errors_of_a, errors()[2]).interval() == pytest.approx(
        mean_interval(errors_of_a, errors()[2])
    )
