"""Array aliases with named axes, the same everywhere.

n samples, p landmarks (68 where a markup names no other), d = 2 or 3 coordinates (x first), h rows, w columns.
"""

import numpy as np
from jaxtyping import Float, Integer, Shaped, UInt8

Image = UInt8[np.ndarray, "h w 3"]
"""One RGB image."""

Images = UInt8[np.ndarray, "n h w 3"]
"""RGB images of one size."""

AnyImage = UInt8[np.ndarray, "_ _ 3"]
"""One RGB image of any size."""

Square = UInt8[np.ndarray, "edge edge 3"]
"""One square RGB picture."""

Box = Shaped[np.ndarray, "4"]
"""The place of a face: x and y of its first pixel, width and height, in pixels."""

Boxes = Shaped[np.ndarray, "k 4"]
"""The places of k faces."""

Shape = Float[np.ndarray, "p 2"]
"""The landmarks of one face, x first."""

Landmarks = Float[np.ndarray, "n p 2"]
"""The landmarks of n faces, x first."""

Sizes = Integer[np.ndarray, "n 2"]
"""Width and height of n frames, in pixels."""

PerFrame = Float[np.ndarray, " n"]
"""One number for each frame."""
