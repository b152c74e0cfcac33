"""Figures of identification against scikit-learn, and those of the open set against numbers worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, top_k_accuracy_score

from faceline.metrics import identification as m


def trial(seed: int, n: int = 60, people: int = 7, strangers: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, people, n)
    scores = rng.normal(size=(n, people)) + 1.5 * np.eye(people)[target]
    if strangers:
        target[:strangers] = m.STRANGER
    return scores.astype(np.float32), target


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_closed_set_figures_are_scikit_learns(seed: int) -> None:
    scores, target = trial(seed)
    scalars = m.evaluate(scores, target).scalars
    preds = scores.argmax(axis=1)
    assert scalars["f1_weighted"] == pytest.approx(f1_score(target, preds, average="weighted"))
    labels = np.unique(target)
    assert scalars["f1_macro"] == pytest.approx(f1_score(target, preds, average="macro", labels=labels))
    assert scalars["accuracy"] == pytest.approx(accuracy_score(target, preds))
    for k in (1, 5):
        expected = top_k_accuracy_score(target, scores, k=k, labels=range(scores.shape[1]))
        assert scalars[f"rank{k}"] == pytest.approx(expected)


def test_who_never_asked_does_not_count_in_macro_f1() -> None:
    assert m.f1(np.array([0, 0, 2]), np.array([0, 0, 1]), "macro") == pytest.approx((1 + 0) / 2)


def test_ties_count_against_the_system() -> None:
    ranks = m.ranks(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [-np.inf, 2.0, -np.inf]]), np.array([0, 1, 2]))
    assert ranks.tolist() == [2, 3, 3]


def test_ranks_of_many_probes_are_those_of_each() -> None:
    scores, target = trial(3, n=9000, people=5)
    together = m.ranks(scores, target)
    assert together[[0, 4095, 4096, 8999]].tolist() == [
        int(m.ranks(scores[i : i + 1], target[i : i + 1])[0]) for i in (0, 4095, 4096, 8999)
    ]


OPEN = np.array(
    [
        [0.9, 0.1],  # person 0, found
        [0.4, 0.3],  # person 0, found with a low score
        [0.8, 0.2],  # person 1, taken for 0
        [0.1, 0.7],  # person 1, found
        [0.6, 0.5],  # stranger
        [0.2, 0.35],  # stranger
    ]
)
OPEN_TARGET = np.array([0, 0, 1, 1, -1, -1])


@pytest.mark.parametrize(
    ("threshold", "fpir", "fnir"), [(0.0, 1.0, 1 / 4), (0.5, 1 / 2, 2 / 4), (0.65, 0.0, 2 / 4), (0.95, 0.0, 1.0)]
)
def test_open_set_rates_by_hand(threshold: float, fpir: float, fnir: float) -> None:
    best, rank = OPEN.max(axis=1), m.ranks(OPEN, OPEN_TARGET)
    assert rank.tolist() == [1, 1, 2, 1, 0, 0]
    assert m.fpir(best[4:], threshold) == pytest.approx(fpir)
    assert m.fnir(best[:4], rank[:4], threshold) == pytest.approx(fnir)
    thresholds, alarms, misses = m.det_curve(OPEN, OPEN_TARGET)
    place = np.searchsorted(thresholds, threshold)
    assert (alarms[place], misses[place]) == pytest.approx((fpir, fnir))


def test_the_curve_holds_every_pair_and_ends_where_nobody_is_named() -> None:
    scores, target = trial(5, n=200, strangers=80)
    thresholds, alarms, misses = m.det_curve(scores, target)
    best, rank = scores.max(axis=1).astype(float), m.ranks(scores, target)
    for i in (0, 17, 60, len(thresholds) - 1):
        assert alarms[i] == pytest.approx(m.fpir(best[:80], thresholds[i]))
        assert misses[i] == pytest.approx(m.fnir(best[80:], rank[80:], thresholds[i]))
    assert (alarms[-1], misses[-1]) == (0, 1)
    assert (np.diff(alarms) <= 0).all() and (np.diff(misses) >= 0).all()


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=300),
    st.sampled_from([0.001, 0.01, 0.1, 0.5]),
)
@settings(deadline=None)
def test_a_threshold_keeps_its_rate_and_none_below_it_does(values: list[float], rate: float) -> None:
    best = np.array(values)
    threshold = m.threshold_at_fpir(best, rate)
    assert m.fpir(best, threshold) <= rate + 1e-9
    below = np.nextafter(threshold, -np.inf)
    assert m.fpir(best, below) > rate - 1e-9


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_stranger_whom_a_threshold_is_set_to_keep_out_is_kept_out(kind: type) -> None:
    scores, target = trial(4, n=40, strangers=20)
    scores = scores.astype(kind)
    scalars = m.evaluate(scores, target, m.thresholds_for(scores, target)).scalars
    assert scalars["fpir_at_1pct"] == scalars["fpir_at_0.1pct"] == 0


def test_a_score_that_a_threshold_lies_just_above_misses_it() -> None:
    best = np.array([0.7, 0.7], dtype=np.float32)
    threshold = m.threshold_at_fpir(best[:1], 0.01)
    assert m.reaches(best, threshold).tolist() == [False, False]
    assert m.fnir(best, np.array([1, 1]), threshold) == 1


def test_thresholds_come_from_other_data_and_tell_what_they_really_give() -> None:
    val, val_target = trial(1, n=900, strangers=400)
    test, test_target = trial(2, n=900, strangers=400)
    thresholds = m.thresholds_for(val, val_target)
    scalars = m.evaluate(test, test_target, thresholds).scalars
    best, rank = test.max(axis=1), m.ranks(test, test_target)
    assert scalars["fpir_at_1pct"] == pytest.approx((best[:400] >= thresholds["1pct"]).mean())
    assert scalars["fnir_at_fpir_1pct"] == pytest.approx(
        1 - ((rank[400:] == 1) & (best[400:] >= thresholds["1pct"])).mean()
    )
    assert scalars["fnir_at_fpir_0.1pct"] >= scalars["fnir_at_fpir_1pct"]


@pytest.mark.parametrize(
    ("scores", "target", "words"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "n > 0"),
        (np.zeros((2, 3)), np.array([0, 3]), "-1 to 2"),
        (np.array([[np.nan, 0.0]]), np.array([0]), "NaN"),
        (np.zeros((2, 3)), np.array([-1, -1]), "enrolled person"),
    ],
)
def test_wrong_input_is_refused(scores: np.ndarray, target: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        m.evaluate(scores, target)


def test_rates_without_probes_are_refused() -> None:
    none = np.zeros(0)
    for call in (
        lambda: m.fpir(none, 0.0),
        lambda: m.fnir(none, none.astype(int), 0.0),
        lambda: m.threshold_at_fpir(none, 0.01),
        lambda: m.f1(none.astype(int), none.astype(int), "macro"),
        lambda: m.det_curve(*trial(1)),
    ):
        with pytest.raises(ValueError, match="expected"):
            call()


@pytest.mark.parametrize("open_set", [False, True])
def test_scalars_have_the_names_that_are_told_beforehand(open_set: bool) -> None:
    scores, target = np.random.default_rng(0).random((30, 5)), np.tile(np.arange(-1, 5), 5)
    given = m.evaluate(scores, target, m.thresholds_for(scores, target) if open_set else None)
    assert m.scalar_names(open_set) == set(given.scalars)
