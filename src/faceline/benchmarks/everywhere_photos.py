"""Photos for ``faceline benchmark everywhere``: labelled frames in other circumstances, and photos without a face."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from faceline.augmentation.base import Transform
from faceline.geometry.markup import OUTER_EYE_CORNERS
from faceline.transforms import ExpressionWarp, FaceOcclusion, LowLight, Pipeline
from faceline.types import AnyImage, Shape

CANVAS: Final = (1280, 720)
"""Width and height of photos with several people."""
EYES_APART: Final = (12.0, 100.0)
"""Smallest and largest distance of the outer eye corners in them, in pixels."""
CROWD: Final = 300
"""People in the photo of a crowd."""
_CROWD_COLUMNS: Final = 20
_CROWD_EDGE: Final = 190
"""Longer edge of each frame in it, in pixels."""

VARIANTS: Final[dict[str, tuple[Transform, ...]]] = {
    "as they are": (),
    "another expression": (ExpressionWarp(probability=1.0),),
    "face mask": (FaceOcclusion(mask=1, glasses=0, hand=0, hair=0),),
    "sunglasses": (FaceOcclusion(mask=0, glasses=1, hand=0, hair=0),),
    "hand or thing": (FaceOcclusion(mask=0, glasses=0, hand=1, hair=0),),
    "dark and noisy": (LowLight(light=(0.12, 0.3), noise=0.05, probability=1.0),),
}
"""Changes of a frame."""


@dataclass(frozen=True)
class Photo:
    """A photo and the landmarks (68, 2) in pixels of everybody in it."""

    image: AnyImage
    people: list[Shape]


def changed(frames: Sequence[Photo], variant: str, seed: int) -> Iterator[Photo]:
    """Return the frames under one of the `VARIANTS`."""
    pipeline = Pipeline(VARIANTS[variant])
    for number, frame in enumerate(frames):
        image, landmarks = pipeline(frame.image, frame.people[0].astype(np.float32), seed + number)
        yield Photo(np.asarray(image), [np.asarray(landmarks, dtype=np.float64)[:, :2]])


def turned(frames: Sequence[Photo], degrees: float) -> Iterator[Photo]:
    """Whole frames turned counter-clockwise, on a canvas that holds them."""
    for frame in frames:
        height, width = frame.image.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
        wide, high = np.ceil(np.abs(matrix[:, :2]) @ [width, height]).astype(int).tolist()
        matrix[:, 2] += [(wide - width) / 2, (high - height) / 2]
        image = cv2.warpAffine(frame.image, matrix, (wide, high), borderMode=cv2.BORDER_REPLICATE)
        yield Photo(np.asarray(image), [frame.people[0] @ matrix[:, :2].T + matrix[:, 2]])


def three_people(frames: Sequence[Photo], count: int, seed: int) -> Iterator[Photo]:
    """Photos of three people side by side, near and far."""
    rng, (width, height) = np.random.default_rng(seed), CANVAS
    column = width // 3
    for _ in range(count):
        chosen = [frames[i] for i in rng.choice(len(frames), 4, replace=False)]
        photo = cv2.GaussianBlur(cv2.resize(chosen[3].image, CANVAS), (0, 0), width / 12)
        people = []
        for place, frame in enumerate(chosen[:3]):
            left, right = OUTER_EYE_CORNERS
            apart = float(np.linalg.norm(frame.people[0][left] - frame.people[0][right]))
            zoom = float(np.exp(rng.uniform(*np.log(EYES_APART)))) / apart
            zoom = min(zoom, column / frame.image.shape[1], height / frame.image.shape[0])
            wide, high = (max(1, round(edge * zoom)) for edge in frame.image.shape[1::-1])
            small = cv2.resize(frame.image, (wide, high), interpolation=cv2.INTER_AREA)
            x = place * column + int(rng.integers(0, column - wide + 1))
            y = int(rng.integers(0, height - high + 1))
            photo[y : y + high, x : x + wide] = small
            step = np.array([wide / frame.image.shape[1], high / frame.image.shape[0]])
            people.append((frame.people[0] + 0.5) * step - 0.5 + [x, y])
        yield Photo(np.asarray(photo), people)


def crowd(frames: Sequence[Photo]) -> Photo:
    """Return a photo of 12 megapixels with 300 people in rows."""
    cell = _CROWD_EDGE + 10
    photo = np.full((CROWD // _CROWD_COLUMNS * cell, _CROWD_COLUMNS * cell, 3), 120, np.uint8)
    people = []
    for number in range(CROWD):
        frame = frames[number % len(frames)]
        zoom = _CROWD_EDGE / max(frame.image.shape[:2])
        wide, high = (max(1, round(edge * zoom)) for edge in frame.image.shape[1::-1])
        x, y = number % _CROWD_COLUMNS * cell, number // _CROWD_COLUMNS * cell
        photo[y : y + high, x : x + wide] = cv2.resize(frame.image, (wide, high), interpolation=cv2.INTER_AREA)
        step = np.array([wide / frame.image.shape[1], high / frame.image.shape[0]])
        people.append((frame.people[0] + 0.5) * step - 0.5 + [x, y])
    return Photo(photo, people)


def without_faces(frames: Sequence[Photo], count: int, seed: int) -> Iterator[Photo]:
    """Noise, soft texture, what stands beside faces in frames, and pages of text, in turn."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        kind = number % 4
        if kind == 0:
            image = rng.integers(0, 256, (240, 320, 3)).astype(np.uint8)
        elif kind == 1:
            coarse = rng.integers(0, 256, (int(rng.integers(3, 30)), int(rng.integers(3, 30)), 3)).astype(np.uint8)
            image = np.asarray(cv2.resize(coarse, (400, 300), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
        elif kind == 2:
            image = _beside(frames[int(rng.integers(len(frames)))])
        else:
            image = _page(rng)
        yield Photo(np.asarray(image, dtype=np.uint8), [])


def _beside(frame: Photo) -> AnyImage:
    """Return the largest strip of a frame without any of the face."""
    face = frame.people[0]
    reach = 0.35 * np.ptp(face, axis=0)
    (x0, y0), (x1, y1) = (face.min(axis=0) - reach).astype(int), (face.max(axis=0) + reach).astype(int)
    strips = [frame.image[:, : max(0, x0)], frame.image[:, max(0, x1) :], frame.image[max(0, y1) :]]
    best = max((*strips, frame.image[: max(0, y0)]), key=lambda strip: strip.size)
    if min(best.shape[:2]) < 8:
        best = frame.image[:8, :8]
    return np.asarray(cv2.resize(best, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR))


def _page(rng: np.random.Generator) -> AnyImage:
    """Return a white page with lines of letters."""
    page = np.full((640, 480, 3), 255, np.uint8)
    for y in range(40, 620, 28):
        letters = "".join(chr(code) for code in rng.integers(97, 123, 24))
        cv2.putText(page, letters, (20, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (20, 20, 20), 2, cv2.LINE_AA)
    return page
