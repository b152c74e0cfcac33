"""No visit changes its number: crossings, gaps and dropouts whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.stand.audience.tracker import Tracker, box_size, overlap

RATE = 25.0


def square(x: float, y: float, size: float = 90.0) -> np.ndarray:
    return np.array([x - size / 2, y - size / 2, size, size])


def palette(person: int, rng: np.random.Generator) -> np.ndarray:
    shares = np.full(12, 0.3) + np.eye(12)[person % 12] * 6 + np.eye(12)[(5 * person + 3) % 12] * 3
    return rng.dirichlet(40 * shares)


def run(paths: list[np.ndarray], seed: int, dropout: float = 0.0, colours: bool = True, hidden: bool = False) -> list:
    """Visit numbers of each person over time; NaN rows of a path are frames without the person."""
    rng, tracker = np.random.default_rng(seed), Tracker(patience=1.0)
    numbers: list[list[int]] = [[] for _ in paths]
    for step in range(len(paths[0])):
        seen = [p for p, path in enumerate(paths) if np.isfinite(path[step]).all() and rng.random() >= dropout]
        if hidden:  # who stands behind somebody is not detected; the first path is in front
            seen = [p for p in seen if not any(abs(paths[p][step][0] - paths[q][step][0]) < 55 for q in range(p))]
        boxes = np.array([square(*(paths[p][step] + rng.normal(0, 1.5, 2))) for p in seen]).reshape(-1, 4)
        tints = np.array([palette(p, rng) for p in seen]).reshape(-1, 12) if colours else None
        for person, track in zip(seen, tracker.update(boxes, step / RATE, tints), strict=True):
            numbers[person].append(track.number)
        tracker.end(step / RATE)
    return numbers


def line(start: float, stop: float, seconds: float = 4.0, y: float = 200.0) -> np.ndarray:
    steps = round(seconds * RATE)
    return np.stack([np.linspace(start, stop, steps), np.full(steps, y)], axis=1)


@pytest.mark.parametrize("seed", range(10))
def test_two_who_cross_keep_their_numbers(seed: int) -> None:
    numbers = run([line(100, 540), line(540, 100, y=215)], seed, dropout=0.15, hidden=True)
    assert [len(set(each)) for each in numbers] == [1, 1]
    assert numbers[0][0] != numbers[1][0]


def test_a_crossing_at_a_distance_needs_no_colours() -> None:
    numbers = run([line(100, 540, y=150), line(540, 100, y=260)], 0, colours=False)
    assert [len(set(each)) for each in numbers] == [1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_a_crowd_of_eight_with_dropouts_keeps_its_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    paths = []
    for person in range(8):
        t = np.arange(250) / RATE
        x = 70 + 70 * person + 22 * np.sin(t * rng.uniform(0.5, 2) + rng.uniform(0, 6))
        paths.append(np.stack([x, 200 + 25 * np.sin(t * rng.uniform(0.5, 2) + rng.uniform(0, 6))], axis=1))
    numbers = run(paths, seed, dropout=0.25)
    assert [len(set(each)) for each in numbers] == [1] * 8
    assert len({each[0] for each in numbers}) == 8


def test_a_gap_shorter_than_the_patience_keeps_the_number_and_a_longer_one_does_not() -> None:
    short, long = line(300, 330), line(300, 330)
    short[40:60], long[40:75] = np.nan, np.nan
    assert len(set(run([short], 0)[0])) == 1
    assert len(set(run([long], 0)[0])) == 2


def test_another_person_in_the_same_place_is_another_visit() -> None:
    one, other = line(300, 300), line(300, 300)
    one[50:], other[:62] = np.nan, np.nan
    first, second = run([one, other], 0)
    assert not set(first) & set(second)


def test_what_is_seen_once_is_no_visit() -> None:
    tracker = Tracker(confirm=3)
    (track,) = tracker.update(square(100, 100)[None], 0.0)
    assert not track.known
    assert tracker.end(0.5) == [track]
    for step in range(9):
        (track,) = tracker.update(square(100, 100)[None], 1 + step / RATE)
    assert track.known
    assert tracker.end(1.7) == []
    assert tracker.end(3.0) == [track]
    assert tracker.update(np.empty((0, 4)), 4.0) == []


@pytest.mark.parametrize(("frames", "first"), [(4, 0.0), (2, 2.0)])
def test_who_is_hidden_soon_after_coming_was_there_from_the_first_sight(frames: int, first: float) -> None:
    """Four detections are a face that was there, though not yet a visit; two may have been a mistake."""
    tracker, rng = Tracker(patience=3.0), np.random.default_rng(0)
    for step in range(80):
        there = step < frames or step >= 50
        boxes, tints = square(300, 200)[None][:there], palette(1, rng)[None][:there]
        found = tracker.update(boxes, step / RATE, tints)
        assert not (step < 50 and any(track.known for track in found))
        tracker.end(step / RATE)
    assert found[0].known and found[0].first == first


def test_fifty_faces_are_fifty_visits() -> None:
    grid = np.stack([square(60 + 60 * (i % 10), 60 + 80 * (i // 10), 50) for i in range(50)])
    tracker = Tracker()
    for step in range(10):
        visits = [track.number for track in tracker.update(grid + 0.5 * step * np.array([1, 1, 0, 0]), step / RATE)]
    assert len(set(visits)) == len(tracker.tracks) == 50


def known(walks: list[tuple[np.ndarray, int]], rate: float) -> list[set[int]]:
    """Numbers under which people are counted; each is a path of middles, NaN where nobody is, and who it is."""
    tracker, numbers = Tracker(patience=3.0), [set[int]() for _ in walks]
    tints = np.array([np.random.default_rng(person).dirichlet(np.full(12, 0.4)) for _, person in walks])
    for step in range(len(walks[0][0])):
        seen = [i for i, (path, _) in enumerate(walks) if np.isfinite(path[step]).all()]
        boxes = np.array([square(*walks[i][0][step]) for i in seen]).reshape(-1, 4)
        for i, track in zip(seen, tracker.update(boxes, step / rate, tints[seen]), strict=True):
            if track.known:
                numbers[i].add(track.number)
        tracker.end(step / rate)
    return numbers


def path(xs: np.ndarray, y: float = 200.0) -> np.ndarray:
    return np.stack([xs, np.full(len(xs), y)], axis=1)


@given(st.floats(2.0, 9.0), st.sampled_from([25.0, 12.5]))
def test_who_walks_past_is_one_visit_at_any_speed(sizes_a_second: float, rate: float) -> None:
    steps = int(640 / (90 * sizes_a_second) * rate)
    (numbers,) = known([(path(np.arange(steps) * 90 * sizes_a_second / rate), 0)], rate)
    assert len(numbers) == 1


@given(st.floats(2.0, 6.0), st.sampled_from([25.0, 12.5]), st.integers(0, 5), st.integers(6, 11))
def test_two_who_cross_are_not_exchanged(sizes_a_second: float, rate: float, one: int, other: int) -> None:
    xs = np.arange(int(540 / (90 * sizes_a_second) * rate)) * 90 * sizes_a_second / rate + 50
    behind = path(690 - xs, 212.0)
    behind[np.abs(690 - 2 * xs) < 60] = np.nan
    numbers = known([(path(xs), one), (behind, other)], rate)
    assert not numbers[0] & numbers[1]
    assert len(numbers[0]) == len(numbers[1]) == 1


@pytest.mark.parametrize(("away", "person", "visits"), [(1.5, 0, 1), (4.0, 0, 2), (1.5, 3, 2)])
def test_who_comes_back_soon_at_the_same_edge_is_the_same_visit(away: float, person: int, visits: int) -> None:
    """Another person there, or the same one later than the patience, is another visit."""
    goes, gap = np.linspace(300, 10, 40), np.full(round(away * RATE), np.nan)
    first = path(np.concatenate([goes, gap, np.full(40, np.nan)]))
    again = path(np.concatenate([np.full(40, np.nan), gap, goes[::-1] + 60]))
    numbers = known([(first, 0), (again, person)], RATE)
    assert len(numbers[0] | numbers[1]) == visits


def test_faces_are_looked_for_in_each_frame_while_somebody_is_new() -> None:
    tracker = Tracker()
    for step in range(20):
        tracker.update(square(100, 100)[None], step / RATE)
        assert tracker.unsettled(step / RATE) == (step < 8)
    tracker.update(np.stack([square(100, 100), square(160, 100)]), 20 / RATE)
    assert tracker.unsettled(20 / RATE)


boxes = st.tuples(st.floats(0, 600), st.floats(0, 400), st.floats(10, 200)).map(lambda b: square(*b))


@given(boxes, boxes)
def test_overlap_is_symmetric_and_one_with_itself(one: np.ndarray, other: np.ndarray) -> None:
    assert overlap(one[None], other[None])[0, 0] == pytest.approx(overlap(other[None], one[None])[0, 0])
    assert overlap(one[None], one[None])[0, 0] == pytest.approx(1)
    assert 0 <= overlap(one[None], other[None])[0, 0] <= 1 + 1e-9
    assert box_size(one) == pytest.approx(one[2])
