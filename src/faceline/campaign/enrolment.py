"""Who may be recognised: people with a recorded consent, and nobody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from faceline.campaign.clock import Moment

Embeddings = Float[np.ndarray, "n d"]
"""One embedding a frame or person, each of length 1."""


@dataclass(frozen=True)
class Consent:
    """What somebody agreed to.

    Attributes:
        given_by: Who they are, as on the form that they signed.
        purpose: For what.
        text_version: Of the text that they read.
        given_at: When, in UTC.
        expires_at: Until when, in UTC.
    """

    given_by: str
    purpose: str
    text_version: str
    given_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Person:
    """How an enrolled person wishes to be met.

    Attributes:
        greeting: The name to greet them with on the screen; None greets without a name.
        group: The group of customers they chose; None where they chose none.
    """

    greeting: str | None = None
    group: str | None = None


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
        similarity: Least cosine between the embedding of a good frame and the mean of the others: one person only.
    """

    frames: int = 3
    width_px: float = 64.0
    sharpness: float = 20.0
    yaw: float = 25.0
    pitch: float = 20.0
    similarity: float = 0.5


@dataclass(frozen=True)
class Gallery:
    """Those who may be recognised now.

    Attributes:
        persons: Their ids.
        people: How each wishes to be met.
        templates: The embedding of each, of length 1.
    """

    persons: tuple[str, ...]
    people: tuple[Person, ...]
    templates: Embeddings


class Enrolment:
    """The people of one database, their consents and their templates, encrypted.

    Args:
        url: Database, as of `EventStore`.
        key_file: File of the keys, readable by its owner only, created where there is none; None reads them from
            the environment variable ``FACELINE_TEMPLATE_KEYS``.
        model: Name and version of the embedder; templates of another one are not compared with.
        limits: What frames must be like.
        operator: Who works here; goes into the audit.

    Raises:
        InputError: The database or the keys cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        key_file: Path | None,
        model: str,
        limits: QualityLimits = QualityLimits(),
        operator: str = "stand",
    ) -> None:
        raise NotImplementedError

    def enrol(self, person: Person, consent: Consent, embeddings: Embeddings, quality: Sequence[FrameQuality]) -> str:
        """Enrol somebody from a few frames of theirs; the id of the person.

        Raises:
            InputError: The consent is not complete or not valid now, the frames are too few, bad or of several
                people, or the database cannot be written.
        """
        raise NotImplementedError

    def gallery(self, moment: Moment | None = None) -> Gallery:
        """Those whose consent is valid; cheap enough to ask every second.

        What has expired is deleted first; a withdrawal by another process is seen at once.
        """
        raise NotImplementedError

    def withdraw(self, person: str) -> None:
        """Delete all that is stored of a person, now; only the audit remembers that there was one.

        Raises:
            InputError: There is no such person.
        """
        raise NotImplementedError

    def expire(self, at: datetime | None = None) -> list[str]:
        """Delete everybody whose consent has ended; their ids."""
        raise NotImplementedError

    def export(self, person: str) -> dict[str, Any]:
        """All that is stored about a person, for them to read.

        Raises:
            InputError: There is no such person.
        """
        raise NotImplementedError

    def list(self) -> list[dict[str, Any]]:
        """Id, group, greeting and consent of everybody, without templates."""
        raise NotImplementedError

    def rotate_key(self) -> int:
        """Encrypt everything with a new key and forget the old; how many people that were."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the database."""
        raise NotImplementedError
