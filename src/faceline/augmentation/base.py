"""Shared parts of all steps: albumentations, which is imported only here, types, and checks of arguments."""

from collections.abc import Sequence
from typing import TypeAlias

import albumentations as A  # type: ignore[import-untyped]
import numpy as np
from jaxtyping import Float, Shaped
from torch import Tensor

from faceline.errors import InputError

__all__ = ["A", "Frame", "Number", "Points", "Range", "Transform", "check", "number", "span"]

Number: TypeAlias = int | float
Range: TypeAlias = Sequence[int | float]
"""Lowest and highest value; each sample draws its own between them."""
# No names for axes here: a step may change the size.
Frame: TypeAlias = Shaped[np.ndarray, "_ _ 3"] | Shaped[Tensor, "3 _ _"]
Points: TypeAlias = Float[np.ndarray, "_ _"] | Float[Tensor, "_ 2"]
"""Between steps five columns, as albumentations needs them: x, y, z, angle, scale; only x and y are used. Their number
has no name in the type, so the step that loses one refuses it by its own name."""


class Transform:
    """One step of a `Pipeline`: some albumentations transforms under one name.

    Args:
        transforms: Transforms in order. Their randomness must come from the generators that ``set_random_state`` gives
            them.

    Raises:
        InputError: One of them is a ``Compose`` that would leave the landmarks unchanged.
    """

    def __init__(self, *transforms: A.BasicTransform | A.BaseCompose) -> None:
        for each in transforms:
            if isinstance(each, A.Compose) and "keypoints" not in each.processors:
                raise InputError(
                    "its Compose moves no landmarks; give it "
                    "keypoint_params=A.KeypointParams(format='xy', remove_invisible=False)",
                    column=f"transforms.{type(self).__name__}",
                )
        self.transforms = transforms

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:
        """Return image and landmarks after this step."""
        for transform in self.transforms:
            out = transform(image=image, keypoints=landmarks)
            image, landmarks = out["image"], out["keypoints"]
        return image, landmarks


def check(right: bool, place: str, expected: str, value: object) -> None:
    """Raise InputError, naming the argument at ``transforms.<place>``, unless it is valid."""
    if not right:
        raise InputError(f"expected {expected}, got {value!r}", column=f"transforms.{place}")


def number(place: str, value: Number, low: Number, high: Number) -> float:
    """Return the value as a number, which must lie between two others."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    check(right, place, f"a number from {low:g} to {high:g}", value)
    return float(value)


def span(place: str, value: Range, low: Number, high: Number) -> tuple[float, float]:
    """Return the lowest and the highest value, which must lie between two others."""
    expected = f"two numbers [lowest, highest] from {low:g} to {high:g}"
    check(isinstance(value, Sequence) and len(value) == 2, place, expected, value)
    first, last = (number(place, each, low, high) for each in value)
    check(first <= last, place, expected, value)
    return first, last
