"""Notices a camera that sees nothing: a black picture, or one without any shape in it, as behind a hand or tape."""

from typing import Final, Literal

import numpy as np

from faceline.types import Image

_STEP: Final = 8
"""Every so many pixels are looked at, in both directions."""
_EVERY: Final = 1.0
"""Seconds from one look to the next."""
_PATIENCE: Final = 10.0
"""Seconds for which it must be so; a hand that passes, or lamps that are switched, are no fault."""
_BLACK: Final = 16.0
"""Mean of [0, 255] below which a picture is black."""
_FLAT: Final = 6.0
"""Standard deviation below which a picture has no shape: noise alone stays under it, the emptiest hall does not."""

Blind = Literal["black", "covered"]


class Cover:
    """Looks at frames now and then.

    Attributes:
        told: What is wrong with the picture; None where it is well.
    """

    def __init__(self) -> None:
        self.told: Blind | None = None
        self._looked = -np.inf
        self._seen: Blind | None = None
        self._since = 0.0

    def look(self, image: Image, at: float) -> None:
        """Take up a frame.

        Args:
            image: The frame.
            at: Seconds of the steady clock.
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
    """What is wrong with one picture."""
    few = image[::_STEP, ::_STEP].astype(np.float32)
    if few.mean() < _BLACK:
        return "black"
    return "covered" if few.std(axis=(0, 1)).max() < _FLAT else None
