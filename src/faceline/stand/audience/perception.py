"""Turns a frame into faces, with detection, landmarks, tracks, head poses and reactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float

from faceline.geometry.measures import measure
from faceline.inference.runtime import Detections, LandmarkRuntime
from faceline.stand.audience.expression_clusters import ExpressionClusters
from faceline.stand.audience.reactions import Reaction, ReactionMeter, ReactionSettings
from faceline.stand.audience.tracker import UNLIKE, Track, Tracker, overlap
from faceline.stand.camera.capture import Frame
from faceline.stand.camera.detector import FaceDetector, box_of
from faceline.stand.clock import Moment
from faceline.types import Box, Boxes, Image, Shape

MOST_FACES: Final = 12
"""Largest number of faces that are analysed in one frame; larger faces come first."""

_FOLLOW: Final = 0.4  # seconds for which landmarks alone hold a face that the detector misses
_SLOWEST: Final = 0.25  # seconds from one detection to the next, at most
_CLOSER: Final = 0.75
"""The crop around a face is this much tighter than in training frames.

Mouth and brows then get more pixels, and landmarks are more accurate on drawn faces and on labelled frames
(``scripts/reaction_response.py``).
"""
_ONE_FACE: Final = 0.6
"""The landmarks of a face and its box overlap by this much: by 0.7 or more in 99 % of faces that stand free."""
_TINTS: Final = 4  # levels of each colour


@dataclass(frozen=True, eq=False)
class Face:
    """One face at one moment.

    Attributes:
        number: Number of the track of this face.
        landmarks: Landmarks in pixels of the frame.
        yaw: Turn of the head in degrees, positive to the image's right.
        pitch: Tilt of the head in degrees, positive upwards.
        roll: Lean of the head in degrees, positive clockwise.
        width: Width of the face at the ears, in pixels.
        reaction: What the face does at this moment.
        arrived: Time when the face was first seen, in seconds of the steady clock.
        cluster: Name of the nearest group of expressions; None without a cluster model.
        confidence: Confidence of the landmarks, from 0 to 1; 1 if the model gives none.
    """

    number: int
    landmarks: Shape
    yaw: float
    pitch: float
    roll: float
    width: float
    reaction: Reaction
    arrived: float
    cluster: str | None = None
    confidence: float = 1.0


@dataclass(frozen=True, eq=False)
class Departure:
    """A face that has left.

    Attributes:
        number: Number of the track of this face.
        last: Time when the face was last seen, in seconds of the steady clock.
    """

    number: int
    last: float


@dataclass(frozen=True, eq=False)
class Sight:
    """What the camera sees at one moment.

    Attributes:
        moment: When the frame was taken.
        frame: Number of the frame.
        size: Width and height of the frame in pixels.
        faces: The faces that are visible now.
        present: Track numbers of everybody who is there, including faces that are hidden for a moment.
        gone: The faces that have left since the frame before.
    """

    moment: Moment
    frame: int
    size: tuple[int, int]
    faces: tuple[Face, ...] = ()
    present: frozenset[int] = frozenset()
    gone: tuple[Departure, ...] = ()


class Perception:
    """Finds and follows the people before the screen.

    Args:
        landmarks: Finds the landmarks of faces.
        detector: Finds faces.
        reactions: Settings that say when a reaction counts.
        detect_every: Number of frames between two detections, if frames come quickly; landmarks hold the faces in
            between.
        patience: Seconds to wait for a face that is hidden or turned away before it counts as gone.
        clusters: Groups of expressions that name what a face does, beside its reaction.
    """

    def __init__(
        self,
        landmarks: LandmarkRuntime,
        detector: FaceDetector,
        reactions: ReactionSettings,
        detect_every: int = 3,
        patience: float = 3.0,
        clusters: ExpressionClusters | None = None,
    ) -> None:
        self._landmarks, self._detector, self._settings = landmarks, detector, reactions
        self._every, self._clusters = detect_every, clusters
        self._tracker = Tracker(patience)
        self._meters: dict[int, ReactionMeter] = {}
        self._frames, self._detected = 0, -np.inf
        self._found: dict[int, Box] = {}

    def use(self, landmarks: LandmarkRuntime) -> None:
        """Switch to another landmark model from the next frame on."""
        self._landmarks = landmarks

    def look(self, frame: Frame, content: str | None = None) -> Sight:
        """Analyse one frame.

        Args:
            frame: The frame; it must be later than the one before.
            content: Id of the content that the screen shows.
        """
        time, image = frame.moment.steady, frame.image
        self._found = {}
        tracks = self._detect(image, time) if self._is_due(time) else []
        tracks = self._drop_doubles([*tracks, *(track for track in self._held(image, time) if track not in tracks)])
        faces = self._faces(tracks, self._read(image, tracks, time), time, content)
        return self._sight(frame.moment, frame.number, (image.shape[1], image.shape[0]), faces)

    def wait(self, moment: Moment) -> Sight:
        """Report who still counts as present when no frame has come."""
        return self._sight(moment, 0, (0, 0), ())

    def _sight(self, moment: Moment, number: int, size: tuple[int, int], faces: Sequence[Face]) -> Sight:
        gone = [track for track in self._tracker.end(moment.steady) if self._meters.pop(track.number, None)]
        return Sight(
            moment,
            number,
            size,
            faces=tuple(faces),
            present=frozenset(self._meters),
            gone=tuple(Departure(track.number, track.seen) for track in gone),
        )

    def _is_due(self, time: float) -> bool:
        """Tell whether to detect in this frame: every few frames, or every frame if slow or if much happens."""
        self._frames += 1
        due = self._frames >= self._every or time - self._detected >= _SLOWEST or self._tracker.unsettled(time)
        if due:
            self._frames, self._detected = 0, time
        return due

    def _detect(self, image: Image, time: float) -> list[Track]:
        boxes = self._detector.detect(image)
        boxes = boxes[np.argsort(-boxes[:, 2], kind="stable")][:MOST_FACES]
        boxes = boxes[_visible(boxes, image)]
        before = {track.number: track.foresee(time) for track in self._tracker.tracks if time - track.seen < _FOLLOW}
        tracks = self._tracker.update(boxes, time, tints_around(image, boxes))
        self._found = {track.number: track.box for track in tracks}
        for track in tracks:
            own = before.get(track.number)
            if own is not None and overlap(own[None], track.box[None])[0, 0] > 0.4:
                track.box = own  # the box of the landmarks is calmer than that of the detector
        return tracks

    def _held(self, image: Image, time: float) -> list[Track]:
        """Return the tracks that continue without a detection in this frame, while their colours stay the same."""
        held = [track for track in self._tracker.tracks if time - track.detected <= _FOLLOW and track.seen < time]
        held = sorted(held, key=lambda track: -track.detected)[:MOST_FACES]
        boxes = np.array([track.foresee(time) for track in held]).reshape(-1, 4)
        inside = _visible(boxes, image)
        held = [track for track, there in zip(held, inside, strict=True) if there]
        tints = tints_around(image, boxes[inside])
        return [track for track, row in zip(held, tints, strict=True) if track.unlike(row) < UNLIKE]

    def _drop_doubles(self, tracks: Sequence[Track]) -> list[Track]:
        """Keep only the last detected of tracks that lie on one face: the other face is hidden behind it."""
        kept: list[Track] = []
        for track in sorted(tracks, key=lambda track: (-track.detected, track.first)):
            if not kept or overlap(track.box[None], np.stack([other.box for other in kept])).max() < 0.5:
                kept.append(track)
        return kept

    def _read(self, image: Image, tracks: list[Track], time: float) -> Detections:
        boxes = np.array([track.foresee(time) for track in tracks]).reshape(-1, 4)
        tracks[:] = [track for track, inside in zip(tracks, _visible(boxes, image), strict=True) if inside]
        boxes = boxes[_visible(boxes, image)]
        middles = boxes[:, :2] + boxes[:, 2:] / 2
        closer = np.hstack([middles - _CLOSER * boxes[:, 2:] / 2, _CLOSER * boxes[:, 2:]])
        return self._landmarks.detect_faces(image, closer)

    def _follow(self, track: Track, box: Box, time: float) -> bool:
        """Move a face to its landmarks, unless they left it for somebody beside it; alone, they may correct its box."""
        found = self._found.get(track.number)
        own = track.foresee(time) if found is None else found
        others = np.array([other.foresee(time) for other in self._tracker.tracks if other is not track]).reshape(-1, 4)
        if overlap(np.stack([own, box]), others).any() and overlap(own[None], box[None])[0, 0] < _ONE_FACE:
            if found is not None:
                track.box = found
            return False
        track.move(box, time)
        return True

    def _faces(self, tracks: Sequence[Track], found: Detections, time: float, content: str | None) -> list[Face]:
        landmarks, confidence = found
        measures = measure(landmarks) if len(landmarks) else {}
        faces = []
        for row, track in enumerate(tracks):
            if not self._follow(track, box_of(landmarks[row]), time) or not track.known:
                continue
            values = {name: float(column[row]) for name, column in measures.items()}
            meter = self._meters.setdefault(track.number, ReactionMeter(self._settings))
            reaction = meter.update(values, time, content)
            width = float(np.ptp(landmarks[row, :17, 0]))
            pose = values["yaw"], values["pitch"], values["roll"]
            cluster = self._clusters.nearest(values) if self._clusters else None
            sure = 1.0 if confidence is None else float(confidence[row])
            faces.append(Face(track.number, landmarks[row], *pose, width, reaction, track.first, cluster, sure))
        return faces


def tints_around(image: Image, boxes: Boxes) -> Float[np.ndarray, "k tints"]:
    """Measure how much of each of 64 tints the face, hair and clothes of each person have."""
    rows = []
    for x, y, width, height in boxes.tolist():
        top, bottom = max(round(y - 0.2 * height), 0), round(y + 1.9 * height)
        left, right = max(round(x - 0.1 * width), 0), round(x + 1.1 * width)
        small = cv2.resize(image[top:bottom, left:right], (16, 28), interpolation=cv2.INTER_AREA)
        levels = (small // (256 // _TINTS)).reshape(-1, 3).astype(np.int64)
        tint = (levels * _TINTS ** np.arange(3)).sum(axis=1)
        rows.append(np.bincount(tint, minlength=_TINTS**3) / len(tint))
    return np.array(rows).reshape(-1, _TINTS**3)


def _visible(boxes: Boxes, image: Image) -> np.ndarray:
    """Select the boxes that have their middle in the image and are large enough to be analysed."""
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    inside = ((middles > 0) & (middles < image.shape[1::-1])).all(axis=1)
    return np.asarray(inside & (boxes[:, 2:] > 12).all(axis=1))
