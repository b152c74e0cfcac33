"""Intervals over videos against a plain loop with scikit-learn, and what they are for."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from faceline.metrics import bootstrap as b


def answers(seed: int = 0, people: int = 12, videos: int = 4, frames: int = 6) -> tuple[np.ndarray, ...]:
    """Frames of one video agree: all right or all wrong."""
    rng = np.random.default_rng(seed)
    target = np.repeat(np.arange(people), videos * frames)
    video = np.repeat(np.arange(people * videos), frames)
    wrong = np.repeat(rng.random(people * videos) < 0.4, frames)
    guess = np.repeat(rng.integers(0, people, people * videos), frames)
    return np.where(wrong, guess, target), target, np.array([f"v{v:03d}" for v in video])


def test_intervals_are_those_of_a_plain_loop() -> None:
    preds, target, videos = answers()
    names = np.unique(videos)
    weights = b.video_weights(len(names), 40, seed=3)
    drawn: dict[str, list[float]] = {"f1_weighted": [], "f1_macro": [], "rank1": []}
    for row in weights.astype(int):
        picked = np.concatenate(
            [np.flatnonzero(videos == name) for name, times in zip(names, row, strict=True) for _ in range(times)]
        )
        p, t = preds[picked], target[picked]
        for average in ("weighted", "macro"):
            drawn[f"f1_{average}"].append(f1_score(t, p, average=average, labels=np.unique(t), zero_division=0))
        drawn["rank1"].append(float((p == t).mean()))
    found = b.identification_intervals(preds, target, videos, n_resamples=40, seed=3)
    whole = {
        "f1_weighted": f1_score(target, preds, average="weighted"),
        "f1_macro": f1_score(target, preds, average="macro"),
        "rank1": (preds == target).mean(),
    }
    for name, values in drawn.items():
        ends = np.quantile(values, [0.025, 0.975]) - (np.mean(values) - whole[name])
        assert found[name] == pytest.approx(tuple(ends)), name


def test_an_interval_holds_its_figure() -> None:
    preds, target, videos = answers(5)
    low, high = b.identification_intervals(preds, target, videos)["f1_weighted"]
    assert low < f1_score(target, preds, average="weighted") < high


def test_near_copies_are_no_evidence() -> None:
    preds, target, videos = answers(1, frames=30)
    right = (preds == target).astype(float)
    low, high = b.mean_interval(right, videos)
    many_low, many_high = b.mean_interval(right, np.array([f"f{i}" for i in range(len(right))]))
    assert high - low > 3 * (many_high - many_low)


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        video = np.repeat((rng.random(80) < 0.3).astype(float), 5)
        low, high = b.mean_interval(video, np.repeat(np.arange(80), 5), n_resamples=300, seed=seed)
        inside += low <= 0.3 <= high
    assert 50 <= inside <= 60


def test_equal_seeds_give_equal_intervals() -> None:
    preds, target, videos = answers()
    one, two, other = (b.identification_intervals(preds, target, videos, seed=seed) for seed in (0, 0, 1))
    assert one == two != other


@pytest.mark.parametrize("n", [0, 3])
def test_input_that_does_not_fit_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        b.mean_interval(np.zeros(n), np.array(["v"] * (n * 2)))
    with pytest.raises(ValueError, match="expected videos"):
        b.video_weights(0)
