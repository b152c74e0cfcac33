"""Steps that move pixels and landmarks."""

from typing import Any, Final, Literal, TypeAlias

import cv2
import numpy as np

from faceline.augmentation.base import A, Frame, Number, Points, Range, Transform, check, number, span
from faceline.geometry.coordinates import denormalise_landmarks, normalise_landmarks
from faceline.geometry.markup import FLIP_ORDER, Markup
from faceline.geometry.resize import resize_image

Border: TypeAlias = Literal["replicate", "constant"]

_BORDERS: Final = {"replicate": cv2.BORDER_REPLICATE, "constant": cv2.BORDER_CONSTANT}


class _Resize(A.Resize):  # type: ignore[misc]
    """Resize whose landmarks follow the pixels.

    OpenCV scales an image about its corner and albumentations its landmarks about the centre of the first
    pixel: a pixel apart when an image grows three times.
    """

    def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
        return resize_image(img, self.width, self.height)

    def apply_to_keypoints(self, keypoints: np.ndarray, **params: Any) -> np.ndarray:
        height, width = params["shape"][:2]
        moved = keypoints.copy()
        xy = normalise_landmarks(keypoints[:, :2], (width, height))
        moved[:, :2] = denormalise_landmarks(xy, (self.width, self.height))
        return moved


class Rescale(Transform):
    """Resize to a fixed size; shrinking averages over areas. Free where the image has that size already.

    Args:
        height: Number of rows.
        width: Number of columns.
    """

    def __init__(self, height: int = 224, width: int = 224) -> None:
        _check_size("Rescale", height, width)
        self.size = (height, width)
        super().__init__(_Resize(height=height, width=width, p=1.0))

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:  # noqa: D102
        if image.shape[:2] == self.size:
            return image, landmarks
        return super().__call__(image, landmarks)


class Crop(Transform):
    """Cuts out the middle.

    Args:
        height: Number of rows.
        width: Number of columns.
    """

    def __init__(self, height: int = 112, width: int = 112) -> None:
        _check_size("Crop", height, width)
        super().__init__(A.CenterCrop(height=height, width=width, p=1.0))


class _FlipWithPairs(A.HorizontalFlip):  # type: ignore[misc]
    """Mirrors and swaps landmarks: a mirrored left eye is a right eye."""

    order = FLIP_ORDER

    def apply_to_keypoints(self, keypoints: np.ndarray, **params: Any) -> np.ndarray:
        flipped: np.ndarray = super().apply_to_keypoints(keypoints, **params)
        return np.asarray(flipped[self.order])


class HorizontalFlip(Transform):
    """Mirrors left and right; landmarks change places with their partners, so each keeps its meaning.

    Args:
        probability: Share of the samples to mirror.
    """

    def __init__(self, probability: Number = 0.5) -> None:
        self.probability = number("HorizontalFlip.probability", probability, 0, 1)
        self._flip = _FlipWithPairs(p=self.probability)
        super().__init__(self._flip)

    def use(self, markup: Markup) -> None:
        """Swap the pairs of another markup than the 68 points of iBUG."""
        self._flip.order = markup.flip_order


class RandomAffine(Transform):
    """Rotates, scales and shifts at once: one interpolation, where single steps would blur the image once each.

    Args:
        rotation: Lowest and highest angle in degrees, counter-clockwise, about the centre of the image.
        scale: Lowest and highest factor, the same for both axes.
        shift: Lowest and highest shift as a share of width and height, each axis by its own, in whole pixels.
        probability: Share of the samples to move.
        border: Fill of the corners: ``replicate`` repeats the pixels of the edge, ``constant`` is black. Black wedges
            reveal the angle through edges that no real frame has, so they are not the default.
    """

    def __init__(
        self,
        rotation: Range = (-25, 25),
        scale: Range = (0.8, 1.2),
        shift: Range = (-0.08, 0.08),
        probability: Number = 1.0,
        border: Border = "replicate",
    ) -> None:
        name = type(self).__name__
        check(border in _BORDERS, f"{name}.border", " or ".join(_BORDERS), border)
        shifts = span(f"{name}.shift", shift, -1, 1)
        affine = A.Affine(
            rotate=span(f"{name}.rotation", rotation, -180, 180),
            scale=span(f"{name}.scale", scale, 0.1, 10),
            translate_percent={"x": shifts, "y": shifts},
            keep_ratio=True,
            border_mode=_BORDERS[border],
            p=number(f"{name}.probability", probability, 0, 1),
        )
        super().__init__(affine)


class RandomRotation(RandomAffine):
    """Rotates about the centre of the image, counter-clockwise as seen.

    Args:
        low: Lowest angle in degrees.
        high: Highest angle in degrees.
        probability: Share of the samples to rotate.
        border: Fill of the corners, as in `RandomAffine`.
    """

    def __init__(
        self, low: Number = -90, high: Number = 90, probability: Number = 1.0, border: Border = "replicate"
    ) -> None:
        angles = tuple(
            number(f"RandomRotation.{key}", value, -180, 180) for key, value in (("low", low), ("high", high))
        )
        check(angles[0] <= angles[1], "RandomRotation.low", f"at most high, which is {high:g}", low)
        super().__init__(angles, (1, 1), (0, 0), probability, border)


class ScaleShift(RandomAffine):
    """Scales about the centre of the image and shifts. Arguments are those of `RandomAffine`."""

    def __init__(
        self,
        scale: Range = (0.8, 1.2),
        shift: Range = (-0.08, 0.08),
        probability: Number = 1.0,
        border: Border = "replicate",
    ) -> None:
        super().__init__((0, 0), scale, shift, probability, border)


class Stretch(Transform):
    """Makes the image wider or narrower about its centre, like frames that were resized to squares.

    Args:
        width: Lowest and highest factor of the width.
        probability: Share of the samples to stretch.
    """

    def __init__(self, width: Range = (0.8, 1.1), probability: Number = 0.5) -> None:
        factors = span("Stretch.width", width, 0.1, 10)
        p = number("Stretch.probability", probability, 0, 1)
        super().__init__(A.Affine(scale={"x": factors, "y": (1, 1)}, border_mode=cv2.BORDER_REPLICATE, p=p))


def _check_size(place: str, height: int, width: int) -> None:
    for key, value in (("height", height), ("width", width)):
        whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096
        check(whole, f"{place}.{key}", "a whole number from 1 to 4096", value)
