#!/usr/bin/env python3
"""Computes how much of a movement a perfect detector would show against the labels of the Udacity set.

These labels are rounded: to the cells of the heatmap of the network that set them, then to whole pixels. Rounding adds
variance that no detector can follow, so the slope of exact on labelled values is at most 1 minus its share.
"""

import argparse

import numpy as np

from faceline.benchmarks.everywhere import measures
from faceline.data.index import BadRows
from faceline.data.udacity import UdacityFaces
from faceline.geometry.markup import OUTER_EYE_CORNERS
from faceline.inference.runtime import LandmarkRuntime

CELL = 0.055  # edge of a cell over the distance of the outer eye corners, median of the 91 % of frames that show cells
DRAWS = 40
MEASURES = ("eye_opening", "mouth_opening", "mouth_width", "smile", "brow_raise")


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
    left, right = (labels[:, corner] for corner in OUTER_EYE_CORNERS)
    edge = CELL * np.linalg.norm(left - right, axis=1)[:, None, None]
    added: dict[str, list[float]] = {name: [] for name in MEASURES}
    exact, named = measures(found), measures(labels)
    for _ in range(DRAWS):  # where the lattice lies is drawn anew each time
        start = rng.uniform(0, 1, (len(labels), 1, 2))
        rounded = np.round((np.floor(found / edge + start) + 0.5 - start) * edge)
        seen = measures(rounded)
        for name in MEASURES:
            added[name].append(float((seen[name] - exact[name]).var()))
    for name in MEASURES:
        most = 1 - np.mean(added[name]) / named[name].var()
        slope = np.polyfit(named[name], exact[name], 1)[0]
        print(f"{name:14} at most {most:.2f}, {arguments.bundle} {slope:.2f}")


if __name__ == "__main__":
    main()
