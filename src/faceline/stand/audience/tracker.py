"""Follows faces over frames, so that one person keeps one number while they are there.

Each track foresees where its face will be; detections are given to tracks so that all together lie nearest to that
(Kuhn, "The Hungarian method for the assignment problem", 1955), by place, size and colours. Nothing of a face outlives
its track.
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

_FORGET: Final = 0.4
"""Seconds after which a face that is not seen has lost most of its foreseen speed."""

UNLIKE: Final = 0.45
"""Colours that differ by more are another person's."""


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
        colours: Around the face; None where none were given.
    """

    box: Box
    seen: float
    first: float
    detected: float
    number: int = field(default_factory=new_id)
    speed: Float[np.ndarray, "2"] = field(default_factory=lambda: np.zeros(2))
    hits: int = 1
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
            share = -np.expm1(-elapsed / 0.15)
            limit = 4 * box_size(box)
            self.speed = np.clip(self.speed + share * (way / elapsed - self.speed), -limit, limit)
        self.box, self.seen = box, time


class Tracker:
    """Gives detections to tracks.

    Args:
        patience: Seconds for which a face that is not seen is waited for.
        confirm: Detections after which a track is taken for a face; what the detector sees once is mostly none.
    """

    FARTHEST: Final = 1.1
    """Sizes of a face by which it may at most lie beside where it was foreseen."""

    QUICKEST: Final = 2.5
    """Sizes of a face a second by which it may lie farther beside, the longer it was not seen."""

    def __init__(self, patience: float = 1.0, confirm: int = 3) -> None:
        self.patience, self.confirm = patience, confirm
        self.tracks: list[Track] = []

    def confirmed(self, track: Track) -> bool:
        """Whether a track was detected often enough to be taken for a face."""
        return track.hits >= self.confirm

    def update(self, boxes: Boxes, time: float, colours: Colours | None = None) -> list[Track]:
        """The track of each detection; those that fit none begin one.

        Args:
            boxes: Detected now.
            time: Seconds of a clock that never goes back.
            colours: Around each face.
        """
        found: list[Track | None] = [None] * len(boxes)
        for row, column in self._match(boxes, time, colours):
            found[column] = self.tracks[row]
        return [
            self._take(track, boxes[column], time, None if colours is None else colours[column])
            for column, track in enumerate(found)
        ]

    def end(self, time: float) -> list[Track]:
        """Forget the tracks that were waited for long enough, and tell which; what was no face goes sooner."""
        over = [
            track
            for track in self.tracks
            if time - track.seen > (self.patience if self.confirmed(track) else self.patience / 3)
        ]
        self.tracks = [track for track in self.tracks if track not in over]
        return over

    def _take(self, track: Track | None, box: Box, time: float, colours: np.ndarray | None) -> Track:
        if track is None:
            track = Track(box, time, time, time, colours=colours)
            self.tracks.append(track)
            return track
        track.move(box, time)
        track.detected = time
        track.hits += 1
        if colours is not None:
            track.colours = colours if track.colours is None else 0.9 * track.colours + 0.1 * colours
        return track

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
        possible = (distance < reach) & (ratio < np.log(1.8))
        if colours is not None:
            unlike = np.array([[track.unlike(row) for row in colours] for track in self.tracks])
            cost = cost + 2 * unlike
            possible &= unlike < UNLIKE
        return np.where(possible, cost, np.inf)
