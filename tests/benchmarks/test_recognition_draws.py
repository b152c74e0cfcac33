"""Visits are counted as they should be: by person, by their own name, strangers apart."""

import numpy as np

from faceline.benchmarks.draws import count_visits, draw_people, figures
from faceline.benchmarks.flat_photos import flat_photo
from faceline.benchmarks.visits import Clip, Visit, enrol_from, judge
from faceline.inference.bundle import Calibration
from faceline.stand.consent.likeness import Rule
from faceline.stand.consent.quality import FrameQuality
from faceline.stand.recognition.recogniser import Look

RULE = Rule(Calibration(people=50, mean=0.0, deviation=0.09, slope=30.0, offset=-6.0))
GOOD = FrameQuality(120.0, 90.0, 0.0, 0.0)


def visit(person: int, number: int, noise: float = 0.5, flat: bool | None = False) -> Visit:
    rng = np.random.default_rng([person, number])
    own = np.random.default_rng(person).normal(size=128)
    looks = [
        Look(1, (own + noise * rng.normal(size=128)).astype(np.float32), GOOD, 0.3 * i, flat, None) for i in range(5)
    ]
    return Visit(f"p{person:02d}", f"p{person:02d}_{number}", tuple(looks), 90.0, 0.0, 100.0)


CROWD = [visit(person, number) for person in range(30) for number in range(3)]


def test_who_is_enrolled_is_greeted_and_strangers_are_not() -> None:
    draws = draw_people(CROWD, RULE, 10, 1, times=2, most_strangers=15)
    found = figures(count_visits(draws, RULE))
    assert (found["greeted_rightly"], found["by_another_name"], found["strangers_greeted"]) == (1.0, 0.0, 0.0)
    assert (found["visits"], found["strangers_visits"]) == (2 * 10 * 2, 2 * 15 * 3)
    assert found["seconds_to_greeting"] <= 0.6 and found["of_these_right"] == 1.0
    assert all(mine.video not in {other.video for other in draws[0].strangers} for mine in draws[0].own)


def test_two_visits_at_enrolment_leave_one_to_come() -> None:
    (draw,) = draw_people(CROWD, RULE, 10, 2, times=1, most_strangers=5)
    assert len(draw.own) == 10
    assert draw_people(CROWD, RULE, 10, 3, times=1, most_strangers=5) == []
    assert draw_people(CROWD, RULE, 30, 1, times=1, most_strangers=5) == [], "nobody would be a stranger"


def test_what_may_be_a_photo_is_held_back() -> None:
    (draw,) = draw_people(CROWD, RULE, 10, 1, times=1, most_strangers=5)
    name = draw.gallery.persons[0]
    for flat in (True, None):
        photo = visit(int(name[1:]), 7, flat=flat)
        assert judge(photo, draw.gallery, RULE).greeted is None and judge(photo, draw.gallery, RULE).held_back
        assert judge(photo, draw.gallery, RULE, photos=False).greeted == name


def test_frames_of_two_people_enrol_nobody() -> None:
    one, other = visit(1, 0), visit(2, 0)
    mixed = Visit("p01", "x", (*one.looks[:3], *other.looks[:2]), 90.0, 0.0, 100.0)
    assert enrol_from([mixed], RULE) is None
    assert enrol_from([one, visit(1, 1)], RULE) is not None
    assert enrol_from([Visit("p01", "x", (), 0.0, 0.0, 0.0)], RULE) is None


def test_a_flat_photo_shows_one_frame_that_moves() -> None:
    frame = np.zeros((120, 100, 3), np.uint8)
    frame[30:90, 20:80] = 255
    clip = Clip("p", "p_0", [frame] * 5)
    photo = flat_photo(clip, seed=3)
    assert photo.person == "p" and len(photo.frames) == 6
    assert all(picture.shape == (480, 640, 3) for picture in photo.frames)
    assert float(np.abs(photo.frames[0].astype(float) - photo.frames[3]).mean()) > 0.5
    assert np.array_equal(photo.frames[1], flat_photo(clip, seed=3).frames[1])
    assert not np.array_equal(photo.frames[1], flat_photo(clip, seed=4).frames[1])


def test_an_empty_group_has_no_share() -> None:
    assert figures([])["greeted_rightly"] is None
    assert figures([])["visits"] == 0
