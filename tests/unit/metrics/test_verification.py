"""What similarities mean is found again where it is known."""

import numpy as np
import pytest

from faceline.inference.bundle import Calibration
from faceline.metrics.verification import measure_scale, visits_of


def crowd(people: int, noise: float, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Two visits of each of some people."""
    rng = np.random.default_rng(0)
    own = rng.normal(size=(people, size))
    visits = np.repeat(own, 2, axis=0) + noise * rng.normal(size=(2 * people, size))
    return visits / np.linalg.norm(visits, axis=1, keepdims=True), np.repeat(np.arange(people).astype(str), 2)


def test_the_spread_of_strangers_is_that_of_directions_of_chance() -> None:
    visits, persons = crowd(300, 0.8)
    scale = measure_scale(visits, persons)
    assert scale.people == 300
    assert scale.mean == pytest.approx(0.0, abs=0.005)
    assert scale.deviation == pytest.approx(1 / np.sqrt(128), rel=0.05)


def test_thresholds_are_reached_as_rarely_as_they_say() -> None:
    visits, persons = crowd(300, 0.8)
    calibration = Calibration(**measure_scale(visits, persons)._asdict())
    others, names = crowd(299, 0.8)
    similar = (others @ others.T)[names[:, None] != names[None]]
    for rate in (1e-2, 1e-3):
        assert (similar >= calibration.threshold(rate)).mean() == pytest.approx(rate, rel=0.35)


def likeable(people: int, visits: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Visits whose persons differ in few ways and whose occasions differ in many, as those of faces do."""
    rng = np.random.default_rng(seed)
    own = np.zeros((people, 128))
    own[:, :24] = rng.normal(size=(people, 24))
    seen = np.repeat(own, visits, axis=0) + 0.35 * rng.normal(size=(people * visits, 128))
    return seen / np.linalg.norm(seen, axis=1, keepdims=True), np.repeat(np.arange(people).astype(str), visits)


def test_templates_of_several_visits_keep_the_rate_of_false_matches() -> None:
    """Measured on pairs of visits of some people; kept by templates of three visits of others."""
    calibration = Calibration(**measure_scale(*likeable(250, 2, seed=1))._asdict())
    assert calibration.growth > 0.05
    others, _ = likeable(400, 4, seed=2)
    new, enrolled = others[::4], np.stack([others[i::4] for i in (1, 2, 3)]).sum(axis=0)
    enrolled /= np.linalg.norm(enrolled, axis=1, keepdims=True)
    similar = (enrolled @ new.T)[~np.eye(400, dtype=bool)]
    passed = [float((similar >= calibration.threshold(1e-3, visits)).mean()) for visits in (1, 3)]
    assert passed[1] == pytest.approx(1e-3, rel=0.35)
    assert passed[0] > 1.3 * passed[1], "the threshold of one visit would let more pass"


def test_the_spread_does_not_shrink_with_visits() -> None:
    """Here the occasions are as strangers are, so that nothing grows."""
    assert measure_scale(*crowd(150, 0.8)).growth == pytest.approx(0.0, abs=0.01)


def test_likely_pairs_have_evidence_above_0() -> None:
    visits, persons = crowd(200, 0.8)
    calibration = Calibration(**measure_scale(visits, persons)._asdict())
    assert calibration.evidence(0.6) > 3 and calibration.evidence(0.0) < -3


def test_too_few_people_are_refused() -> None:
    with pytest.raises(ValueError, match="four people"):
        measure_scale(*crowd(3, 0.5))
    visits, persons = crowd(10, 0.5)
    with pytest.raises(ValueError, match="0 pairs of visits"):
        measure_scale(visits[::2], persons[::2])


def test_a_visit_is_the_mean_direction_of_its_frames() -> None:
    frames = np.array([[2.0, 0.0], [0.0, 5.0], [0.0, 1.0]])
    visits, first = visits_of(frames, np.array(["b", "b", "a"]))
    np.testing.assert_allclose(visits, [[0, 1], [np.sqrt(0.5), np.sqrt(0.5)]])
    assert first.tolist() == [2, 0]
