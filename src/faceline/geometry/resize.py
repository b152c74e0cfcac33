"""One way to bring a whole frame to another size, for the cache, the transforms and predictions."""

import cv2
import numpy as np
from jaxtyping import UInt8

from faceline.types import Image


def resize_image(image: Image, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
    """Stretch the whole image to a size, averaging areas where it loses pixels, so that nothing aliases."""
    fewer = image.shape[0] * image.shape[1] > width * height
    method = cv2.INTER_AREA if fewer else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), dtype=np.uint8)
