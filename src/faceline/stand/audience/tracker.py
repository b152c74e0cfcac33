"""Follows faces over frames, so that a person keeps one number during a visit.

Each track predicts where its face will be. Detections are matched to tracks by place, size and colours so that the
total distance is smallest (Kuhn, "The Hungarian method for the assignment problem", 1955). A new track is watched for
a moment before it counts as a face: it may be somebody who was lost behind others or at the edge and is there again,
even if they were lost before they counted. Nothing of a face outlives its track.
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

_LOST: Final = 0.3  # seconds without a detection

_FORGET: Final = 0.4
"""Seconds after which an unseen face has lost most of its predicted speed."""

FASTEST: Final = 12.0
"""Largest speed of people, in sizes of a face a second."""

ALIKE: Final = 0.3
"""Two faces whose colours differ by less most likely belong to one person."""

UNLIKE: Final = 0.45
"""Two faces whose colours differ by more belong to different people."""

_UNLIKE_IN_A_CROWD: Final = 0.6
"""The same where clothes of others beside a face are taken for its own."""

_MET: Final = 0.3
"""Seconds for which a new track is watched before it counts, where nobody is beside the face."""

_MET_IN_A_CROWD: Final = 1.0
"""The same where others are beside the face."""


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
        free: Number of these in which nobody was beside it.
        known: Whether it was detected often and clearly enough to count as a face.
        colours: Colours around the face; None if none were given.
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
            share = 1.0 if self.hits == 1 else -np.expm1(-elapsed / 0.15)
            limit = FASTEST * box_size(box)
            self.speed = np.clip(self.speed + share * (way / elapsed - self.speed), -limit, limit)
        self.box, self.seen = box, time

    def detect(self, box: Box, time: float, colours: Float[np.ndarray, " tints"] | None, free: bool) -> None:
        """Take up a detection: once somebody stood free, colours are learnt only where they do."""
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
    """Matches detections to tracks.

    Args:
        patience: Seconds to wait for a face that is not seen.
        confirm: Detections after which a track may count as a face; a single detection is often a mistake.
    """

    FARTHEST: Final = 1.1
    """Largest distance between a face and its predicted place, in sizes of the face."""

    QUICKEST: Final = 2.5
    """Growth of that distance for each second without a detection, in sizes of the face."""

    RETURN: Final = 2.5
    """Distance within which colours tell that a new face is a lost one, in sizes of the face."""

    QUICK: Final = 2.0
    """Speed from which a face is detected in every frame, in sizes of the face a second."""

    def __init__(self, patience: float = 1.0, confirm: int = 3) -> None:
        self.patience, self.confirm = patience, confirm
        self.tracks: list[Track] = []

    def unsettled(self, time: float) -> bool:
        """Tell whether to detect in every frame: somebody is new, quick, lost or near another."""
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
        """Return the track of each detection; unmatched detections start new tracks.

        Args:
            boxes: The boxes detected now.
            time: Seconds of a steady clock.
            colours: Colours around each face.
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
        """Remove and return the tracks whose patience is over; what was hardly detected goes sooner."""
        over = [
            track
            for track in self.tracks
            if time - track.seen > (self.patience if track.hits >= self.confirm else self.patience / 3)
        ]
        self.tracks = [track for track in self.tracks if track not in over]
        return over

    def _meet(self, track: Track, time: float) -> Track:
        """Count a new track as a face once it is clear enough, or continue the lost track that it turns out to be."""
        watched = _MET if track.free >= self.confirm else _MET_IN_A_CROWD
        if track.hits < self.confirm or time - track.first < watched - 1e-6:
            return track
        lost = [other for other in self.tracks if other.hits >= self.confirm and other.detected <= track.first]
        unlike = {other.number: self._unlikeness(other, track, time) for other in lost}
        before = min(lost, key=lambda other: unlike[other.number], default=None)
        if before is None or not np.isfinite(unlike[before.number]):
            track.known = True
            return track
        before.go_on(track)
        before.known = True
        self.tracks.remove(track)
        return before

    def _unlikeness(self, lost: Track, new: Track, time: float) -> float:
        """Return how badly a new track fits a lost one: infinite for another face."""
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
        """Return the cost of each pair of track and detection; infinite if they cannot be the same face."""
        foreseen = np.stack([track.foresee(time) for track in self.tracks])
        sizes = np.array([box_size(box) for box in foreseen])[:, None]
        ratio = np.abs(np.log(np.array([box_size(box) for box in boxes])[None] / sizes))
        middles = [each[:, :2] + each[:, 2:] / 2 for each in (foreseen, boxes)]
        distance = np.linalg.norm(middles[0][:, None] - middles[1][None], axis=2) / sizes
        cost = distance + ratio + (1 - overlap(foreseen, boxes))
        unseen = time - np.array([track.seen for track in self.tracks])[:, None]
        reach = np.minimum(0.35 + self.QUICKEST * unseen, self.FARTHEST)
        near = distance < reach
        new = np.array([track.hits == 1 for track in self.tracks])[:, None]  # how they move is not known
        possible = near | (new & (distance < np.minimum(0.35 + FASTEST * unseen, 1.5)))
        possible &= ratio < np.log(1.8)
        if colours is not None:
            unlike = np.array([[track.unlike(row) for row in colours] for track in self.tracks])
            cost = cost + 2 * unlike
            free = np.array([track.free > 0 for track in self.tracks])[:, None] & _free(boxes)
            possible &= unlike < np.where(free | ~near, UNLIKE, _UNLIKE_IN_A_CROWD)
        return np.where(possible, cost, np.inf)


def _free(boxes: Boxes) -> np.ndarray:
    """Tell which faces have nobody beside them whose clothes would be taken for theirs."""
    middles, widths = boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 2]
    near = np.abs(middles[:, None] - middles) < 0.6 * (widths[:, None] + widths)
    return np.asarray(near.sum(axis=1) == 1)
