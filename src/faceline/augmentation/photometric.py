"""Steps that change pixels and leave landmarks unchanged."""

from functools import cache
from typing import Any, Final

import cv2
import numpy as np

from faceline.augmentation.base import A, Number, Range, Transform, check, number, span


class Brightness(Transform):
    """Changes the light: brightness and contrast, gamma, colour cast, and sometimes all colour.

    Args:
        brightness: Largest change, as a share of the full scale, and largest change of the contrast from 1.
        gamma: Largest change of the exponent from 1.
        colour: Largest change of each colour channel, as a share of the full scale.
        grey: Share of the samples without colour.
        probability: Share of the samples that each change applies to: brightness and contrast, gamma, colour.
    """

    def __init__(
        self,
        brightness: Number = 0.2,
        gamma: Number = 0.2,
        colour: Number = 0.06,
        grey: Number = 0.1,
        probability: Number = 0.5,
    ) -> None:
        p = number("Brightness.probability", probability, 0, 1)
        light = number("Brightness.brightness", brightness, 0, 1)
        power = number("Brightness.gamma", gamma, 0, 0.9)
        cast = 255 * number("Brightness.colour", colour, 0, 1)
        super().__init__(
            A.RandomBrightnessContrast(brightness_limit=light, contrast_limit=light, p=p),
            A.RandomGamma(gamma_limit=(100 * (1 - power), 100 * (1 + power)), p=p),
            A.RGBShift(r_shift_limit=cast, g_shift_limit=cast, b_shift_limit=cast, p=p),
            A.ToGray(p=number("Brightness.grey", grey, 0, 1)),
        )


class _Recolour(A.ImageOnlyTransform):  # type: ignore[misc]
    """Sets each channel to a random mean and spread; see `Recolour`."""

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
    """Gives the image the light and colours of another recording: a new mean and spread for each channel.

    Source: Reinhard et al., "Color Transfer between Images", IEEE CG&A 21, 2001, with drawn statistics in place of
    those of a second image.

    Args:
        mean: Lowest and highest mean of the image, as a share of the full scale.
        spread: Lowest and highest standard deviation.
        cast: Standard deviation by which the mean of a channel differs.
        probability: Share of the samples to change.
    """

    def __init__(
        self,
        mean: Range = (0.2, 0.6),
        spread: Range = (0.1, 0.26),
        cast: Number = 0.06,
        probability: Number = 0.5,
    ) -> None:
        (low, high), (least, most) = span("Recolour.mean", mean, 0, 1), span("Recolour.spread", spread, 0, 1)
        tint = 255 * number("Recolour.cast", cast, 0, 1)
        p = number("Recolour.probability", probability, 0, 1)
        super().__init__(_Recolour((255 * low, 255 * high), (255 * least, 255 * most), tint, p))


_GRAIN_STEP: Final = 32
"""Grey levels of the stored noise that make one standard deviation."""


@cache
def _grain() -> np.ndarray:
    """Four million draws of normal noise about 128, cut at four standard deviations; each frame takes some of them."""
    draws = np.random.default_rng(0).standard_normal(2**22)
    return np.clip(128 + _GRAIN_STEP * draws, 0, 255).round().astype(np.uint8)


class _Noise(A.ImageOnlyTransform):  # type: ignore[misc]
    """Adds noise; see `AddNoise`. albumentations draws it anew for each pixel, which takes ten times as long."""

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
    """Adds normal noise to each pixel and channel.

    Args:
        std: Lowest and highest standard deviation, as a share of the full scale.
        probability: Share of the samples with noise.
    """

    def __init__(self, std: Range = (0.01, 0.05), probability: Number = 1.0) -> None:
        p = number("AddNoise.probability", probability, 0, 1)
        super().__init__(_Noise(span("AddNoise.std", std, 0, 1), p))


class Blur(Transform):
    """Blurs like a lens out of focus or, equally often, like a movement.

    Args:
        sigma: Lowest and highest standard deviation of the focus blur, in pixels.
        motion: Longest movement in pixels, odd, at least 3.
        probability: Share of the samples to blur.
    """

    def __init__(self, sigma: Range = (0.3, 1.5), motion: int = 5, probability: Number = 0.5) -> None:
        odd = isinstance(motion, int) and motion in range(3, 100, 2)
        check(odd, "Blur.motion", "an odd whole number from 3 to 99", motion)
        focus = A.GaussianBlur(blur_limit=0, sigma_limit=span("Blur.sigma", sigma, 0.1, 50), p=1.0)
        # As it comes, the smear may lie to one side of the point: the face would move and its landmarks not.
        smear = A.MotionBlur((3, motion), allow_shifted=False, direction_range=(0.0, 0.0), p=1.0)
        super().__init__(A.OneOf([focus, smear], p=number("Blur.probability", probability, 0, 1)))


class Compression(Transform):
    """Saves the image as JPEG and reads it again.

    Args:
        quality: Lowest and highest JPEG quality, 1 to 100.
        probability: Share of the samples to compress.
    """

    def __init__(self, quality: Range = (30, 90), probability: Number = 0.5) -> None:
        low, high = span("Compression.quality", quality, 1, 100)
        p = number("Compression.probability", probability, 0, 1)
        super().__init__(A.ImageCompression(quality_range=(round(low), round(high)), p=p))


class Occlusion(Transform):
    """Covers rectangles with plain colours; landmarks under them stay: a hidden mouth is still a mouth.

    Args:
        holes: Largest number of rectangles.
        size: Smallest and largest side, as a share of the image's.
        probability: Share of the samples to cover in part.
    """

    def __init__(self, holes: int = 2, size: Range = (0.1, 0.3), probability: Number = 0.5) -> None:
        count = isinstance(holes, int) and not isinstance(holes, bool) and 1 <= holes <= 100
        check(count, "Occlusion.holes", "a whole number from 1 to 100", holes)
        sides = span("Occlusion.size", size, 0.01, 0.99)
        p = number("Occlusion.probability", probability, 0, 1)
        super().__init__(A.CoarseDropout((1, holes), sides, sides, fill="random_uniform", p=p))


class _Dim(A.ImageOnlyTransform):  # type: ignore[misc]
    """Darkens the image and adds camera noise; see `LowLight`."""

    def __init__(self, light: tuple[float, float], noise: float, p: float) -> None:
        super().__init__(p=p)
        self.light, self.noise = light, noise

    def get_params(self) -> dict[str, Any]:
        draw = self.random_generator
        return {"light": draw.uniform(*self.light), "std": draw.uniform(0, self.noise), "start": draw.uniform()}

    def apply(self, img: np.ndarray, light: float, std: float, start: float, **params: Any) -> np.ndarray:
        grain = _grain()
        first = int(start * max(1, len(grain) - img.size))
        noise = np.resize(grain[first : first + img.size], img.shape)
        share = 255 * std / _GRAIN_STEP
        return np.asarray(cv2.addWeighted(img, light, noise, share, -128 * share))


class LowLight(Transform):
    """Makes a dark picture with the noise of a camera in low light.

    Args:
        light: Lowest and highest share of the light that is left.
        noise: Largest standard deviation of the noise, as a share of the full scale.
        probability: Share of the samples to darken.
    """

    def __init__(self, light: Range = (0.1, 0.5), noise: Number = 0.05, probability: Number = 0.15) -> None:
        low, high = span("LowLight.light", light, 0, 1)
        p = number("LowLight.probability", probability, 0, 1)
        super().__init__(_Dim((low, high), number("LowLight.noise", noise, 0, 1), p))


class _Shrink(A.ImageOnlyTransform):  # type: ignore[misc]
    """Shrinks the image and enlarges it again.

    ``albumentations.Downscale`` lets the two sizes differ by a fraction of a pixel, which moves the content.
    """

    def __init__(self, scale: tuple[float, float], p: float) -> None:
        super().__init__(p=p)
        self.scale = scale

    def get_params(self) -> dict[str, Any]:
        return {"scale": self.random_generator.uniform(*self.scale)}

    def apply(self, img: np.ndarray, scale: float, **params: Any) -> np.ndarray:
        height, width = img.shape[:2]
        small = cv2.resize(
            img, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
        )
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


class LowResolution(Transform):
    """Shrinks the frame and enlarges it again, like a small face in a photo.

    Args:
        scale: Smallest and largest share of the edge that it is shrunk to.
        probability: Share of the samples to shrink.
    """

    def __init__(self, scale: Range = (0.2, 0.7), probability: Number = 0.3) -> None:
        low, high = span("LowResolution.scale", scale, 0.02, 1)
        super().__init__(_Shrink((low, high), number("LowResolution.probability", probability, 0, 1)))
