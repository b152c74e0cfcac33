"""Follows faces over frames, so that one person keeps one number while they are there.

Each track foresees where its face will be; detections are given to tracks so that all together lie nearest to that
(Kuhn, "The Hungarian method for the assignment problem", 1955), by place, size and colours. A new track is watched for
a moment before it is taken for a face: it may be somebody who was lost behind others or at the edge and is there again.
Nothing of a face outlives its track.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from faceline.stand.events.event import new_id
from faceline.types import Box, Boxes

Colours = Float[np.ndarray, "k tints"]
"""How much of each tint is around k faces; rows sum to 1."""

_LOST: Final = 0.3  # seconds

_FORGET: Final = 0.4
"""Seconds after which a face that is not seen has lost most of its foreseen speed."""

FASTEST: Final = 12.0
"""Sizes of a face a second by which people may move."""

ALIKE, UNLIKE, _UNLIKE_IN_A_CROWD = 0.3, 0.45, 0.6
"""Colours that differ by less are most likely of the same person, and those that differ by more of another; clothes of
those who stand beside a face are taken for its own, so more may differ there."""

_MET, _MET_IN_A_CROWD = 0.2, 1.0
"""Seconds for which a new track is watched where it stands free, and where it does not."""


def box_size(box: Box) -> float:
    """Root of the area, in pixels."""
    return float(np.sqrt(max(box[2] * box[3], 1e-9)))


def overlap(one: Float[np.ndarray, "n 4"], other: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union of each box with each of others."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum((one[:, :2] + one[:, 2:])[:, None], (other[:, :2] + other[:, 2:])[None])
    common = np.clip(high - low, 0, None).prod(axis=2)
    union = one[:, 2:].prod(axis=1)[:, None] + other[:, 2:].prod(axis=1)[None] - common
    return np.asarray(common / np.maximum(union, 1e-9))


@dataclass(eq=False)
class Track:
    """One face over time.

    Attributes:
        box: Where it was last.
        seen: When it was last seen, seconds of a steady clock.
        first: When it was first seen.
        detected: When a detector last found it; between two detections it may be seen by its landmarks alone.
        number: A random one, never used again.
        speed: Of the middle of the box, pixels a second, x first.
        hits: In how many frames it was detected.
        free: In how many of these nobody was beside it.
        known: Whether it was detected often and clearly enough to be taken for a face.
        colours: Around the face; None where none were given.
    """

    box: Box
    seen: float
    first: float
    detected: float
    number: int = field(default_factory=new_id)
    speed: Float[np.ndarray, "2"] = field(default_factory=lambda: np.zeros(2))
    hits: int = 1
    free: int = 0
    known: bool = False
    colours: Float[np.ndarray, " tints"] | None = None

    def foresee(self, time: float) -> Box:
        """Where the face will be: it goes on as it went, slower the longer it is not seen."""
        ahead = _FORGET * -np.expm1(-max(time - self.seen, 0.0) / _FORGET)
        return np.concatenate([self.box[:2] + self.speed * ahead, self.box[2:]])

    def unlike(self, colours: Float[np.ndarray, " tints"]) -> float:
        """How much other colours differ from those around the face: from 0 to 1 (total variation)."""
        return 0.0 if self.colours is None else float(np.abs(self.colours - colours).sum()) / 2

    def move(self, box: Box, time: float) -> None:
        """Take up where it is now."""
        elapsed = time - self.seen
        if elapsed > 0:
            way = box[:2] + box[2:] / 2 - self.box[:2] - self.box[2:] / 2
            share = 1.0 if self.hits == 1 else -np.expm1(-elapsed / 0.15)
            limit = FASTEST * box_size(box)
            self.speed = np.clip(self.speed + share * (way / elapsed - self.speed), -limit, limit)
        self.box, self.seen = box, time

    def detect(self, box: Box, time: float, colours: Float[np.ndarray, " tints"] | None, free: bool) -> None:
        """Take up a detection; once somebody stood free, colours are learnt only where they do."""
        self.move(box, time)
        self.detected = time
        self.hits += 1
        self.free += free
        if colours is not None and (free or not self.free):
            share = max(0.1, 1 / self.free) if free else 0.1
            self.colours = colours if self.colours is None else self.colours + share * (colours - self.colours)

    def go_on(self, later: "Track") -> None:
        """Take over from a track that turned out to be the same face."""
        self.box, self.seen, self.detected, self.speed = later.box, later.seen, later.detected, later.speed
        self.hits += later.hits
        if later.free:
            self.colours, self.free = later.colours, later.free


class Tracker:
    """Gives detections to tracks.

    Args:
        patience: Seconds for which a face that is not seen is waited for.
        confirm: Detections after which a track may be taken for a face; what the detector sees once is mostly none.
    """

    FARTHEST: Final = 1.1
    """Sizes of a face by which it may at most lie beside where it was foreseen."""

    QUICKEST: Final = 2.5
    """Sizes of a face a second by which it may lie farther beside, the longer it was not seen."""

    RETURN: Final = 2.5
    """Sizes of a face within which somebody who was lost is known again by colours."""

    QUICK: Final = 2.0
    """Sizes of a face a second from which a face is to be looked for in each frame."""

    def __init__(self, patience: float = 1.0, confirm: int = 3) -> None:
        self.patience, self.confirm = patience, confirm
        self.tracks: list[Track] = []

    def unsettled(self, time: float) -> bool:
        """Whether faces are to be looked for in each frame: somebody is new, quick, lost, or near another."""
        recent = [track for track in self.tracks if time - track.seen < 1.0]
        boxes = np.array([track.foresee(time) for track in recent]).reshape(-1, 4)
        near = bool(np.count_nonzero(overlap(boxes, boxes)) > len(boxes))
        return near or any(
            not track.known
            or time - track.detected > _LOST
            or float(np.abs(track.speed).max()) > self.QUICK * box_size(track.box)
            for track in recent
        )

    def update(self, boxes: Boxes, time: float, colours: Colours | None = None) -> list[Track]:
        """The track of each detection; those that fit none begin one.

        Args:
            boxes: Detected now.
            time: Seconds of a clock that never goes back.
            colours: Around each face.
        """
        tracks: list[Track | None] = [None] * len(boxes)
        free = _free(boxes)
        for row, column in self._match(boxes, time, colours):
            tracks[column] = self.tracks[row]
        found = []
        for column, (given, box) in enumerate(zip(tracks, boxes, strict=True)):
            own = None if colours is None else colours[column]
            track = given or Track(box, time, time, time, colours=own, free=int(free[column]))
            if given is None:
                self.tracks.append(track)
            else:
                track.detect(box, time, own, bool(free[column]))
            found.append(track if track.known else self._meet(track, time))
        return found

    def end(self, time: float) -> list[Track]:
        """Forget the tracks that were waited for long enough, and tell which; what was no face goes sooner."""
        over = [
            track for track in self.tracks if time - track.seen > (self.patience if track.known else self.patience / 3)
        ]
        self.tracks = [track for track in self.tracks if track not in over]
        return over

    def _meet(self, track: Track, time: float) -> Track:
        """Take a new track for a face once it is clear enough; where it is one that was lost, that one goes on."""
        watched = _MET if track.free >= self.confirm else _MET_IN_A_CROWD
        if track.hits < self.confirm or time - track.first < watched - 1e-6:
            return track
        lost = [other for other in self.tracks if other.known and other.detected <= track.first]
        unlike = {other.number: self._unlikeness(other, track, time) for other in lost}
        before = min(lost, key=lambda other: unlike[other.number], default=None)
        if before is None or not np.isfinite(unlike[before.number]):
            track.known = True
            return track
        before.go_on(track)
        self.tracks.remove(track)
        return before

    def _unlikeness(self, lost: Track, new: Track, time: float) -> float:
        """How badly a new track fits a lost one; infinite where it is another face."""
        boxes = np.stack([lost.box, lost.foresee(time)]) - new.box
        distance = float(np.linalg.norm(boxes[:, :2] + boxes[:, 2:] / 2, axis=1).min()) / box_size(new.box)
        unlike = 0.0 if new.colours is None else lost.unlike(new.colours)
        most = UNLIKE if lost.free and new.free else _UNLIKE_IN_A_CROWD
        same = distance < (self.RETURN if unlike < ALIKE else self.FARTHEST if unlike < most else 0.0)
        return distance + 2 * unlike if same else np.inf

    def _match(self, boxes: Boxes, time: float, colours: Colours | None) -> Sequence[tuple[int, int]]:
        if not self.tracks or not len(boxes):
            return []
        cost = self._costs(boxes, time, colours)
        allowed = np.isfinite(cost)
        rows, columns = linear_sum_assignment(np.where(allowed, cost, 1e6))
        return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c]]

    def _costs(self, boxes: Boxes, time: float, colours: Colours | None) -> Float[np.ndarray, "tracks n"]:
        """How badly each detection fits each track; infinite where it cannot be the same face."""
        foreseen = np.stack([track.foresee(time) for track in self.tracks])
        sizes = np.array([box_size(box) for box in foreseen])[:, None]
        ratio = np.abs(np.log(np.array([box_size(box) for box in boxes])[None] / sizes))
        middles = [each[:, :2] + each[:, 2:] / 2 for each in (foreseen, boxes)]
        distance = np.linalg.norm(middles[0][:, None] - middles[1][None], axis=2) / sizes
        cost = distance + ratio + (1 - overlap(foreseen, boxes))
        unseen = time - np.array([track.seen for track in self.tracks])[:, None]
        reach = np.minimum(0.35 + self.QUICKEST * unseen, self.FARTHEST)
        new = np.array([track.hits == 1 for track in self.tracks])[:, None]  # how they move is not known
        reach = np.where(new, np.minimum(0.35 + FASTEST * unseen, 1.5), reach)
        possible = (distance < reach) & (ratio < np.log(1.8))
        if colours is not None:
            unlike = np.array([[track.unlike(row) for row in colours] for track in self.tracks])
            cost = cost + 2 * unlike
            free = np.array([track.free > 0 for track in self.tracks])[:, None] & _free(boxes)
            possible &= unlike < np.where(free, UNLIKE, _UNLIKE_IN_A_CROWD)
        return np.where(possible, cost, np.inf)


def _free(boxes: Boxes) -> np.ndarray:
    """Which faces have nobody beside them whose clothes would be taken for theirs."""
    middles, widths = boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 2]
    near = np.abs(middles[:, None] - middles) < 0.6 * (widths[:, None] + widths)
    return np.asarray(near.sum(axis=1) == 1)
