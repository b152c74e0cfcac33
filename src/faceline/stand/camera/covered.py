"""Notices a covered camera: a black picture, or one without any shape, as behind a hand or tape."""

from typing import Final, Literal

import numpy as np

from faceline.types import Image

_STEP: Final = 8
"""Only every so many pixels are checked, in both directions."""
_EVERY: Final = 1.0
"""Seconds between two checks."""
_PATIENCE: Final = 10.0
"""Seconds that the picture must be blind; a passing hand or switched lamps are no fault."""
_BLACK: Final = 16.0
"""Mean of [0, 255] below which a picture is black."""
_FLAT: Final = 6.0
"""Standard deviation below which a picture shows no shape: noise alone stays below it, an empty hall does not."""

Blind = Literal["black", "covered"]


class Cover:
    """Checks frames from time to time.

    Attributes:
        told: What is wrong with the picture; None if all is well.
    """

    def __init__(self) -> None:
        self.told: Blind | None = None
        self._looked = -np.inf
        self._seen: Blind | None = None
        self._since = 0.0

    def look(self, image: Image, at: float) -> None:
        """Check a frame.

        Args:
            image: The frame.
            at: Time in seconds of the steady clock.
        """
        if at - self._looked < _EVERY:
            return
        self._looked = at
        seen = blind(image)
        if seen is None:
            self._seen = self.told = None
            return
        if self._seen is None:
            self._since = at
        self._seen = seen
        if at - self._since >= _PATIENCE:
            self.told = seen


def blind(image: Image) -> Blind | None:
    """Return what is wrong with one picture; None if nothing is."""
    few = image[::_STEP, ::_STEP].astype(np.float32)
    if few.mean() < _BLACK:
        return "black"
    return "covered" if few.std(axis=(0, 1)).max() < _FLAT else None
