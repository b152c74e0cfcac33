"""Where the faces are in a photo of any size: OpenCV's cascade, which comes with the package."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from faceline.geometry.crops import cut_window, face_window
from faceline.types import AnyImage, Boxes, Image, Shape

LONGEST: Final = 640
"""Images are looked at with at most this edge, in pixels: what is smaller then is too small for landmarks."""


class FaceFinder:
    """Finds upright faces that look into the camera.

    Source: Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features", CVPR 2001.

    Args:
        smallest: Least width of a face, as a share of the longer edge of the image.
    """

    def __init__(self, smallest: float = 0.05) -> None:
        self.smallest = smallest
        cascades = Path(cv2.__file__).with_name("data")
        self._cascade = cv2.CascadeClassifier(str(cascades / "haarcascade_frontalface_alt2.xml"))

    def find(self, image: Image, step: float = 1.1, votes: int = 4) -> Boxes:
        """Boxes of the faces, the largest first.

        Args:
            image: Pixels, RGB.
            step: By which the sizes that are looked for grow.
            votes: So many boxes that nearly agree make a face.
        """
        shrink = max(1.0, max(image.shape[:2]) / LONGEST)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if shrink > 1:
            height, width = (max(1, round(edge / shrink)) for edge in grey.shape)
            grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
        least = max(20, round(self.smallest * max(grey.shape)))
        found = self._cascade.detectMultiScale(grey, step, votes, minSize=(least, least))
        boxes = np.asarray(found, dtype=np.float64).reshape(-1, 4) * shrink
        return np.asarray(boxes[np.argsort(-boxes[:, 2], kind="stable")])


class FaceFirst:
    """Finds landmarks in the part of a photo around its largest face, or in the whole where no face is found.

    Models know frames that one face fills to about a half. On validation frames of the Udacity set, the same frames
    with more and more around them, this is as good as the whole frame or better throughout: see ``docs/speed.md``.
    Where the cascade finds no face it looks again, closer: a photo whose landmarks are asked for shows one.

    Args:
        detect: Gives the landmarks of the one face in a frame.
    """

    def __init__(self, detect: Callable[[AnyImage], Shape]) -> None:
        self.detect, self.finder = detect, FaceFinder()

    def __call__(self, image: Image) -> Shape:
        """Landmarks in pixels of the photo."""
        boxes = self.finder.find(image)
        if not len(boxes):
            boxes = self.finder.find(image, step=1.05, votes=3)
        if not len(boxes):
            return self.detect(image)
        window = face_window(boxes[0])
        points = self.detect(cut_window(image, window))
        return np.asarray(points + np.array(window[:2], dtype=points.dtype))
