"""Measures how much of a face's movement a landmark model passes on, for several crops.

The slope of measured on labelled values over many frames: 1 passes everything on, 0 nothing. Labelled frames are
those of the training part of the Udacity set, or drawn faces.
"""

import argparse
from pathlib import Path

import numpy as np

from faceline.data.index import BadRows, FrameSource
from faceline.data.synthetic import SyntheticFaces
from faceline.data.udacity import UdacityFaces
from faceline.geometry.measures import measure
from faceline.inference.runtime import LandmarkRuntime
from faceline.stand.camera.detector import box_of

MEASURES = ("yaw", "smile", "mouth_opening", "brow_raise", "eye_opening")


def main() -> None:
    """Print a line for each way to cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--udacity", type=Path, help="folder of the Udacity set; drawn faces without it")
    parser.add_argument("--every", type=int, default=9, help="take every so many-th frame")
    options = parser.parse_args()
    source: FrameSource = (
        SyntheticFaces(people=200, videos=1, frames=2, test_frames=0, min_width=200, max_width=240, seed=99)
        if options.udacity is None
        else UdacityFaces(options.udacity, label_shift=[1.1, 1.1])
    )
    rows = [row for row in source.rows(BadRows("skip")) if row.part == "train"][:: options.every]
    runtime = LandmarkRuntime(options.bundle)
    frames = [source.read(row) for row in rows]
    truth = np.stack([row.landmarks for row in rows]).astype(np.float64)
    true = measure(truth)
    apart = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    print(f"{options.bundle} on {len(rows)} frames of {source.name}")
    print("closeness   NME   " + "  ".join(f"{name:>13}" for name in MEASURES))
    for closer in (1.0, 0.85, 0.75, 0.65):
        boxes = np.stack([box_of(points) for points in truth])
        boxes = np.hstack([boxes[:, :2] + (1 - closer) * boxes[:, 2:] / 2, closer * boxes[:, 2:]])
        found = [runtime.detect_faces(frame, box[None]).landmarks[0] for frame, box in zip(frames, boxes, strict=True)]
        points = np.stack(found).astype(np.float64)
        nme = (np.linalg.norm(points - truth, axis=2).mean(axis=1) / apart).mean()
        slopes = [np.polyfit(true[name], measure(points)[name], 1)[0] for name in MEASURES]
        print(f"{closer:9.2f}  {nme:.2%}   " + "  ".join(f"{slope:13.2f}" for slope in slopes))


if __name__ == "__main__":
    main()
