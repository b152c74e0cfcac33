#!/usr/bin/env python3
"""Fits the weights by which `faceline.inference.detection` combines two confidences into that of a face.

python scripts/face_confidence.py --root FOLDER

Run it after every new landmark bundle. The face finder looks at frames of the training people, as they are and in
other circumstances, and at photos without a face: those of `faceline benchmark everywhere`, frames cut into small tiles
and shuffled, and soft noise of all sizes. A logistic regression tells faces with landmarks within 10 % from the rest.
The script prints what belongs into that module. It leaves out the people of the validation set, whom that benchmark
measures.
"""

import argparse
from collections.abc import Iterator

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression

from faceline.benchmarks.everywhere_photos import VARIANTS, Photo, changed, three_people, turned, without_faces
from faceline.data.index import BadRows, evenly
from faceline.data.labels import list_labels
from faceline.data.splits import make_split
from faceline.data.udacity import UdacityFaces
from faceline.inference.detection import FINDER_SCORE, log_odds
from faceline.inference.faces import YuNet
from faceline.inference.runtime import LandmarkRuntime
from faceline.types import AnyImage

FRAMES, CROWDED, FACELESS, SHUFFLED = 300, 200, 600, 150
SIZES = ((640, 480), (1280, 720), (1920, 1080))
NEAR = 1.0  # eye distances within which found landmarks are those of a labelled person
SEED = 7000


def shuffled(frames: list[Photo]) -> Iterator[Photo]:
    """Photos of tiles of frames, each a fifth of a face wide, at several sizes."""
    rng = np.random.default_rng(SEED)
    for number in range(SHUFFLED):
        width, height = SIZES[number % len(SIZES)]
        step = int(rng.choice([12, 24, 48, 96]))
        canvas = np.zeros((height + step, width + step, 3), np.uint8)
        for y in range(0, height, step):
            for x in range(0, width, step):
                frame = frames[int(rng.integers(len(frames)))]
                edge = max(4, int(np.ptp(frame.people[0][:, 0]) / 5))
                top, left = (int(rng.integers(0, side - edge + 1)) for side in frame.image.shape[:2])
                tile = frame.image[top : top + edge, left : left + edge]
                canvas[y : y + step, x : x + step] = cv2.resize(tile, (step, step), interpolation=cv2.INTER_CUBIC)
        blur = float(rng.choice([0.0, 2.0, 4.0]))
        photo = cv2.GaussianBlur(canvas, (0, 0), blur) if blur else canvas
        yield Photo(np.ascontiguousarray(photo[:height, :width]), [])


def soft_noise() -> Iterator[Photo]:
    """Photos of noise that is coarse and fine at once."""
    rng = np.random.default_rng(SEED + 1)
    for number in range(SHUFFLED):
        size = SIZES[number % len(SIZES)]
        waves = np.zeros((size[1], size[0], 3), np.float32)
        for octave in range(2, 9):
            coarse = rng.standard_normal((2**octave, 2**octave, 3)).astype(np.float32)
            waves += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) * 2.0 ** (-octave * rng.uniform(0.4, 1.2))
        grey = waves.mean(axis=2, keepdims=True)
        waves = grey + 0.4 * (waves - grey)
        light, contrast = rng.uniform(60, 180), rng.uniform(20, 60)
        seen = (waves - waves.mean()) / waves.std() * contrast + light
        yield Photo(seen.clip(0, 255).astype(np.uint8), [])


class Observations:
    """Faces that the finder saw: its confidence, that of the landmark model, and whether the landmarks are right."""

    def __init__(self, threads: int) -> None:
        self._finder, self._model = YuNet(score=FINDER_SCORE, threads=threads), LandmarkRuntime("default", threads)
        self.rows: list[tuple[float, float, bool]] = []

    def look(self, kind: str, photos: Iterator[Photo]) -> None:
        """Add the faces of all photos of one kind, and print how many."""
        first = len(self.rows)
        for photo in photos:
            self._look(photo.image, photo.people)
        right = sum(row[2] for row in self.rows[first:])
        print(f"{kind}: {right} faces, {len(self.rows) - first - right} others", flush=True)

    def _look(self, image: AnyImage, people: list[np.ndarray]) -> None:
        found = self._finder.find(np.asarray(image))
        if not found:
            return
        size = self._model.size
        landmarks, confidence = self._model.detect_batch([face.window.cut(image, size) for face in found])
        assert confidence is not None
        for face, points, sure in zip(found, landmarks, confidence.tolist(), strict=True):
            places = face.window.to_photo((points + 0.5) / size)
            errors = [
                np.linalg.norm(places - each, axis=1).mean() / np.linalg.norm(each[36] - each[45]) for each in people
            ]
            error = min(errors, default=np.inf)
            if not people or error < NEAR:  # else it may be a face without labels
                self.rows.append((face.confidence, sure, bool(error <= 0.10)))


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    source = UdacityFaces(arguments.root, label_shift=(1.1, 1.1))
    rows = source.rows(BadRows("skip"))
    people = make_split(list_labels(source), "official", val_fraction=0.03).train
    frames = [Photo(source.read(rows[i]), [rows[i].landmarks.astype(np.float64)]) for i in evenly(people, FRAMES)]
    seen = Observations(threads=2)
    for name in VARIANTS:
        seen.look(name, changed(frames, name, SEED))
    for degrees in (20, 90):
        seen.look(f"turned by {degrees} degrees", turned(frames[::2], degrees))
    seen.look("three people", three_people(frames, CROWDED, SEED))
    seen.look("no face", without_faces(frames, FACELESS, SEED))
    seen.look("shuffled tiles", shuffled(frames))
    seen.look("soft noise", soft_noise())
    table = np.array(seen.rows)
    odds, right = np.stack([log_odds(column) for column in table[:, :2].T], axis=1), table[:, 2].astype(bool)
    for name, columns in (("_BOTH", [0, 1]), ("_FINDER_ALONE", [0])):
        fitted = LogisticRegression(C=100.0, max_iter=1000).fit(odds[:, columns], right)
        passed = fitted.predict(odds[:, columns]).astype(bool)
        values = tuple(np.round([fitted.intercept_[0], *fitted.coef_[0]], 2).tolist())
        print(f"{name}: Final = {values}")
        print(f"  {passed[right].mean():.3f} of the faces pass, {passed[~right].mean():.3f} of the others")


if __name__ == "__main__":
    main()
