"""Transforms of a frame together with its landmarks, before a network sees them.

Steps work on landmarks in pixels, as `faceline.geometry.coordinates` defines them; `Normalize` maps them to [0, 1].
Most of them live in `faceline.augmentation`; configs name all of them here.

Only this module and that package know albumentations. Its transforms are called one by one instead of through its
``Compose``, which drops landmarks outside of the image by default and seeds slowly: 90 µs for 8 transforms, where two
shared generators take 10.
"""

import random
from collections.abc import Callable, Sequence

import numpy as np
import torch

from faceline.augmentation.base import A, Frame, Points, Transform, check
from faceline.augmentation.expressions import ExpressionWarp
from faceline.augmentation.geometric import (
    Crop,
    HorizontalFlip,
    RandomAffine,
    RandomRotation,
    Rescale,
    ScaleShift,
    Stretch,
)
from faceline.augmentation.occluders import FaceOcclusion
from faceline.augmentation.photometric import (
    AddNoise,
    Blur,
    Brightness,
    Compression,
    LowLight,
    LowResolution,
    Occlusion,
    Recolour,
)
from faceline.augmentation.scene import Scene
from faceline.errors import InputError
from faceline.geometry.coordinates import normalise_landmarks
from faceline.geometry.markup import Markup
from faceline.types import Image, Shape

__all__ = [
    "A",
    "AddNoise",
    "Blur",
    "Brightness",
    "Compression",
    "Crop",
    "ExpressionWarp",
    "FaceOcclusion",
    "HorizontalFlip",
    "LowLight",
    "LowResolution",
    "Normalize",
    "Occlusion",
    "Pipeline",
    "RandomAffine",
    "RandomRotation",
    "Recolour",
    "Rescale",
    "ScaleShift",
    "Scene",
    "Stretch",
    "ToTensor",
    "Transform",
]


class Normalize(Transform):
    """Maps image and landmarks to [0, 1], the image as float32. Only `ToTensor` may follow."""

    def __init__(self) -> None:
        super().__init__(A.ToFloat(max_value=255.0, p=1.0))

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:  # noqa: D102
        height, width = image.shape[:2]
        image, landmarks = super().__call__(image, landmarks)
        return image, normalise_landmarks(np.asarray(landmarks)[:, :2], (width, height))


class ToTensor(Transform):
    """Converts image (h, w, 3) and landmarks to tensors (3, h, w) and (p, 2) of the same types. The last step."""

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:  # noqa: D102
        planes = np.asarray(image).transpose(2, 0, 1).copy()
        return torch.from_numpy(planes), torch.from_numpy(np.asarray(landmarks)[:, :2].copy())


class Pipeline:
    """Runs steps in order; only the seed of each call makes them random.

    Args:
        steps: Steps in order. `Normalize`, if used, comes after all but `ToTensor`, and `ToTensor` comes last.
    """

    def __init__(self, steps: Sequence[Transform]) -> None:
        self.steps = tuple(steps)
        tail = [type(step).__name__ for step in self.steps if isinstance(step, Normalize | ToTensor)]
        last = [type(step).__name__ for step in self.steps[len(self.steps) - len(tail) :]]
        ordered = tail == last and tail in ([], ["Normalize"], ["ToTensor"], ["Normalize", "ToTensor"])
        names = ", ".join(type(step).__name__ for step in self.steps)
        check(ordered, "steps", "Normalize and ToTensor once each, in this order, at the end", names)
        self._set_states: list[Callable[[np.random.Generator, random.Random], None]] = [
            transform.set_random_state for step in self.steps for transform in step.transforms
        ]

    def use(self, markup: Markup) -> "Pipeline":
        """Return the same pipeline for landmarks of a markup, which steps that swap landmarks have to know."""
        for step in self.steps:
            if isinstance(step, HorizontalFlip):
                step.use(markup)
        return self

    def __call__(self, image: Image, landmarks: Shape, seed: int) -> tuple[Frame, Points]:
        """Run all steps on one frame and its landmarks.

        Args:
            image: RGB image; it stays unchanged and may be read-only.
            landmarks: Landmarks in pixels of that image; those outside of it are moved like all others. NaN stays NaN.
            seed: Seed, not negative. Equal inputs and seeds give equal outputs, whatever was called before.

        Returns:
            With `ToTensor` a tensor (3, h, w), without it an array (h, w, 3): float32 on [0, 1] after `Normalize`, else
            uint8. The landmarks as float32: on [0, 1] after `Normalize`, else in pixels.

        Raises:
            InputError: Image or landmarks have another shape.
        """
        shapes = f"{image.dtype} {image.shape} and {landmarks.shape}"
        right = image.dtype == np.uint8 and image.ndim == 3 and landmarks.shape[1:] == (2,)
        check(right, "input", "an uint8 image (h, w, 3) and landmarks (p, 2)", shapes)
        generator, py_random = np.random.default_rng(seed), random.Random(seed)
        for set_state in self._set_states:
            set_state(generator, py_random)
        keypoints = np.zeros((len(landmarks), 5), dtype=np.float32)
        keypoints[:, :2] = landmarks
        missing = int(np.isnan(landmarks).any(axis=1).sum())
        frame: Frame = image
        points: Points = keypoints
        for step in self.steps:
            frame, points = step(frame, points)
            if len(points) != len(keypoints):
                _refuse_lost(step, len(keypoints) - len(points))
            if int((~np.isfinite(np.asarray(points))).any(axis=1).sum()) != missing:
                _refuse_masked(step)
        return frame, points[:, :2]


def _refuse_masked(step: Transform) -> None:
    raise InputError(
        "the step returned landmarks that are not finite, or filled those without a label, which are NaN",
        column=f"transforms.{type(step).__name__}",
    )


def _refuse_lost(step: Transform, lost: int) -> None:
    raise InputError(
        f"the step lost {lost} landmarks; it must keep every one, in order, even outside of the frame (in "
        "albumentations: remove_invisible=False)",
        column=f"transforms.{type(step).__name__}",
    )
