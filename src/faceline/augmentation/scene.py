"""A step that puts a face into a scene: smaller, anywhere, before another background."""

import math
from typing import Any, Final

import cv2
import numpy as np

from faceline.augmentation.base import A, Number, Range, Transform, number, span

_HEAD: Final = 1.6
"""Mean radius of what is kept around a face, divided by the radius of its landmarks."""

_COARSE: Final = 48
"""Edge of a background before it is enlarged."""

_BLOTS: Final = (2, 5, 12, 30)
"""Numbers of blots along its edge."""


class _Scene(A.DualTransform):  # type: ignore[misc]
    """Shrinks and moves the image on a canvas of its own size; see `Scene`."""

    def __init__(self, scale: tuple[float, float], p: float) -> None:
        super().__init__(p=p)
        self.scale = scale

    @property
    def targets_as_params(self) -> list[str]:
        return ["image", "keypoints"]

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        draw, (height, width) = self.random_generator, data["image"].shape[:2]
        scale = math.exp(draw.uniform(*np.log(self.scale)))
        face = data["keypoints"][:, :2]
        face = face[~np.isnan(face).any(axis=1)]
        middle, reach = face.mean(axis=0), np.maximum(1, np.ptp(face, axis=0) / 2 * draw.uniform(0.8, 1.2, 2) * _HEAD)
        # The face, and not all of the frame, lies in the scene.
        low, high = scale * reach, np.array([width, height]) - scale * reach
        place = draw.uniform(np.minimum(low, high), np.maximum(low, high))
        moved = np.array([[scale, 0, 0], [0, scale, 0]])
        moved[:, 2] = place - scale * middle
        whole = draw.random() < 0.5
        return {
            "moved": moved,
            "place": place,
            "reach": None if whole else scale * reach,
            "seed": int(draw.integers(2**31)),
        }

    def apply(
        self, img: np.ndarray, moved: np.ndarray, place: np.ndarray, reach: np.ndarray | None, seed: int, **params: Any
    ) -> np.ndarray:
        height, width = img.shape[:2]
        background = _background(img, np.random.default_rng(seed))
        size = (width, height)
        near = cv2.GaussianBlur(img, (0, 0), 0.4 / moved[0, 0]) if moved[0, 0] < 0.8 else img  # else it would alias
        there = cv2.warpAffine(near, moved, size, flags=cv2.INTER_LINEAR)
        inside = cv2.warpAffine(np.ones((height, width), np.float32), moved, size)
        if reach is not None:
            y, x = np.ogrid[:height, :width]
            distance = np.hypot((x - place[0]) / reach[0], (y - place[1]) / reach[1]).astype(np.float32)
            inside *= np.clip((1.1 - distance) / 0.2, 0, 1)
        return np.asarray(cv2.blendLinear(there, background, inside, 1 - inside))

    def apply_to_keypoints(self, keypoints: np.ndarray, moved: np.ndarray, **params: Any) -> np.ndarray:
        there = keypoints.copy()
        there[:, :2] = keypoints[:, :2] @ moved[:, :2].T + moved[:, 2]
        return there


def _background(img: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make a background without a face in the colours of the image: blots of many sizes and plain shapes."""
    height, width = img.shape[:2]
    palette = img.reshape(-1, 3)[rng.integers(0, height * width, 64)]
    fading = rng.uniform(0.3, 1.0)  # how much less finer blots matter
    weights = fading ** np.arange(len(_BLOTS))
    coarse = np.zeros((_COARSE, _COARSE, 3), np.float32)
    for cells, weight in zip(_BLOTS, weights / weights.sum(), strict=True):
        blots = palette[rng.integers(0, len(palette), (cells, cells))].astype(np.float32)
        coarse += weight * cv2.resize(blots, (_COARSE, _COARSE), interpolation=cv2.INTER_CUBIC)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    canvas = np.clip(smooth, 0, 255).astype(np.uint8)
    for _ in range(rng.integers(0, 12)):
        colour = [float(each) for each in palette[rng.integers(len(palette))]]
        first, second = (tuple(int(each) for each in rng.integers(0, (width, height))) for _ in range(2))
        if rng.random() < 0.5:
            cv2.rectangle(canvas, first, second, colour, int(rng.choice([-1, 2, 5])))
        else:
            axes = (int(rng.integers(2, width // 3 + 3)), int(rng.integers(2, height // 3 + 3)))
            cv2.ellipse(canvas, first, axes, float(rng.uniform(0, 180)), 0, 360, colour, int(rng.choice([-1, 2, 5])))
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.3, 2.5)))


class Scene(Transform):
    """Shrinks the frame and puts it before another background, with or without the face's surroundings.

    A network that sees such frames learns to find faces instead of expecting them large and in the middle. The
    background is made up. Half of the frames stay whole rectangles; of the others only the head is cut out, with a soft
    edge. Source: Dwibedi et al., "Cut, Paste and Learn", ICCV 2017.

    Args:
        scale: Lowest and highest factor by which the frame shrinks; its logarithm is uniform.
        probability: Share of the samples to change.
    """

    def __init__(self, scale: Range = (0.35, 1.0), probability: Number = 0.5) -> None:
        p = number("Scene.probability", probability, 0, 1)
        super().__init__(_Scene(span("Scene.scale", scale, 0.05, 1), p))
