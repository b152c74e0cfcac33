"""Which frames are good enough to enrol from, and what they make together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from faceline.errors import InputError

Embeddings = Float[np.ndarray, "n d"]
"""One embedding a frame or person."""

Template = Float[np.ndarray, " d"]
"""What a person is recognised by, of length 1."""


@dataclass(frozen=True)
class FrameQuality:
    """What is known of the frame that an embedding is from.

    Attributes:
        width_px: Of the face.
        sharpness: Variance of the Laplacian over the aligned crop in grey levels from 0 to 255.
        yaw: Degrees that the head is turned to the side.
        pitch: Degrees that it is raised or lowered.
    """

    width_px: float
    sharpness: float
    yaw: float
    pitch: float


@dataclass(frozen=True)
class QualityLimits:
    """What frames must be like to enrol from them; fields as in `FrameQuality`.

    Attributes:
        frames: Fewest good frames.
        similarity: Least cosine between the embeddings of any two good frames: one person only.
    """

    frames: int = 3
    width_px: float = 64.0
    sharpness: float = 20.0
    yaw: float = 25.0
    pitch: float = 20.0
    similarity: float = 0.3

    def faults(self, quality: FrameQuality) -> list[str]:
        """What is wrong with a frame."""
        wrong = {
            f"face smaller than {self.width_px:g} px": quality.width_px < self.width_px,
            "blurred": quality.sharpness < self.sharpness,
            f"head turned more than {self.yaw:g}°": abs(quality.yaw) > self.yaw,
            f"head raised or lowered more than {self.pitch:g}°": abs(quality.pitch) > self.pitch,
        }
        return [fault for fault, is_so in wrong.items() if is_so]


LIMITS: Final = QualityLimits()
"""What is asked where nothing else is said."""


def template_of(embeddings: Embeddings, quality: Sequence[FrameQuality], limits: QualityLimits) -> Template:
    """The template of a person: the direction of the mean of the embeddings of good frames.

    Raises:
        InputError: Too few good frames, embeddings that are none, or frames of several people.
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
    least = float((units @ units.T).min())
    if least < limits.similarity:
        raise InputError(f"the frames differ too much for one person (cosine {least:.2f}); let one stand there alone")
    mean = units.mean(axis=0)
    template: Template = (mean / np.linalg.norm(mean)).astype(np.float32)
    return template
