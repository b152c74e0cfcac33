#!/usr/bin/env python3
"""Does it help to look for the face first? Validation frames of the bundle's own split on larger and larger canvases.

Prints the NME as mean (median) of the whole canvas given to the model and of the part around the largest face that
OpenCV's cascade finds. The canvas is another frame, enlarged and blurred; the place on it is random.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from faceline.data.cache import cached_frames
from faceline.data.index import BadRows, evenly
from faceline.data.splits import make_split
from faceline.data.udacity import UdacityFaces
from faceline.inference.faces import FaceFirst
from faceline.inference.runtime import LandmarkRuntime
from faceline.metrics.landmark import nme_per_frame
from faceline.types import AnyImage, Landmarks

SCALES = (1.0, 1.5, 2.0, 3.0, 5.0)
FRAMES = 180


def on_canvas(
    image: AnyImage, background: AnyImage, scale: float, rng: np.random.Generator
) -> tuple[AnyImage, np.ndarray]:
    """The frame at a random place of a larger one, and where that is."""
    height, width = image.shape[:2]
    high, wide = int(height * scale), int(width * scale)
    canvas = cv2.GaussianBlur(cv2.resize(background, (wide, high)), (0, 0), wide / 12)
    top, left = int(rng.integers(0, high - height + 1)), int(rng.integers(0, wide - width + 1))
    canvas[top : top + height, left : left + width] = image
    return np.asarray(canvas, dtype=np.uint8), np.array([left, top])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    parser.add_argument("--bundle", default="default", help="the model; by default the one that ships")
    arguments = parser.parse_args()
    source = UdacityFaces(arguments.root, label_shift=[1.1, 0.0])
    with tempfile.TemporaryDirectory() as folder:
        index = cached_frames(source, 32, Path(folder)).index
    runtime = LandmarkRuntime(arguments.bundle)
    validation = make_split(index, **runtime.manifest.data.split.model_dump()).val
    wanted = set(index.files[evenly(validation, FRAMES)].tolist())
    rows = [row for row in source.rows(BadRows("skip")) if row.file in wanted]
    ways: dict[str, Callable[[AnyImage], Landmarks]] = {
        "whole": runtime.detect,
        "face first": FaceFirst(runtime.detect),
    }
    rng = np.random.default_rng(0)
    for scale in SCALES:
        nme: dict[str, list[float]] = {way: [] for way in ways}
        for i, row in enumerate(rows):
            background = source.read(rows[(i * 7 + 3) % len(rows)])
            canvas, corner = on_canvas(source.read(row), background, scale, rng)
            for way, detect in ways.items():
                nme[way].append(float(nme_per_frame(detect(canvas)[None], (row.landmarks + corner)[None])[0]))
        cells = [f"{np.mean(errors):.1%} ({np.median(errors):.1%})" for errors in nme.values()]
        print(f"| {scale:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
