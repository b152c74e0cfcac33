"""Measures what a face does before a screen, compared with what the same face does most of the time.

Only positions of landmarks are measured. Where a head points is not where eyes look, and a smile is a movement of the
corners of the mouth: nothing is said about what a person feels.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Group = Literal["turned away", "eyes closed", "smile", "mouth open", "brows raised", "neutral"]

UNITS: Final = {
    "head_angle": "degrees",
    "dwell": "seconds",
    "attention": "seconds",
    "smile": "half face widths",
    "mouth_open": "half face widths",
    "brow_raise": "half face widths",
    "eye_opening": "share of the usual",
    "eyes_closed": "seconds",
}
"""Every measure of a reaction and its unit; half a face's width at the ears is about 70 mm."""

_EXPRESSIONS: Final = ("smile", "mouth_opening", "brow_raise", "eye_opening")


@dataclass(frozen=True)
class ReactionSettings:
    """Settings that say when a reaction counts.

    Attributes:
        attention_angle: Degrees between head and screen up to which a head attends; attention stops a fifth beyond.
        screen_yaw: Degrees to the image's right at which the screen lies from the camera.
        screen_pitch: Degrees upwards at which the screen lies from the camera.
        interest_seconds: Attention to one content after which a positive change is interest.
        smile: Rise of the corners of the mouth above this face's usual position that counts as a smile, in half face
            widths.
        mouth_open: Opening of the mouth beyond this face's usual opening that counts, in half face widths.
        brow_raise: Rise of the brows above this face's usual position that counts, in half face widths.
        eyes_closed: Eyes count as closed below this share of this face's usual opening.
        smoothing: Time constant of expressions in seconds; eyes use a third of it because they blink.
        neutral_seconds: Length of the past, in seconds, that defines what is usual for a face.
        settle_seconds: Seconds that a face must be seen before its expressions are compared with its usual ones.
    """

    attention_angle: float = 22.0
    screen_yaw: float = 0.0
    screen_pitch: float = 0.0
    interest_seconds: float = 1.5
    smile: float = 0.035
    mouth_open: float = 0.08
    brow_raise: float = 0.045
    eyes_closed: float = 0.4
    smoothing: float = 0.2
    neutral_seconds: float = 30.0
    settle_seconds: float = 0.8


@dataclass(frozen=True)
class Reaction:
    """The reaction of one face at one moment; `UNITS` gives the units.

    Attributes:
        head_angle: Angle between the direction of the head and the screen.
        attending: Whether the head points to the screen.
        dwell: Time since the face was first seen.
        attention: Part of the dwell time during which the head points to the screen.
        content_attention: Part of the attention that fell on the content that is shown now.
        smile: How far the corners of the mouth are above their usual position.
        mouth_open: How much further than usual the mouth is open.
        brow_raise: How far the brows are above their usual position.
        eye_opening: Opening of the eyes; 1 is as open as usual, 0 is shut.
        eyes_closed: Time for which the eyes have been closed.
        group: The most marked of these expressions.
        interested: Whether attention to the content lasted long enough, and a smile or raised brows came with it.
    """

    head_angle: float
    attending: bool
    dwell: float
    attention: float
    content_attention: float
    smile: float
    mouth_open: float
    brow_raise: float
    eye_opening: float
    eyes_closed: float
    group: Group
    interested: bool


class Smoothed:
    """An exponential mean that removes jitter and behaves the same at every frame rate.

    Args:
        seconds: Time constant: after this time two thirds of a step have come through.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.value: float | None = None

    def update(self, value: float, elapsed: float) -> float:
        """Add a value and return the smoothed one.

        Args:
            value: The newest measurement.
            elapsed: Seconds since the measurement before.
        """
        if self.value is None:
            self.value = value
        else:
            self.value += (value - self.value) * -float(np.expm1(-elapsed / self.seconds))
        return self.value


class Neutral:
    """The usual expression of a face: the running median of its measures at even steps of time.

    A median ignores other expressions for up to half of the time. Whoever smiles for longer has the smile as the usual.

    Args:
        seconds: Length of the past that counts.
    """

    STEP: Final = 0.2

    def __init__(self, seconds: float) -> None:
        self._samples: deque[np.ndarray] = deque(maxlen=max(round(seconds / self.STEP), 1))
        self._next = -np.inf
        self._median = np.zeros(0)

    @property
    def seconds(self) -> float:
        """Return for how many seconds the face has been seen."""
        return len(self._samples) * self.STEP

    def update(self, values: np.ndarray, time: float) -> np.ndarray:
        """Add new values and return the usual ones."""
        if time >= self._next:
            self._samples.append(values)
            self._median = np.median(np.stack(self._samples), axis=0)
            self._next = time + self.STEP
        return self._median


class ReactionMeter:
    """Measures the reactions of one face over time.

    Args:
        settings: Settings that say when a reaction counts.
    """

    LONGEST_STEP: Final = 0.5
    """A longer gap between two frames counts as this many seconds, because nobody was seen to attend during it."""

    BLINK: Final = 0.4
    """Eyes that close for fewer seconds than this only blink."""

    TURNED: Final = 38.0
    """Degrees of turn beyond which the expression of a face cannot be measured."""

    def __init__(self, settings: ReactionSettings) -> None:
        self.settings = settings
        self._pose = {"yaw": Smoothed(settings.smoothing), "pitch": Smoothed(settings.smoothing)}
        self._smoothed = {name: Smoothed(settings.smoothing) for name in _EXPRESSIONS}
        self._smoothed["eye_opening"] = Smoothed(settings.smoothing / 3)
        self._neutral = Neutral(settings.neutral_seconds)
        self._time: float | None = None
        self._attending = self._interested = False
        self._dwell = self._attention = self._content_attention = self._closed = 0.0
        self._content: str | None = None
        self._before = (0.0, 0.0)  # smile and raise of the brows when the content came

    def update(self, measures: Mapping[str, float], time: float, content: str | None = None) -> Reaction:
        """Add a moment and return the reaction of the face.

        Args:
            measures: The measures from ``faceline.geometry.measures.measure``.
            time: Seconds of a steady clock.
            content: Id of the content that the screen shows.
        """
        elapsed = 0.0 if self._time is None else float(np.clip(time - self._time, 0.0, self.LONGEST_STEP))
        self._time = time
        angle = self._angle(measures, elapsed)
        smile, mouth, brows, eyes = self._changes(measures, angle, time, elapsed)
        self._closed = self._closed + elapsed if eyes < self.settings.eyes_closed else 0.0
        self._attend(angle, elapsed)
        self._react(content, smile, brows)
        return Reaction(
            head_angle=angle,
            attending=self._attending,
            dwell=self._dwell,
            attention=self._attention,
            content_attention=self._content_attention,
            smile=smile,
            mouth_open=mouth,
            brow_raise=brows,
            eye_opening=eyes,
            eyes_closed=self._closed,
            group=self._group(smile, mouth, brows, eyes),
            interested=self._interested,
        )

    def _angle(self, measures: Mapping[str, float], elapsed: float) -> float:
        yaw, pitch = (np.deg2rad(self._pose[name].update(measures[name], elapsed)) for name in ("yaw", "pitch"))
        to_yaw, to_pitch = np.deg2rad([self.settings.screen_yaw, self.settings.screen_pitch])
        cosine = np.sin(pitch) * np.sin(to_pitch) + np.cos(pitch) * np.cos(to_pitch) * np.cos(yaw - to_yaw)
        return float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))

    def _changes(
        self, measures: Mapping[str, float], angle: float, time: float, elapsed: float
    ) -> tuple[float, float, float, float]:
        """Return how smile, mouth and brows differ from the usual, and the eyes as a share of it.

        A face that is turned away counts as unchanged.
        """
        if angle > self.TURNED:
            return 0.0, 0.0, 0.0, 1.0
        now = np.array([self._smoothed[name].update(measures[name], elapsed) for name in _EXPRESSIONS])
        usual = self._neutral.update(np.array([measures[name] for name in _EXPRESSIONS]), time)
        if self._neutral.seconds < self.settings.settle_seconds:
            return 0.0, 0.0, 0.0, 1.0
        smile, mouth, brows = (now - usual)[:3].tolist()
        return smile, mouth, brows, float(np.clip(now[3] / max(usual[3], 1e-3), 0.0, 2.0))

    def _attend(self, angle: float, elapsed: float) -> None:
        limit = self.settings.attention_angle * (1.2 if self._attending else 1.0)
        self._attending = angle <= limit
        self._dwell += elapsed
        if self._attending:
            self._attention += elapsed
            self._content_attention += elapsed

    def _react(self, content: str | None, smile: float, brows: float) -> None:
        if content != self._content:
            self._content, self._content_attention, self._interested = content, 0.0, False
            self._before = smile, brows
        lowest = tuple(min(pair) for pair in zip(self._before, (smile, brows), strict=True))
        self._before = lowest[0], lowest[1]
        risen = smile - self._before[0] >= self.settings.smile and smile >= self.settings.smile
        raised = brows - self._before[1] >= self.settings.brow_raise and brows >= self.settings.brow_raise
        held = self._content_attention >= self.settings.interest_seconds
        if content is not None and self._attending and held and (risen or raised):
            self._interested = True

    def _group(self, smile: float, mouth: float, brows: float, eyes: float) -> Group:
        if not self._attending:
            return "turned away"
        marks: dict[Group, float] = {
            "eyes closed": (1 - eyes) / (1 - self.settings.eyes_closed) if self._closed >= self.BLINK else 0.0,
            "smile": smile / self.settings.smile,
            "mouth open": mouth / self.settings.mouth_open,
            "brows raised": brows / self.settings.brow_raise,
        }
        group = max(marks, key=lambda name: marks[name])
        return group if marks[group] >= 1 else "neutral"
