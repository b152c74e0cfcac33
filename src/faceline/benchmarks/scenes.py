"""Scripts of films for the counting of visits: who walks where before a stand."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from faceline.benchmarks.walkers import SIZE, Actor, Film, Place, Portraits

SPEEDS: Final = (3.0, 6.0, 9.0, 12.0)
"""Face widths a second of those who walk past."""


class Scenes:
    """Draws films.

    Args:
        people: Frames by name.
        seed: Seed of everything that is drawn.
    """

    def __init__(self, people: Mapping[str, Portraits], seed: int) -> None:
        self._people, self._rng, self._seed = people, np.random.default_rng(seed), seed
        self._number = 0

    def all(self, repeats: int) -> list[Film]:
        """Return each kind of scene so many times."""
        films = []
        for _ in range(repeats):
            films += [self.standing(count) for count in (1, 2, 3, 4)]
            films += [self.crossing(), self.crossing(), self.turning(), self.group(), self.behind(), self.returning()]
            films += [self.walking(speed) for speed in SPEEDS]
        return films

    def standing(self, count: int) -> Film:
        """People come, stand side by side and look, and go."""
        names, width = self._names(count), self._width(count)
        actors = []
        for i, name in enumerate(names):
            x = SIZE[0] * (i + 1) / (count + 1) + self._rng.uniform(-10, 10)
            comes = self._rng.uniform(0, 2.5)
            actors.append(self._visitor(name, x, comes, self._rng.uniform(4, 7), width * self._rng.uniform(0.9, 1.1)))
        return self._film(f"{count} standing", actors)

    def crossing(self) -> Film:
        """Two walk past each other, one behind the other, with the speed of people."""
        one, other = self._names(2)
        width, speed = self._width(2), self._rng.uniform(2.5, 4)
        looks = bool(self._rng.integers(2))
        actors = [
            self._walker(one, 0.3, speed, width, 1, looks),
            self._walker(other, 0.3, speed, 0.85 * width, -1, looks),
        ]
        return self._film("crossing", actors)

    def turning(self) -> Film:
        """Somebody stands, and turns the head aside and back."""
        visitor = self._visitor(self._names(1)[0], SIZE[0] / 2, 0.0, 9.0, self._width(1))
        start = visitor.path[1].time
        glances = [(start + 2, start + 3.5), (start + 5, start + 7)]
        return self._film("profile", [Actor(visitor.person, visitor.path, visitor.width, None, glances)])

    def group(self) -> Film:
        """Three stand close, the middle one half hidden behind the others, who sway."""
        names, width = self._names(3), self._width(3)
        actors = []
        for i, name in enumerate(names):
            own = width * (0.88, 1.05, 1.0)[i]
            x = SIZE[0] / 2 + (0.0, -0.72, 0.72)[i] * width
            walk = self._visitor(name, x, 0.15 * i, 6.0, own, side=-1)
            sway = [
                Place(walk.path[1].time + t, x + (0.0, 0.22, 0.22)[i] * width * np.sin(1.3 * t + 2 * i), walk.path[1].y)
                for t in np.arange(0.2, 6.0, 0.2)
            ]
            actors.append(Actor(name, [*walk.path[:2], *sway, *walk.path[2:]], own, None))
        return self._film("group of three", actors)

    def behind(self) -> Film:
        """Somebody walks past before another who stands, and hides them for a moment."""
        one, other = self._names(2)
        width = self._width(2)
        stands = self._visitor(one, SIZE[0] / 2, 0.0, 8.0, 0.85 * width)
        walks = self._walker(other, 4.0, 2.0, width, 1, False)
        return self._film("hidden for a moment", [stands, walks])

    def returning(self) -> Film:
        """Somebody goes, and comes back: soon, which is one visit, or late, which are two."""
        name, width = self._names(1)[0], self._width(1)
        away = float(self._rng.choice([1.2, 7.0]))
        first = self._visitor(name, SIZE[0] / 2, 0.0, 3.0, width, side=1)
        path, shift = first.path, first.path[-1].time + away - width * 2 / (4 * width)
        again = [Place(place.time + shift, place.x, place.y) for place in path]
        return self._film("coming back", [Actor(name, [*path, *again], width, None)])

    def walking(self, speed: float) -> Film:
        """Four walk past, one after another; two of them look to the screen."""
        width, start, actors = self._width(2), 0.3, []
        for i, name in enumerate(self._names(4)):
            actor = self._walker(name, start, speed, width, 1 if self._rng.integers(2) else -1, i % 2 == 0)
            actors.append(actor)
            start = actor.path[-1].time + 0.4
        return self._film(f"walking at {speed:g}", actors)

    def _visitor(self, name: str, x: float, comes: float, stays: float, width: float, side: int = 0) -> Actor:
        """Comes from a side at 4 face widths a second, stands, and goes to a side."""
        y = self._height(width)
        enters = side or (-1 if self._rng.integers(2) else 1)
        edge = -width if enters < 0 else SIZE[0] + width
        leaves = edge if side else (-width if self._rng.integers(2) else SIZE[0] + width)
        there = comes + abs(x - edge) / (4 * width)
        gone = there + stays + abs(x - leaves) / (4 * width)
        path = [Place(comes, edge, y), Place(there, x, y), Place(there + stays, x, y), Place(gone, leaves, y)]
        return Actor(name, path, width, None)

    def _walker(self, name: str, comes: float, speed: float, width: float, way: int, looks: bool) -> Actor:
        """Walks through, from one side to the other."""
        y, xs = self._height(width), (-width, SIZE[0] + width)[::way]
        return Actor(
            name, [Place(comes, xs[0], y), Place(comes + (SIZE[0] + 2 * width) / (speed * width), xs[1], y)], width,
            looks,
        )  # fmt: skip

    def _names(self, count: int) -> Sequence[str]:
        return [str(name) for name in self._rng.choice(list(self._people), count, replace=False)]

    def _width(self, count: int) -> float:
        return float(self._rng.uniform(48, 72 if count < 4 else 60))

    def _height(self, width: float) -> float:
        return float(190 + self._rng.uniform(-15, 15))

    def _film(self, kind: str, actors: Sequence[Actor]) -> Film:
        self._number += 1
        return Film(kind, actors, self._people, self._seed * 1000 + self._number)
