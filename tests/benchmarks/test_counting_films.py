"""Films of people before a stand: their truth follows from the script, and the count is held against it."""

import numpy as np
import pytest

from faceline.benchmarks.counting import Counted, reached, tell
from faceline.benchmarks.scenes import SPEEDS, Scenes
from faceline.benchmarks.walkers import SIZE, Actor, Film, Place, Portraits
from faceline.geometry.face_model import identity

NOBODY = Portraits((), ())
CROWD = {f"p{number}": NOBODY for number in range(8)}


def walk(seconds: float = 4.0, width: float = 60.0, way: int = 1, comes: float = 0.0, looks: bool = True) -> Actor:
    xs = (-width, SIZE[0] + width)[::way]
    return Actor("p0", [Place(comes, xs[0], 190.0), Place(comes + seconds, xs[1], 190.0)], width, looks)


def test_somebody_who_walks_past_is_one_visit_while_the_face_is_in_the_picture() -> None:
    (visit,) = Film("walk", [walk()], CROWD, 0).visits()
    speed = (SIZE[0] + 120) / 4.0
    assert visit.looked
    assert visit.first == pytest.approx((60 + 18) / speed, abs=0.05)
    assert visit.last - visit.first == pytest.approx((SIZE[0] - 36) / speed, abs=0.05)
    assert not Film("walk", [walk(looks=False)], CROWD, 0).visits()[0].looked


def test_who_is_hidden_for_a_moment_stays_one_visit() -> None:
    film = Film("crossing", [walk(width=50.0), walk(way=-1)], CROWD, 0)
    assert [film.visible(number, 2.0) for number in (0, 1)] == [False, True]
    assert len(film.visits()) == 2


@pytest.mark.parametrize("seed", range(6))
def test_every_scene_has_the_visits_of_its_script(seed: int) -> None:
    scenes = Scenes(CROWD, seed)
    for count in (1, 2, 3, 4):
        assert len(scenes.standing(count).visits()) == count
    for speed in SPEEDS:
        visits = scenes.walking(speed).visits()
        assert [visit.looked for visit in visits] == [True, False, True, False]
    assert len(scenes.group().visits()) == 3
    back = scenes.returning()
    gaps = np.diff([place.time for place in back.actors[0].path])
    assert len(back.visits()) == (2 if gaps[3] > 5 else 1)


def test_a_head_is_painted_where_the_script_has_it() -> None:
    landmarks = (60 * identity(np.random.default_rng(0), 0.0)[:, :2] + 100).astype(np.float32)
    portrait = np.full((300, 300, 3), (250, 10, 10), np.uint8), landmarks
    film = Film("walk", [walk()], {"p0": Portraits([portrait], [portrait])}, 0)
    place = film.actors[0].at(2.0)
    assert place is not None
    x, y = map(round, place)
    red, green, _ = film.frame(2.0)[y, x].tolist()
    assert red > 220 and green < 60, "the head is red"
    assert film.frame(0.1)[y, x, 0] < 220, "nobody is there yet"


def test_a_visit_that_goes_from_one_to_another_is_an_exchange() -> None:
    assert Counted([0, 0, 0, None, 1, 1, 1], 1.0, True).mixed
    assert not Counted([0, 0, 0, 1, 0, 0, 0], 1.0, True).mixed, "one frame is no exchange"
    assert Counted([None, 1, 1, 0], 1.0, True).owner == 1
    assert Counted([], 1.0, False).owner is None


def test_the_count_is_held_against_the_truth() -> None:
    film = Film("walk", [walk(), walk(comes=5.0)], CROWD, 0)
    true = film.visits()
    good = [Counted([0] * 5, true[0].last - true[0].first + 0.1, True), Counted([1] * 5, 9.0, True)]
    row = tell([film], [true], [good])["all"]
    assert (row["visits"], row["counted"], row["missed"], row["exchanges"]) == (2, 2, 0, 0)
    assert row["dwell_within"] == 0.5
    assert row["counted_ci95"] == (2, 2)
    assert reached({"25": {"all": row}})["25"] == {"visits": True, "dwell": False, "exchanges": True}
    row = tell([film], [true], [good[:1]])["walk"]
    assert (row["counted"], row["missed"], row["wrong_films"]) == (1, 1, 1)
