"""Collects frames of a person who wants to be enrolled: from several sides, with advice, without bad frames."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from faceline.stand.audience.perception import Face
from faceline.stand.consent.quality import FrameQuality, QualityLimits, Template

_STEP: Final = 0.25  # seconds between two frames, so that they differ
_SECONDS: Final = 12.0  # in all
_PATIENCE: Final = 3.0  # seconds for which a pose is waited for
_TURNED: Final = 8.0  # degrees from which on a head is turned


class Pose(NamedTuple):
    """A direction in which the person is asked to look.

    Attributes:
        asked: The request to the person, in words.
        side: Sign of the yaw: 1 to the image's right, which is the person's left; 0 straight.
        frames: Number of good frames that are wanted.
    """

    asked: str
    side: int
    frames: int

    def fits(self, yaw: float) -> bool:
        """Tell whether a yaw belongs to this pose."""
        return abs(yaw) <= 2 * _TURNED if self.side == 0 else self.side * yaw >= _TURNED


POSES: Final = (
    Pose("Look into the camera", 0, 3),
    Pose("Turn your head a little to your left", 1, 2),
    Pose("Turn your head a little to your right", -1, 2),
)
"""The poses that are asked for, in this order."""

_FAULTS: Final = {
    "face smaller": ("face too small", "Come closer"),
    "blurred": ("blurred or dark", "Hold still; more light helps"),
    "head turned": ("head turned too far", "Turn back a little"),
    "head raised": ("head not level", "Hold your head level"),
    "landmarks": ("face partly hidden", "Take away what hides the face"),
}
"""What an operator reads of a frame that was left out, and what the person should do, by the fault's first words."""


class Sample(NamedTuple):
    """An embedded frame of somebody who is being enrolled."""

    embedding: Template
    quality: FrameQuality


class Gathered(NamedTuple):
    """The frames of somebody who is being enrolled, and what is missing.

    Attributes:
        samples: Good frames.
        left_out: Number of frames that were refused, by reason.
        missing: Requests that no good frame answers.
        gone: Whether the person has left meanwhile, or was not there.
        photo: Whether the check for photos says that it may be one.
    """

    samples: list[Sample]
    left_out: dict[str, int]
    missing: tuple[str, ...]
    gone: bool
    photo: bool

    @property
    def wanted(self) -> int:
        """Return the number of good frames that were wanted."""
        return sum(pose.frames for pose in POSES)


class Guidance(NamedTuple):
    """What the operator's page says while frames are gathered.

    Attributes:
        asked: What the person should do now.
        advice: What was wrong with the last refused frame; empty if nothing was.
        taken: Number of good frames so far.
        wanted: Number of good frames that are wanted in all.
        refused: Number of frames that were refused.
    """

    asked: str
    advice: str
    taken: int
    wanted: int
    refused: int


@dataclass(eq=False)
class Collection:
    """Collects frames of one face.

    Attributes:
        number: Number of the track of this face.
        limits: Quality that frames must have.
        done: Receives the frames at the end.
    """

    number: int
    limits: QualityLimits
    done: "Future[Gathered]" = field(default_factory=Future)
    _samples: list[Sample] = field(default_factory=list)
    _left_out: dict[str, int] = field(default_factory=dict)
    _taken: list[int] = field(default_factory=lambda: [0] * len(POSES))  # good frames of each pose
    _pose: int = 0
    _next: float = 0.0
    _since: float | None = None
    _pose_since: float = 0.0
    _advice: str = ""

    def wants(self, face: Face, now: float) -> bool:
        """Tell whether a frame of the face at this time is useful."""
        self._begin(now)
        if now - self._pose_since >= _PATIENCE:
            self._to_next_pose(now)
        if self.over(now) or now < self._next or not POSES[self._pose].fits(face.yaw):
            return False
        self._next = now + _STEP
        return True

    def take(self, sample: Sample, now: float) -> None:
        """Keep a frame, or refuse it and say why."""
        faults = self.limits.faults(sample.quality)
        if faults:
            told, self._advice = next(both for begin, both in _FAULTS.items() if faults[0].startswith(begin))
            self._left_out[told] = self._left_out.get(told, 0) + 1
            return
        self._advice = ""
        self._samples.append(sample)
        if self._pose < len(POSES):
            self._taken[self._pose] += 1
            if self._taken[self._pose] >= POSES[self._pose].frames:
                self._to_next_pose(now)

    def over(self, now: float) -> bool:
        """Tell whether all poses are complete or the time is over."""
        self._begin(now)
        return self._pose >= len(POSES) or now - (self._since or now) >= _SECONDS

    def finish(self, gone: bool = False, photo: bool = False) -> None:
        """Hand over the frames that were collected.

        Args:
            gone: Whether the person has left.
            photo: Whether the person may be a photo.
        """
        if not self.done.done():
            missing = tuple(pose.asked for pose, taken in zip(POSES, self._taken, strict=True) if not taken)
            self.done.set_result(Gathered(self._samples, self._left_out, missing, gone, photo))

    def guidance(self) -> Guidance:
        """Return what the operator's page should say now."""
        asked = POSES[min(self._pose, len(POSES) - 1)].asked
        return Guidance(
            asked, self._advice, len(self._samples), sum(pose.frames for pose in POSES), sum(self._left_out.values())
        )

    def _begin(self, now: float) -> None:
        if self._since is None:
            self._since = self._pose_since = now

    def _to_next_pose(self, now: float) -> None:
        """Ask for the next pose that lacks frames; after the last one begin again if they are too few in all."""
        lacking = [number for number, pose in enumerate(POSES) if self._taken[number] < pose.frames]
        later = [number for number in lacking if number > self._pose]
        if not later and len(self._samples) < self.limits.frames:
            later = lacking
        self._pose, self._pose_since = later[0] if later else len(POSES), now
