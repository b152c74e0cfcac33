"""Decides which frames are good enough for an enrolment, how much a look counts, and makes templates of frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from faceline.errors import InputError
from faceline.stand.sentences import Sentence

Embeddings = Float[np.ndarray, "n d"]
"""Embeddings, one for each frame or person."""

Template = Float[np.ndarray, " d"]
"""The template of a person, of length 1."""


@dataclass(frozen=True)
class FrameQuality:
    """The quality of the frame of an embedding.

    Attributes:
        width_px: Width of the face in pixels.
        sharpness: Variance of the Laplacian over the aligned crop in grey levels from 0 to 255.
        yaw: Degrees that the head is turned to the side.
        pitch: Degrees that the head is raised or lowered.
        confidence: Confidence of the landmarks, from 0 to 1; 1 if the model gives none.
    """

    width_px: int | float
    sharpness: int | float
    yaw: int | float
    pitch: int | float
    confidence: int | float = 1.0

    def weight(self) -> float:
        """Weight of a look, from 0.05 to 1: lower for small, blurred and turned faces, and uncertain landmarks."""
        parts = (
            min(self.width_px / 64, 1.0),
            min(self.sharpness / 40, 1.0),
            max(np.cos(np.deg2rad(self.yaw)) * np.cos(np.deg2rad(self.pitch)), 0.0),
            self.confidence,
        )
        return max(float(np.prod(parts)), 0.05)


@dataclass(frozen=True)
class QualityLimits:
    """Quality that frames need for an enrolment; other fields are as in `FrameQuality`.

    On 243 people of the Udacity set, smaller, softer or more turned faces within these limits were recognised as well
    as others. 86 % of all frames are within them; limits of 64 px and 25 degrees would let 51 % pass.

    Attributes:
        frames: Fewest good frames.
        confidence: Lowest confidence of the landmarks.
    """

    frames: int = 3
    width_px: float = 40.0
    sharpness: float = 10.0
    yaw: float = 40.0
    pitch: float = 30.0
    confidence: float = 0.3

    def faults(self, quality: FrameQuality) -> list[str]:
        """Return what is wrong with a frame."""
        wrong = {
            f"face smaller than {self.width_px:g} px": quality.width_px < self.width_px,
            "blurred": quality.sharpness < self.sharpness,
            f"head turned more than {self.yaw:g}°": abs(quality.yaw) > self.yaw,
            f"head raised or lowered more than {self.pitch:g}°": abs(quality.pitch) > self.pitch,
            "landmarks in doubt": quality.confidence < self.confidence,
        }
        return [fault for fault, is_so in wrong.items() if is_so]


LIMITS: Final = QualityLimits()
"""The default limits."""


class Made(NamedTuple):
    """A template and how well its frames agree.

    Attributes:
        template: Direction of the mean of the good frames.
        good: Number of good frames.
        agreement: Smallest cosine of two good frames.
    """

    template: Template
    good: int
    agreement: float


def make_template(
    embeddings: Embeddings, quality: Sequence[FrameQuality], limits: QualityLimits, one_person: float
) -> Made:
    """Make the template of a person: the direction of the mean of the embeddings of good frames.

    Args:
        embeddings: Embedding of each frame.
        quality: Quality of each frame.
        limits: Quality that frames must have.
        one_person: Smallest cosine allowed between two good frames; it depends on the embedder.

    Raises:
        InputError: There are too few good frames, the embeddings are invalid, or the frames show several people.
    """
    if len(embeddings) != len(quality):
        raise ValueError(f"expected a quality for each of {len(embeddings)} embeddings, got {len(quality)}")
    lengths = np.linalg.norm(embeddings, axis=1)
    if not np.all(np.isfinite(lengths) & (lengths > 0)):
        raise InputError("the embedder gave no direction for some frames; take them again")
    faults = [limits.faults(frame) for frame in quality]
    good = np.array([not found for found in faults], dtype=bool)
    if good.sum() < limits.frames:
        told = ", ".join(dict.fromkeys(fault for found in faults for fault in found))
        raise InputError(
            f"{good.sum()} good frames of {len(quality)}, expected {limits.frames}" + (f" ({told})" if told else "")
        )
    units = embeddings[good] / lengths[good, None]
    agreement = float((units @ units.T).min())
    if agreement < one_person:
        raise InputError(Sentence.DIFFER())
    return Made(mean_direction(units), int(good.sum()), agreement)


def mean_direction(vectors: Embeddings) -> Template:
    """Return the direction of the mean of vectors of length 1."""
    mean = vectors.mean(axis=0)
    template: Template = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
    return template
