"""What is done to a frame and its landmarks together, before a network sees them.

Steps work on landmarks in pixels, as `faceline.geometry.coordinates` defines them; `Normalize` puts them on
[0, 1].

Nothing outside of this module knows albumentations. Its transforms are called one by one and not through its
``Compose``, which drops landmarks outside of the image unless told otherwise and is slow to seed: 90 µs for
8 transforms, where two generators that all of them share take 10.
"""

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else the import asks the network for a newer version

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, Literal, TypeAlias

import albumentations as A  # type: ignore[import-untyped]
import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from faceline.errors import InputError
from faceline.geometry.coordinates import denormalise_landmarks, normalise_landmarks
from faceline.geometry.markup import FLIP_ORDER, N_LANDMARKS
from faceline.geometry.resize import resize_image
from faceline.types import Image, Shape

Number: TypeAlias = int | float
Range: TypeAlias = Sequence[int | float]
"""Lowest and highest value; each sample draws its own between them."""
Border: TypeAlias = Literal["replicate", "constant"]
# No names for axes here: a step may change the size.
Frame: TypeAlias = Shaped[np.ndarray, "_ _ 3"] | Shaped[Tensor, "3 _ _"]
Points: TypeAlias = Float[np.ndarray, "68 _"] | Float[Tensor, "68 2"]
"""Between steps five columns, as albumentations wants them: x, y, z, angle, scale; only x and y are used."""

_BORDERS: Final = {"replicate": cv2.BORDER_REPLICATE, "constant": cv2.BORDER_CONSTANT}


def _check(right: bool, place: str, expected: str, value: object) -> None:
    if not right:
        raise InputError(f"expected {expected}, got {value!r}", column=f"transforms.{place}")


def _number(place: str, value: Number, low: Number, high: Number) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    _check(number, place, f"a number from {low:g} to {high:g}", value)
    return float(value)


def _range(place: str, value: Range, low: Number, high: Number) -> tuple[float, float]:
    expected = f"two numbers [lowest, highest] from {low:g} to {high:g}"
    _check(isinstance(value, Sequence) and len(value) == 2, place, expected, value)
    first, last = (_number(place, number, low, high) for number in value)
    _check(first <= last, place, expected, value)
    return first, last


class Transform:
    """One step of a `Pipeline`: some albumentations transforms under one name.

    Args:
        transforms: Applied in this order. Whatever is random in them must draw from the generators that
            ``set_random_state`` gives them.
    """

    def __init__(self, *transforms: A.BasicTransform | A.BaseCompose) -> None:
        self.transforms = transforms

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:
        """Image and landmarks after this step."""
        for transform in self.transforms:
            out = transform(image=image, keypoints=landmarks)
            image, landmarks = out["image"], out["keypoints"]
        return image, landmarks


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
        height: Rows.
        width: Columns.
    """

    def __init__(self, height: int = 224, width: int = 224) -> None:
        for key, value in (("height", height), ("width", width)):
            whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096
            _check(whole, f"Rescale.{key}", "a whole number from 1 to 4096", value)
        self.size = (height, width)
        super().__init__(_Resize(height=height, width=width, p=1.0))

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:  # noqa: D102
        if image.shape[:2] == self.size:
            return image, landmarks
        return super().__call__(image, landmarks)


class Crop(Transform):
    """Cut out the middle.

    Args:
        height: Rows.
        width: Columns.
    """

    def __init__(self, height: int = 112, width: int = 112) -> None:
        for key, value in (("height", height), ("width", width)):
            whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096
            _check(whole, f"Crop.{key}", "a whole number from 1 to 4096", value)
        super().__init__(A.CenterCrop(height=height, width=width, p=1.0))


class _FlipWithPairs(A.HorizontalFlip):  # type: ignore[misc]
    """A mirrored left eye is a right eye."""

    def apply_to_keypoints(self, keypoints: np.ndarray, **params: Any) -> np.ndarray:
        flipped: np.ndarray = super().apply_to_keypoints(keypoints, **params)
        return np.asarray(flipped[FLIP_ORDER])


class HorizontalFlip(Transform):
    """Mirror left and right; landmarks change places with their partners, so that each keeps its meaning.

    Args:
        probability: Share of the samples that are mirrored.
    """

    def __init__(self, probability: Number = 0.5) -> None:
        super().__init__(_FlipWithPairs(p=_number("HorizontalFlip.probability", probability, 0, 1)))


class RandomAffine(Transform):
    """Rotate, scale and shift at once: one interpolation where single steps blur the image once each.

    Args:
        rotation: Lowest and highest angle in degrees, counter-clockwise, about the centre of the image.
        scale: Lowest and highest factor, the same for both axes.
        shift: Lowest and highest shift as a share of width and height, each axis by its own, in whole pixels.
        probability: Share of the samples that are moved.
        border: What fills the corners: ``replicate`` repeats the pixels of the edge, ``constant`` is black.
            Black wedges tell the angle by edges that no real frame has, so they are not the default.
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
        _check(border in _BORDERS, f"{name}.border", " or ".join(_BORDERS), border)
        shifts = _range(f"{name}.shift", shift, -1, 1)
        affine = A.Affine(
            rotate=_range(f"{name}.rotation", rotation, -180, 180),
            scale=_range(f"{name}.scale", scale, 0.1, 10),
            translate_percent={"x": shifts, "y": shifts},
            keep_ratio=True,
            border_mode=_BORDERS[border],
            p=_number(f"{name}.probability", probability, 0, 1),
        )
        super().__init__(affine)


class RandomRotation(RandomAffine):
    """Rotate about the centre of the image, counter-clockwise as seen.

    Args:
        low: Lowest angle in degrees.
        high: Highest angle in degrees.
        probability: Share of the samples that are rotated.
        border: As in `RandomAffine`.
    """

    def __init__(
        self, low: Number = -90, high: Number = 90, probability: Number = 1.0, border: Border = "replicate"
    ) -> None:
        angles = tuple(
            _number(f"RandomRotation.{key}", value, -180, 180) for key, value in (("low", low), ("high", high))
        )
        _check(angles[0] <= angles[1], "RandomRotation.low", f"at most high, which is {high:g}", low)
        super().__init__(angles, (1, 1), (0, 0), probability, border)


class ScaleShift(RandomAffine):
    """Scale about the centre of the image and shift. Arguments as in `RandomAffine`."""

    def __init__(
        self,
        scale: Range = (0.8, 1.2),
        shift: Range = (-0.08, 0.08),
        probability: Number = 1.0,
        border: Border = "replicate",
    ) -> None:
        super().__init__((0, 0), scale, shift, probability, border)


class Brightness(Transform):
    """Change the light: brightness and contrast, gamma, colour cast, and now and then no colour at all.

    Args:
        brightness: Largest change, as a share of the full scale, and largest change of the contrast from 1.
        gamma: Largest change of the exponent from 1.
        colour: Largest change of each colour channel, as a share of the full scale.
        grey: Share of the samples that lose their colour.
        probability: Share of the samples that brightness and contrast, gamma, and colour each change.
    """

    def __init__(
        self,
        brightness: Number = 0.2,
        gamma: Number = 0.2,
        colour: Number = 0.06,
        grey: Number = 0.1,
        probability: Number = 0.5,
    ) -> None:
        p = _number("Brightness.probability", probability, 0, 1)
        light = _number("Brightness.brightness", brightness, 0, 1)
        power = _number("Brightness.gamma", gamma, 0, 0.9)
        cast = 255 * _number("Brightness.colour", colour, 0, 1)
        super().__init__(
            A.RandomBrightnessContrast(brightness_limit=light, contrast_limit=light, p=p),
            A.RandomGamma(gamma_limit=(100 * (1 - power), 100 * (1 + power)), p=p),
            A.RGBShift(r_shift_limit=cast, g_shift_limit=cast, b_shift_limit=cast, p=p),
            A.ToGray(p=_number("Brightness.grey", grey, 0, 1)),
        )


class _Recolour(A.ImageOnlyTransform):  # type: ignore[misc]
    """Bring every channel to a mean and a spread that are drawn anew; see `Recolour`."""

    def __init__(self, mean: tuple[float, float], spread: tuple[float, float], cast: float, p: float) -> None:
        super().__init__(p=p)
        self.mean, self.spread, self.cast = mean, spread, cast

    def get_params(self) -> dict[str, Any]:
        draw = self.random_generator
        mean = draw.uniform(*self.mean) + draw.normal(0, self.cast, 3)
        return {"mean": mean, "spread": draw.uniform(*self.spread) * draw.uniform(0.85, 1.15, 3)}

    def apply(self, img: np.ndarray, mean: np.ndarray, spread: np.ndarray, **params: Any) -> np.ndarray:
        now, std = img.mean(axis=(0, 1)), img.std(axis=(0, 1)) + 1
        levels = np.arange(256)[:, None]
        table = np.clip((levels - now) / std * spread + mean, 0, 255).astype(np.uint8)  # (256, 3)
        return np.asarray(cv2.LUT(img, table[None]))


class Recolour(Transform):
    """Give the image the light and the colours of some other recording: every channel another mean and spread.

    Source: Reinhard et al., "Color Transfer between Images", IEEE CG&A 21, 2001, with drawn statistics in place of
    those of a second image.

    Args:
        mean: Lowest and highest mean of the image, as a share of the full scale.
        spread: Lowest and highest standard deviation.
        cast: Standard deviation by which the mean of a channel differs.
        probability: Share of the samples that are changed.
    """

    def __init__(
        self,
        mean: Range = (0.2, 0.6),
        spread: Range = (0.1, 0.26),
        cast: Number = 0.06,
        probability: Number = 0.5,
    ) -> None:
        (low, high), (least, most) = _range("Recolour.mean", mean, 0, 1), _range("Recolour.spread", spread, 0, 1)
        tint = 255 * _number("Recolour.cast", cast, 0, 1)
        p = _number("Recolour.probability", probability, 0, 1)
        super().__init__(_Recolour((255 * low, 255 * high), (255 * least, 255 * most), tint, p))


_GRAIN_STEP: Final = 32
"""Grey levels of the stored noise that make one standard deviation."""


@cache
def _grain() -> np.ndarray:
    """Four million draws of normal noise about 128, cut at four standard deviations; each frame takes some of them."""
    draws = np.random.default_rng(0).standard_normal(2**22)
    return np.clip(128 + _GRAIN_STEP * draws, 0, 255).round().astype(np.uint8)


class _Noise(A.ImageOnlyTransform):  # type: ignore[misc]
    """Add noise; see `AddNoise`. albumentations draws it anew for each pixel, which takes ten times as long."""

    def __init__(self, std: tuple[float, float], p: float) -> None:
        super().__init__(p=p)
        self.std = std

    def get_params(self) -> dict[str, Any]:
        draw = self.random_generator
        return {"std": draw.uniform(*self.std), "start": draw.uniform()}

    def apply(self, img: np.ndarray, std: float, start: float, **params: Any) -> np.ndarray:
        grain = _grain()
        first = int(start * max(1, len(grain) - img.size))
        noise = np.resize(grain[first : first + img.size], img.shape)
        share = 255 * std / _GRAIN_STEP
        return np.asarray(cv2.addWeighted(img, 1.0, noise, share, -128 * share))


class AddNoise(Transform):
    """Add normal noise to each pixel and channel.

    Args:
        std: Lowest and highest standard deviation, as a share of the full scale.
        probability: Share of the samples that get noise.
    """

    def __init__(self, std: Range = (0.01, 0.05), probability: Number = 1.0) -> None:
        p = _number("AddNoise.probability", probability, 0, 1)
        super().__init__(_Noise(_range("AddNoise.std", std, 0, 1), p))


class Blur(Transform):
    """Blur as a lens out of focus does, or, as often, as a movement does.

    Args:
        sigma: Lowest and highest standard deviation of the focus blur, in pixels.
        motion: Longest movement in pixels, odd, at least 3.
        probability: Share of the samples that are blurred.
    """

    def __init__(self, sigma: Range = (0.3, 1.5), motion: int = 5, probability: Number = 0.5) -> None:
        odd = isinstance(motion, int) and motion in range(3, 100, 2)
        _check(odd, "Blur.motion", "an odd whole number from 3 to 99", motion)
        focus = A.GaussianBlur(blur_limit=0, sigma_limit=_range("Blur.sigma", sigma, 0.1, 50), p=1.0)
        # As it comes, the smear may lie to one side of the point: the face would move and its landmarks not.
        smear = A.MotionBlur((3, motion), allow_shifted=False, direction_range=(0.0, 0.0), p=1.0)
        super().__init__(A.OneOf([focus, smear], p=_number("Blur.probability", probability, 0, 1)))


class Compression(Transform):
    """Save as JPEG and read again.

    Args:
        quality: Lowest and highest JPEG quality, 1 to 100.
        probability: Share of the samples that are compressed.
    """

    def __init__(self, quality: Range = (30, 90), probability: Number = 0.5) -> None:
        low, high = _range("Compression.quality", quality, 1, 100)
        p = _number("Compression.probability", probability, 0, 1)
        super().__init__(A.ImageCompression(quality_range=(round(low), round(high)), p=p))


class Occlusion(Transform):
    """Cover rectangles with a plain colour each; landmarks under them stay: a hidden mouth is still a mouth.

    Args:
        holes: Largest number of rectangles.
        size: Smallest and largest side, as a share of the image's.
        probability: Share of the samples that are covered in part.
    """

    def __init__(self, holes: int = 2, size: Range = (0.1, 0.3), probability: Number = 0.5) -> None:
        count = isinstance(holes, int) and not isinstance(holes, bool) and 1 <= holes <= 100
        _check(count, "Occlusion.holes", "a whole number from 1 to 100", holes)
        sides = _range("Occlusion.size", size, 0.01, 0.99)
        p = _number("Occlusion.probability", probability, 0, 1)
        super().__init__(A.CoarseDropout((1, holes), sides, sides, fill="random_uniform", p=p))


class Normalize(Transform):
    """Image and landmarks to [0, 1], the image as float32. After it only `ToTensor` may follow."""

    def __init__(self) -> None:
        super().__init__(A.ToFloat(max_value=255.0, p=1.0))

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:  # noqa: D102
        height, width = image.shape[:2]
        image, landmarks = super().__call__(image, landmarks)
        return image, normalise_landmarks(np.asarray(landmarks)[:, :2], (width, height))


class ToTensor(Transform):
    """Image (h, w, 3) and landmarks to tensors (3, h, w) and (68, 2) of the type they have. The last step."""

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:  # noqa: D102
        planes = np.asarray(image).transpose(2, 0, 1).copy()
        return torch.from_numpy(planes), torch.from_numpy(np.asarray(landmarks)[:, :2].copy())


class Pipeline:
    """Steps in order, random only through the seed of each call.

    Args:
        steps: The order is kept. `Normalize`, if any, comes after all but `ToTensor`, and `ToTensor` last.
    """

    def __init__(self, steps: Sequence[Transform]) -> None:
        self.steps = tuple(steps)
        tail = [type(step).__name__ for step in self.steps if isinstance(step, Normalize | ToTensor)]
        last = [type(step).__name__ for step in self.steps[len(self.steps) - len(tail) :]]
        ordered = tail == last and tail in ([], ["Normalize"], ["ToTensor"], ["Normalize", "ToTensor"])
        names = ", ".join(type(step).__name__ for step in self.steps)
        _check(ordered, "steps", "Normalize and ToTensor once each, in this order, at the end", names)
        self._set_states: list[Callable[[np.random.Generator, random.Random], None]] = [
            transform.set_random_state for step in self.steps for transform in step.transforms
        ]

    def __call__(self, image: Image, landmarks: Shape, seed: int) -> tuple[Frame, Points]:
        """One frame and its landmarks after all steps.

        Args:
            image: Left as it is; may be read-only.
            landmarks: Pixels of that image; those outside of it are moved like all others.
            seed: Not negative. The same input and seed give the same output, whatever was called before.

        Returns:
            With `ToTensor` a tensor (3, h, w), without it an array (h, w, 3): float32 on [0, 1] after
            `Normalize`, else uint8. The landmarks as float32: on [0, 1] after `Normalize`, else in pixels.

        Raises:
            InputError: Image or landmarks are of another shape.
        """
        shapes = f"{image.dtype} {image.shape} and {landmarks.shape}"
        right = image.dtype == np.uint8 and image.ndim == 3 and landmarks.shape == (N_LANDMARKS, 2)
        _check(right, "input", f"an uint8 image (h, w, 3) and landmarks ({N_LANDMARKS}, 2)", shapes)
        generator, py_random = np.random.default_rng(seed), random.Random(seed)
        for set_state in self._set_states:
            set_state(generator, py_random)
        keypoints = np.zeros((N_LANDMARKS, 5), dtype=np.float32)
        keypoints[:, :2] = landmarks
        frame: Frame = image
        points: Points = keypoints
        for step in self.steps:
            frame, points = step(frame, points)
        return frame, points[:, :2]
