"""``faceline benchmark counting``: visits, dwell and looks as the stand counts them, against films of known truth."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.progress import track

from faceline.benchmarks.measure import print_table, publish
from faceline.benchmarks.scenes import Scenes
from faceline.benchmarks.visits import clips_of
from faceline.benchmarks.walkers import Film, Portraits, TrueVisit, read_portraits
from faceline.data.roots import find_root
from faceline.data.udacity import UdacityFaces
from faceline.errors import InputError
from faceline.stand.assembly import Watch
from faceline.stand.board import Board
from faceline.stand.camera.capture import CaptureHealth, Frame
from faceline.stand.clock import Moment
from faceline.stand.events.event import AttentionHeld, Event, VisitorAppeared, VisitorLeft
from faceline.stand.events.store import EventStore
from faceline.stand.loop import Loop
from faceline.stand.settings import BenchmarkCounting

AIMS: Final = {"visits_error": 0.05, "dwell_s": 0.5, "exchanges": 0}
"""Share of the visits by which the count may be wrong, seconds of dwell, visits that are of two people."""

_AFTER: Final = (5.0, 60.0)  # seconds after a film: nobody is waited for any more, and what was shown is over
_IN_A_ROW: Final = 3  # frames on another person that make a visit one of two people


@dataclass(frozen=True)
class Counted:
    """One visit as the stand counted it.

    Attributes:
        owners: Whom the face was on, frame by frame; None on nobody.
        seconds: Dwell.
        looked: Whether attention was seen.
    """

    owners: Sequence[int | None]
    seconds: float
    looked: bool

    @property
    def owner(self) -> int | None:
        """Whose it mostly is."""
        known = [owner for owner in self.owners if owner is not None]
        return max(set(known), key=known.count) if known else None

    @property
    def mixed(self) -> bool:
        """Whether it went from one person to another."""
        known = [owner for owner in self.owners if owner is not None]
        runs = [known[i] for i in range(len(known) - _IN_A_ROW + 1) if len(set(known[i : i + _IN_A_ROW])) == 1]
        return len(set(runs)) > 1


def main(settings: BenchmarkCounting) -> None:
    """Measure, print tables, write JSON.

    Raises:
        InputError: The data are missing or hold too few people.
    """
    people = read_people(settings)
    films = Scenes(people, settings.seed).all(settings.repeats)
    truths = [film.visits() for film in films]
    report: dict[str, Any] = {}
    for rate in settings.rates:
        with opened(settings) as stage:
            counted = [stage.show(film, rate) for film in track(films, f"films at {rate:g} a second", transient=True)]
        report[f"{rate:g}"] = tell(films, truths, counted)
        print_table(f"{rate:g} frames a second", [{"scene": kind, **row} for kind, row in report[f"{rate:g}"].items()])
    asked = settings.model_dump(exclude={"config", "data_root", "output"})
    made_of = {"settings": asked, "people": len(people), "films": len(films), "aims": AIMS}
    publish("counting", {**made_of, "rates": report, "reached": reached(report)}, Path(settings.output))


def read_people(settings: BenchmarkCounting) -> dict[str, Portraits]:
    """Frames of a half of the people: one half to develop on, the other to measure."""
    source = UdacityFaces(find_root(settings.data_root, "udacity", "data_root"))
    rows: dict[str, list[Any]] = {}
    for clip in clips_of(source).values():
        rows.setdefault(clip[0].person, []).extend(clip)
    half = np.random.default_rng(0).permutation(sorted(rows))[settings.develop :: 2]
    found = {}
    for name in half.tolist():
        portraits = read_portraits(source, rows[name])
        if portraits.front and portraits.turned:
            found[name] = portraits
        if len(found) == settings.people:
            return found
    if len(found) < 4:
        raise InputError(f"expected 4 people or more who look in some frames and turn in others, got {len(found)}")
    return found


class _Told(EventStore):
    """Keeps events in memory alone."""

    def __init__(self, url: str) -> None:
        self.told: list[Event] = []
        super().__init__(url)

    def append(self, *events: Event) -> None:
        self.told.extend(events)


class Screening:
    """A stand before which films are shown, one after another.

    Args:
        settings: Settings of the benchmark, with frame rate and detector.
        folder: Folder of the stand.
    """

    def __init__(self, settings: BenchmarkCounting, folder: Path) -> None:
        self._seconds, self._start = 0.0, datetime.now(UTC).timestamp()
        self._picture: Any = None
        self._store = _Told(f"sqlite:///{folder / 'events.db'}")
        self._frames = 0
        self.loop: Loop = Watch(settings, folder).loop(self, self._store, Board(), clock=self.clock)

    def clock(self) -> Moment:
        """Return the time of the film."""
        return Moment(datetime.fromtimestamp(self._start + self._seconds, UTC), self._seconds)

    @property
    def health(self) -> CaptureHealth:
        """Frames so far."""
        return CaptureHealth(frames=self._frames)

    def newest(self, timeout: float) -> Frame | None:
        """Return the picture that is due, once."""
        if self._picture is None:
            return None
        self._frames += 1
        picture, self._picture = self._picture, None
        return Frame(picture, self.clock(), self._frames)

    def close(self) -> None:
        """Nothing is held."""

    def show(self, film: Film, rate: float) -> list[Counted]:
        """Let a film run, and wait until everybody is forgotten."""
        self._store.told.clear()
        began, owners = self._seconds, dict[int, list[int | None]]()
        for number in range(int(film.seconds * rate)):
            time = number / rate
            self._seconds, self._picture = began + time, film.frame(time)
            self.loop.step()
            visitors = self.loop.director.visitors
            for face in self.loop.board.state.faces:
                if face.number in visitors:
                    place = (face.landmarks.min(axis=0) + face.landmarks.max(axis=0)) / 2  # as the script places it
                    owners.setdefault(visitors[face.number].visit, []).append(_whose(film, place, time))
        for pause in _AFTER:
            self._seconds += pause
            self.loop.step()
        return _counted(self._store.told, owners)


@contextmanager
def opened(settings: BenchmarkCounting) -> Iterator[Screening]:
    """Open a stand of its own in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Screening(settings, Path(folder))
        try:
            yield stage
        finally:
            stage.loop.close()


def _whose(film: Film, place: np.ndarray, time: float) -> int | None:
    """Whose face it is; None where nobody who can be seen is there."""
    best, found = 0.6, None
    for number, actor in enumerate(film.actors):
        at = actor.at(time)
        if at is not None and film.visible(number, time):
            distance = float(np.linalg.norm(np.subtract(at, place))) / actor.width
            if distance < best:
                best, found = distance, number
    return found


def _counted(events: Sequence[Event], owners: dict[int, list[int | None]]) -> list[Counted]:
    new = [event.visit for event in events if isinstance(event, VisitorAppeared) and not event.continued]
    dwell = {event.visit: event.seconds for event in events if isinstance(event, VisitorLeft)}
    looked = {event.visit for event in events if isinstance(event, AttentionHeld)}
    return [Counted(owners.get(visit, ()), dwell[visit], visit in looked) for visit in new]


def tell(
    films: Sequence[Film], truths: Sequence[Sequence[TrueVisit]], counted: Sequence[Sequence[Counted]]
) -> dict[str, dict[str, Any]]:
    """Return what was counted against the truth, for each kind of scene and for all."""
    rows = {}
    for kind in [*dict.fromkeys(film.kind for film in films), "all"]:
        chosen = [i for i, film in enumerate(films) if kind in (film.kind, "all")]
        rows[kind] = _row([truths[i] for i in chosen], [counted[i] for i in chosen])
    return rows


def _row(truths: Sequence[Sequence[TrueVisit]], counted: Sequence[Sequence[Counted]]) -> dict[str, Any]:
    pairs = list(zip(truths, counted, strict=True))
    errors, missed = [], 0
    for true, film in pairs:
        for actor in {visit.actor for visit in true}:
            own = [visit for visit in true if visit.actor == actor]
            seen = [visit for visit in film if visit.owner == actor]
            missed += max(len(own) - len(seen), 0)
            if len(own) == len(seen):
                errors += [each.seconds - (visit.last - visit.first) for visit, each in zip(own, seen, strict=True)]
    off = np.abs(errors) if errors else np.array([np.nan])
    visits, found = (np.array([len(each) for each in films]) for films in (truths, counted))
    return {
        "visits": int(visits.sum()),
        "counted": int(found.sum()),
        "counted_ci95": _interval(found - visits, int(visits.sum())),
        "missed": missed,
        "wrong_films": int(np.count_nonzero(visits != found)),
        "dwell_off_s": round(float(np.median(off)), 3),
        "dwell_within": round(float(np.mean(off <= AIMS["dwell_s"])), 3),
        "exchanges": sum(each.mixed for film in counted for each in film),
        "looked": sum(visit.looked for true in truths for visit in true),
        "looks_counted": sum(each.looked for film in counted for each in film),
    }


def _interval(off: np.ndarray, visits: int) -> tuple[int, int]:
    """Between which numbers of visits the count lies, by bootstrap over films."""
    drawn = np.random.default_rng(0).choice(off, (2000, len(off))).sum(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return round(visits + low), round(visits + high)


def reached(report: dict[str, Any]) -> dict[str, dict[str, bool]]:
    """Which aims are reached at which rate."""
    found = {}
    for rate, rows in report.items():
        row = rows["all"]
        found[rate] = {
            "visits": abs(row["counted"] / row["visits"] - 1) <= AIMS["visits_error"],
            "dwell": row["dwell_within"] >= 0.95,
            "exchanges": row["exchanges"] == AIMS["exchanges"],
        }
    return found
