"""Defines the two kinds of coordinates, and the conversion between them.

- pixels: a landmark at (3, 5) is at the centre of the pixel in column 3, row 5.
- [0, 1]: 0 is the outer edge of the first pixel and 1 that of the last, so that resizing an image leaves landmarks as
  they are and mirroring it turns x into 1 - x. Landmarks outside of the image leave [0, 1].
"""

import numpy as np
from jaxtyping import Float, Shaped

Coordinates = Float[np.ndarray, "*n 2"]
Size = tuple[int, int] | Shaped[np.ndarray, "*k 2"]
"""Width and height in pixels: of all, or one row for each along the leading axes."""


def normalise_landmarks(landmarks: Coordinates, size: Size) -> Coordinates:
    """Convert landmarks from pixels of an image to [0, 1]; sizes broadcast against them."""
    return np.asarray((landmarks + 0.5) / np.asarray(size, dtype=landmarks.dtype))


def denormalise_landmarks(landmarks: Coordinates, size: Size) -> Coordinates:
    """Convert landmarks from [0, 1] to pixels of an image: the inverse of `normalise_landmarks`."""
    return np.asarray(landmarks * np.asarray(size, dtype=landmarks.dtype) - 0.5)
