import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import mean_squared_error

from faceline.errors import InputError
from faceline.geometry.markup import REGIONS
from faceline.metrics.landmark import (
    auc,
    evaluate,
    failure_rate,
    interocular_distance,
    mse,
    mse_per_frame,
    nme,
    nme_per_frame,
    nme_per_region,
    scalar_names,
)

REFUSED = (ValueError, TypeError)  # a shape that does not fit is a TypeError where signatures are checked


def faces(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.uniform(0.2, 0.8, (n, 68, 2))
    return target + rng.normal(0, 0.02, target.shape), target


coordinates = hnp.arrays(np.float64, (3, 68, 2), elements=st.floats(-2, 3))
errors = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 0.5))


def with_eyes(target: np.ndarray) -> np.ndarray:
    """The same faces with eyes that lie 1 apart."""
    target = target.copy()
    target[:, 45] = target[:, 36] + [1.0, 0.0]
    return target


def test_mse_is_that_of_sklearn_and_torch():
    preds, target = faces(7)
    flat_preds, flat_target = preds.reshape(7, -1), target.reshape(7, -1)
    assert mse(preds, target) == pytest.approx(mean_squared_error(flat_target, flat_preds), rel=1e-12)
    by_torch = torch.nn.functional.mse_loss(torch.tensor(preds), torch.tensor(target), reduction="none")
    np.testing.assert_allclose(mse_per_frame(preds, target), by_torch.mean((1, 2)).numpy(), rtol=1e-12)


def test_mse_by_hand():
    target = np.full((2, 68, 2), 0.5)
    preds = target.copy()
    preds[1, 3] = [0.6, 0.3]
    np.testing.assert_allclose(mse_per_frame(preds, target), [0, (0.01 + 0.04) / 136])


def test_mse_of_single_precision_is_summed_in_double():
    preds, target = (points.astype(np.float32) for points in faces(50))
    exact = np.mean((preds.astype(np.float64) - target.astype(np.float64)) ** 2)
    assert mse(preds, target) == pytest.approx(exact, rel=1e-14)


def test_nme_by_hand():
    target = np.zeros((1, 68, 2))
    target[0, 36], target[0, 45] = [10, 20], [40, 60]  # 50 px apart
    preds = target + np.array([3.0, 4.0])  # every point 5 px off
    assert interocular_distance(target) == pytest.approx([50])
    assert nme(preds, target) == pytest.approx(0.1)
    preds[0, 0] = target[0, 0]
    assert nme(preds, target) == pytest.approx(0.1 * 67 / 68)


def test_nme_is_that_of_a_plain_loop():
    preds, target = (points * [320, 180] for points in faces(5, seed=1))
    for i, found in enumerate(nme_per_frame(preds, target)):
        eyes = np.hypot(*(target[i, 45] - target[i, 36]))
        expected = sum(np.hypot(*(p - t)) for p, t in zip(preds[i], target[i], strict=True)) / 68 / eyes
        assert found == pytest.approx(expected, rel=1e-12)


def test_regions_by_hand():
    target = with_eyes(np.zeros((1, 68, 2)))
    preds = target.copy()
    preds[0, 48:68, 1] += 0.5  # the mouth: landmarks 48 to 67
    preds[0, 16, 0] += 0.17  # one of 17 landmarks of the jaw
    found = {region: float(values[0]) for region, values in nme_per_region(preds, target).items()}
    assert found == pytest.approx({"jaw": 0.01, "brows": 0, "nose": 0, "eyes": 0, "mouth": 0.5})


@given(coordinates, coordinates)
@settings(max_examples=30, deadline=None)
def test_regions_weighted_by_their_points_are_the_nme(preds: np.ndarray, target: np.ndarray):
    target = with_eyes(target)
    regions = nme_per_region(preds, target)
    weighted = sum(len(REGIONS[region]) * values for region, values in regions.items()) / 68
    np.testing.assert_allclose(weighted, nme_per_frame(preds, target), rtol=1e-9, atol=1e-12)


@given(coordinates, coordinates, st.floats(-5, 5), st.floats(0.1, 10))
@settings(max_examples=30, deadline=None)
def test_moving_and_scaling_both(preds: np.ndarray, target: np.ndarray, shift: float, scale: float):
    target = with_eyes(target)
    np.testing.assert_allclose(mse_per_frame(preds + shift, target + shift), mse_per_frame(preds, target), atol=1e-9)
    moved = nme_per_frame(preds * scale + shift, target * scale + shift)
    np.testing.assert_allclose(moved, nme_per_frame(preds, target), rtol=1e-6, atol=1e-9)


@given(coordinates, st.permutations(range(3)))
@settings(max_examples=20, deadline=None)
def test_equal_points_have_no_error_and_the_order_of_frames_does_not_matter(target: np.ndarray, order: list[int]):
    target = with_eyes(target)
    assert mse(target, target) == 0
    assert nme(target, target) == 0
    preds = target + np.arange(3)[:, None, None]
    np.testing.assert_array_equal(nme_per_frame(preds[order], target[order]), nme_per_frame(preds, target)[order])


def test_auc_and_failure_rate_by_hand():
    found = np.array([0.0, 0.02, 0.08, 0.2])
    # Full, three quarters, nothing and nothing of the area under the curve.
    assert auc(found, 0.08) == pytest.approx((1 + 0.75) / 4)
    assert failure_rate(found, 0.08) == 0.25  # exactly at the threshold is no failure
    assert failure_rate(found, 0.01) == 0.75


@given(errors, st.sampled_from([0.08, 0.1, 0.3]))
@settings(max_examples=40, deadline=None)
def test_auc_is_the_area_under_the_cumulative_curve(found: np.ndarray, threshold: float):
    steps = 4000
    middles = (np.arange(steps) + 0.5) * threshold / steps  # midpoint rule
    curve = (found[:, None] <= middles).mean(axis=0)
    assert auc(found, threshold) == pytest.approx(curve.mean(), abs=1 / steps)
    assert 0 <= auc(found, threshold) <= 1 - failure_rate(found, threshold) + 1e-12


def test_evaluate_gives_every_scalar_and_the_frames_behind_it():
    preds, target = faces(6, seed=2)
    sizes = np.array([[100, 100], [320, 180], [90, 240], [64, 64], [500, 400], [123, 77]])
    scalars, frames = evaluate(preds, target, sizes)
    assert set(scalars) == {"mse", "nme", "auc_8", "auc_10", "failure_8", "failure_10"} | {
        f"nme_{region}" for region in REGIONS
    }
    assert set(frames) == {"mse", "nme"} | {f"nme_{region}" for region in REGIONS}
    for i, (w, h) in enumerate(sizes):
        in_pixels = nme(preds[i : i + 1] * [w, h], target[i : i + 1] * [w, h])
        assert frames["nme"][i] == pytest.approx(in_pixels, rel=1e-12)
    assert scalars["mse"] == pytest.approx(mse(preds, target))
    assert scalars["auc_10"] == pytest.approx(auc(frames["nme"], 0.10))
    assert scalars["failure_8"] == np.mean(frames["nme"] > 0.08)
    assert scalars["nme_mouth"] == pytest.approx(frames["nme_mouth"].mean())


def test_a_frame_that_is_not_square_is_measured_in_its_pixels():
    target = np.zeros((2, 68, 2))
    target[:, 45] = [0.5, 0]
    preds = target + np.array([0, 0.1])  # a tenth of the height off
    frames = evaluate(preds, target, np.array([[100, 100], [100, 200]])).frames
    np.testing.assert_allclose(frames["nme"], [0.2, 0.4])


@pytest.mark.parametrize("measure", [mse, mse_per_frame, nme, nme_per_frame, nme_per_region])
def test_empty_input_raises(measure):
    nothing = np.zeros((0, 68, 2))
    name = "preds" if "landmark" in measure.__module__ else ""
    with pytest.raises(ValueError, match=rf"^expected {name} of shape \(n, 68, 2\) with n > 0, got \(0, 68, 2\)$"):
        measure(nothing, nothing)


@pytest.mark.parametrize(("place", "value"), [("preds", np.nan), ("preds", np.inf), ("target", np.inf)])
@pytest.mark.parametrize("measure", [mse, nme])
def test_a_coordinate_that_is_not_finite_raises_and_names_the_frame(measure, place: str, value: float):
    given = dict(zip(("preds", "target"), faces(4), strict=True))
    given[place][2, 5, 1] = value
    with pytest.raises(ValueError, match=rf"finite {place}.*frame 2"):
        measure(**{f"{k}_px" if measure is nme else k: v for k, v in given.items()})


EYES = r"^expected outer eye corners \(landmarks 36 and 45\) that lie apart, got a distance of 0 in target frame 3$"


def test_zero_eye_distance_raises_and_names_the_frame():
    preds, target = faces(4)
    target[3, 45] = target[3, 36]
    for measure in (nme, nme_per_frame, nme_per_region):
        with pytest.raises(ValueError, match=EYES):
            measure(preds, target)
    with pytest.raises(ValueError, match=EYES):
        evaluate(preds, target, np.full((4, 2), 100))


def test_shapes_that_do_not_fit_are_refused():
    preds, target = faces(3)
    for wrong in (preds[:2], preds[:, :67], preds[..., :1], preds[0]):
        with pytest.raises(REFUSED):
            mse(wrong, target)
    with pytest.raises(REFUSED):
        evaluate(preds, target, np.full((2, 2), 100))


def test_sizes_that_are_not_positive_are_refused():
    preds, target = faces(2)
    with pytest.raises(ValueError, match="positive"):
        evaluate(preds, target, np.array([[100, 100], [0, 100]]))


@pytest.mark.parametrize("curve", [auc, failure_rate])
def test_errors_and_thresholds_that_mean_nothing_are_refused(curve):
    with pytest.raises(ValueError, match=r"^expected one error for each of n > 0 frames, got shape \(0,\)$"):
        curve(np.zeros(0))
    for bad in (np.nan, np.inf, -0.1):
        with pytest.raises(ValueError, match=rf"^expected finite errors of 0 or more, got {bad} in frame 1$"):
            curve(np.array([0.1, bad]))
    for threshold in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=rf"^expected a positive threshold, got {threshold}$"):
            curve(np.array([0.1]), threshold)


def test_scalars_have_the_names_that_are_told_beforehand():
    assert scalar_names() == {"mse", "nme", "auc_8", "auc_10", "failure_8", "failure_10"} | {
        f"nme_{region}" for region in REGIONS
    }


def test_metrics_of_ones_own_get_pixels_and_count_as_scalars():
    preds, target = faces(3, seed=1)
    sizes = np.array([[100, 50], [20, 20], [300, 200]])
    seen = []

    def widest(found, true):
        seen.append((found, true))
        return np.abs(found - true).max(axis=(1, 2))

    scalars, frames = evaluate(preds, target, sizes, own={"widest": widest})
    (found, true), in_pixels = seen[0], sizes[:, None]
    np.testing.assert_allclose(found, preds * in_pixels)
    np.testing.assert_allclose(true, target * in_pixels)
    np.testing.assert_allclose(frames["widest"], np.abs((preds - target) * in_pixels).max(axis=(1, 2)))
    assert scalars["widest"] == pytest.approx(frames["widest"].mean())


@pytest.mark.parametrize(
    ("answer", "missing", "words"),
    [
        ([1.0, 2.0, 3.0], False, "expected one finite number for each of 2 frames, got an array (3,)"),
        (
            [1.0, np.nan],
            True,
            "expected one finite number for each of 2 frames, got an array (2,) with others; "
            "landmarks without a label are NaN",
        ),
    ],
)
def test_metrics_of_ones_own_that_are_not_one_number_a_frame_are_refused(answer, missing: bool, words: str):
    preds, target = faces(2, seed=1)
    if missing:
        target[0, 5] = np.nan
    with pytest.raises(InputError) as refusal:
        evaluate(preds, target, np.array([[10, 10]] * 2), own={"mine": lambda *_: np.array(answer)})
    assert str(refusal.value) == f"key 'task.metrics.mine': {words}"
