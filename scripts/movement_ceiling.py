#!/usr/bin/env python3
"""Computes how much of a movement a perfect detector would show against the labels of the Udacity set.

These labels are rounded: to the cells of the heatmap of the network that set them, then to whole pixels. Rounding adds
variance that no detector can follow, so the slope of exact on labelled values is at most 1 minus its share.
"""

import argparse

import numpy as np

from faceline.data.index import BadRows
from faceline.data.udacity import UdacityFaces
from faceline.geometry.markup import OUTER_EYE_CORNERS
from faceline.geometry.measures import measure
from faceline.inference.runtime import LandmarkRuntime
from faceline.types import Landmarks

CELL = 0.055  # edge of a cell over the distance of the outer eye corners, median of the 91 % of frames that show cells
DRAWS = 40
MEASURES = ("eye_opening", "mouth_opening", "mouth_width", "smile", "brow_raise")


def measures(points: Landmarks) -> dict[str, np.ndarray]:
    """Return each measure of (n, 68, 2) points."""
    width = np.linalg.norm(points[:, 48] - points[:, 54], axis=1)
    return {**measure(points), "mouth_width": width / eyes_apart(points)}


def eyes_apart(points: Landmarks) -> np.ndarray:
    """Return (n,) distances of the outer eye corners."""
    left, right = OUTER_EYE_CORNERS
    return np.asarray(np.linalg.norm(points[:, left] - points[:, right], axis=1))


def main() -> None:
    """Print the largest slope of each measure on the test set, and that of a bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    parser.add_argument("--bundle", default="default")
    arguments = parser.parse_args()
    source = UdacityFaces(arguments.root)
    rows = [row for row in source.rows(BadRows("raise")) if row.part == "test"]
    runtime, rng = LandmarkRuntime(arguments.bundle), np.random.default_rng(0)
    found = np.stack([runtime.detect(source.read(row)) for row in rows]).astype(np.float64)
    labels = np.stack([row.landmarks for row in rows]).astype(np.float64)
    edge = CELL * eyes_apart(labels)[:, None, None]
    added: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(DRAWS):  # where the lattice lies is drawn anew each time
        start = rng.uniform(0, 1, (len(labels), 1, 2))
        rounded = np.round((np.floor(found / edge + start) + 0.5 - start) * edge)
        for name in MEASURES:
            added[name].append(float((measures(rounded)[name] - measures(found)[name]).var()))
    for name in MEASURES:
        label, own = measures(labels)[name], measures(found)[name]
        most, slope = 1 - np.mean(added[name]) / label.var(), np.polyfit(label, own, 1)[0]
        print(f"{name:14} at most {most:.2f}, {arguments.bundle} {slope:.2f}")


if __name__ == "__main__":
    main()
