"""Follows faces over frames, so that a person keeps one number during a visit.

Each track predicts where its face will be. Detections are matched to tracks by place, size and colours so that the
total distance is smallest (Kuhn, "The Hungarian method for the assignment problem", 1955). Nothing of a face outlives
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
"""Share of each tint around k faces; rows sum to 1."""

_FORGET: Final = 0.4
"""Seconds after which an unseen face has lost most of its predicted speed."""

UNLIKE: Final = 0.45
"""Two faces whose colours differ by more belong to different people."""


def box_size(box: Box) -> float:
    """Return the square root of the area of a box, in pixels."""
    return float(np.sqrt(max(box[2] * box[3], 1e-9)))


def overlap(one: Float[np.ndarray, "n 4"], other: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Return the intersection over union of every box with every other."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum((one[:, :2] + one[:, 2:])[:, None], (other[:, :2] + other[:, 2:])[None])
    common = np.clip(high - low, 0, None).prod(axis=2)
    union = one[:, 2:].prod(axis=1)[:, None] + other[:, 2:].prod(axis=1)[None] - common
    return np.asarray(common / np.maximum(union, 1e-9))


@dataclass(eq=False)
class Track:
    """One face over time.

    Attributes:
        box: The last known box.
        seen: Time when the face was last seen, in seconds of a steady clock.
        first: Time when the face was first seen.
        detected: Time when a detector last found the face; between two detections landmarks alone may hold it.
        number: Random number of the track, never used again.
        speed: Speed of the middle of the box in pixels a second, x first.
        hits: Number of frames in which the face was detected.
        colours: Colours around the face; None if none were given.
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
        """Predict the box at a time: the face keeps its speed, and slows down while it is not seen."""
        ahead = _FORGET * -np.expm1(-max(time - self.seen, 0.0) / _FORGET)
        return np.concatenate([self.box[:2] + self.speed * ahead, self.box[2:]])

    def unlike(self, colours: Float[np.ndarray, " tints"]) -> float:
        """Return how much the colours differ from those around the face, from 0 to 1 (total variation)."""
        return 0.0 if self.colours is None else float(np.abs(self.colours - colours).sum()) / 2

    def move(self, box: Box, time: float) -> None:
        """Record the newest box."""
        elapsed = time - self.seen
        if elapsed > 0:
            way = box[:2] + box[2:] / 2 - self.box[:2] - self.box[2:] / 2
            share = -np.expm1(-elapsed / 0.15)
            limit = 4 * box_size(box)
            self.speed = np.clip(self.speed + share * (way / elapsed - self.speed), -limit, limit)
        self.box, self.seen = box, time


class Tracker:
    """Matches detections to tracks.

    Args:
        patience: Seconds to wait for a face that is not seen.
        confirm: Detections after which a track counts as a face; a single detection is often a mistake.
    """

    FARTHEST: Final = 1.1
    """Largest distance between a face and its predicted place, in sizes of the face."""

    QUICKEST: Final = 2.5
    """Growth of that distance for each second without a detection, in sizes of the face."""

    def __init__(self, patience: float = 1.0, confirm: int = 3) -> None:
        self.patience, self.confirm = patience, confirm
        self.tracks: list[Track] = []

    def confirmed(self, track: Track) -> bool:
        """Tell whether a track was detected often enough to count as a face."""
        return track.hits >= self.confirm

    def update(self, boxes: Boxes, time: float, colours: Colours | None = None) -> list[Track]:
        """Return the track of each detection; unmatched detections start new tracks.

        Args:
            boxes: The boxes detected now.
            time: Seconds of a steady clock.
            colours: Colours around each face.
        """
        found: list[Track | None] = [None] * len(boxes)
        for row, column in self._match(boxes, time, colours):
            found[column] = self.tracks[row]
        return [
            self._take(track, boxes[column], time, None if colours is None else colours[column])
            for column, track in enumerate(found)
        ]

    def end(self, time: float) -> list[Track]:
        """Remove and return the tracks whose patience is over; unconfirmed tracks go sooner."""
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
        """Return the cost of each pair of track and detection; infinite if they cannot be the same face."""
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
