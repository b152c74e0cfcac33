#!/usr/bin/env python3
"""Are faces found on larger canvases, and are their landmarks as good? Validation frames of the bundle's own split.

Prints a row a size: the NME as mean (median) of the whole canvas given to the model and of `faceline predict`, and the
share of frames whose face is missed or off by more than 10 %. The canvas is another frame, enlarged and blurred; the
place on it is random. ``--three`` puts three people into a frame of 1280 x 720 instead, and ``--turn`` turns canvases.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from faceline.data.cache import cached_frames
from faceline.data.index import BadRows, FrameRow, evenly
from faceline.data.splits import make_split
from faceline.data.udacity import UdacityFaces
from faceline.inference.detection import FaceDetector
from faceline.inference.runtime import LandmarkRuntime
from faceline.metrics.landmark import nme_per_frame
from faceline.types import AnyImage, Shape

SCALES = (1.0, 1.5, 2.0, 3.0, 5.0)
EYES = (12.0, 24.0, 48.0, 100.0)
OFF = 0.10


def on_canvas(
    image: AnyImage, background: AnyImage, scale: float, rng: np.random.Generator
) -> tuple[AnyImage, np.ndarray]:
    """The frame at a random place of a larger one, and where that is."""
    height, width = image.shape[:2]
    canvas = blurred(background, (int(width * scale), int(height * scale)))
    high, wide = canvas.shape[:2]
    top, left = int(rng.integers(0, high - height + 1)), int(rng.integers(0, wide - width + 1))
    canvas[top : top + height, left : left + width] = image
    return canvas, np.array([left, top])


def blurred(background: AnyImage, size: tuple[int, int]) -> AnyImage:
    """A frame as a background without a face."""
    return np.asarray(cv2.GaussianBlur(cv2.resize(background, size), (0, 0), size[0] / 12), dtype=np.uint8)


def error_of_nearest(detector: FaceDetector, image: AnyImage, truth: Shape) -> float:
    """NME of the face that is found nearest to where one is; 1 where none is."""
    found = [face.landmarks for face in detector.detect(image).faces]
    errors = [float(nme_per_frame(landmarks[None], truth[None].astype(np.float32))[0]) for landmarks in found]
    return min([1.0, *errors])


def turned(image: AnyImage, truth: Shape, degrees: float) -> tuple[AnyImage, Shape]:
    """A photo turned about its middle, on a canvas that holds all of it."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    edge = int(np.hypot(height, width))
    matrix[:, 2] = matrix[:, 2] + (np.array([edge, edge]) - [width, height]) / 2
    canvas = cv2.warpAffine(image, matrix, (edge, edge), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(canvas, dtype=np.uint8), truth @ matrix[:, :2].T + matrix[:, 2]


def three_people(
    source: UdacityFaces, rows: Sequence[FrameRow], eyes: float, rng: np.random.Generator
) -> tuple[AnyImage, list[Shape]]:
    """Three people in a frame of 1280 x 720, at an eye distance, and their landmarks."""
    photo = blurred(source.read(rows[0]), (1280, 720))
    truths = []
    for i, row in enumerate(rows):
        image = source.read(row)
        zoom = eyes / float(np.linalg.norm(row.landmarks[36] - row.landmarks[45]))
        small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)[:720, :426]
        left = 427 * i + int(rng.integers(0, 427 - small.shape[1] + 1))
        top = int(rng.integers(0, 720 - small.shape[0] + 1))
        photo[top : top + small.shape[0], left : left + small.shape[1]] = small
        truths.append((row.landmarks + 0.5) * zoom - 0.5 + [left, top])
    return photo, truths


def validation(source: UdacityFaces, runtime: LandmarkRuntime, frames: int) -> list[FrameRow]:
    """Frames that the bundle was not trained on and that are not of the test part."""
    with tempfile.TemporaryDirectory() as folder:
        index = cached_frames(source, 32, Path(folder)).index
    held_out = make_split(index, **runtime.manifest.data.split.model_dump()).val
    wanted = set(index.files[evenly(held_out, frames)].tolist())
    return [row for row in source.rows(BadRows("skip")) if row.file in wanted]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    parser.add_argument("--bundle", default="default", help="the model; by default the one that ships")
    parser.add_argument("--frames", type=int, default=180, help="frames to measure on")
    parser.add_argument("--three", action="store_true", help="three people in a frame of 1280 x 720")
    parser.add_argument("--turn", type=float, nargs="*", default=[], help="turn canvases of twice the size, degrees")
    arguments = parser.parse_args()
    source = UdacityFaces(arguments.root, label_shift=[1.1, 1.1])
    runtime = LandmarkRuntime(arguments.bundle)
    detector = FaceDetector(runtime.detect_batch, runtime.size)
    rows = validation(source, runtime, arguments.frames)
    rng = np.random.default_rng(0)
    if arguments.three:
        for eyes in EYES:
            errors = []
            for i in range(len(rows) // 3):
                photo, truths = three_people(source, rows[i :: len(rows) // 3][:3], eyes, rng)
                errors += [error_of_nearest(detector, photo, truth) for truth in truths]
            tell(f"eyes {eyes:g} px apart", {"predict": errors})
        return
    for degrees in arguments.turn:
        errors = []
        for i, row in enumerate(rows):
            photo, corner = on_canvas(source.read(row), source.read(rows[(i * 7 + 3) % len(rows)]), 2.0, rng)
            errors.append(error_of_nearest(detector, *turned(photo, row.landmarks + corner, degrees)))
        tell(f"turned by {degrees:g}", {"predict": errors})
    for scale in SCALES if not arguments.turn else ():
        ways: dict[str, list[float]] = {"whole": [], "predict": []}
        for i, row in enumerate(rows):
            photo, corner = on_canvas(source.read(row), source.read(rows[(i * 7 + 3) % len(rows)]), scale, rng)
            truth = row.landmarks + corner
            ways["whole"].append(float(nme_per_frame(runtime.detect(photo)[None], truth[None].astype(np.float32))[0]))
            ways["predict"].append(error_of_nearest(detector, photo, truth))
        tell(f"canvas {scale:g}", ways)


def tell(name: str, ways: dict[str, list[float]]) -> None:
    """Print a row of a table."""
    cells = [
        f"{np.mean(errors):.1%} ({np.median(errors):.1%}), {np.mean(np.array(errors) > OFF):.1%} off"
        for errors in ways.values()
    ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
