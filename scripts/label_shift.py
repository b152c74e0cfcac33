#!/usr/bin/env python3
"""Measures how far the published Udacity landmarks lie to the right of what they mark.

A face detector (OpenCV's YuNet) looks at each training frame and at its mirror image. Whatever bias it has of its own
is the same in both, so the mean of the two, mirrored back, has none; the labels are held against that mean.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from faceline.data.index import BadRows
from faceline.data.udacity import UdacityFaces
from faceline.types import Image

MIRRORED = [1, 0, 2, 4, 3]  # YuNet's points: eyes, nose, mouth corners
GROSS = 12  # pixels; further away, another face was found


def points(detector: "cv2.FaceDetectorYN", image: Image) -> np.ndarray | None:
    """(5, 2) points of the largest face, image left first."""
    detector.setInputSize((image.shape[1], image.shape[0]))
    faces: np.ndarray | None = detector.detect(np.ascontiguousarray(image[:, :, ::-1]))[1]  # typed wrongly by OpenCV
    return None if faces is None else faces[np.argmax(faces[:, 2] * faces[:, 3]), 4:14].reshape(5, 2)


def main() -> None:
    """Print mean and standard error of the shift at the eyes and at the mouth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", type=Path, help="YuNet's .onnx file")
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    arguments = parser.parse_args()
    detector = cv2.FaceDetectorYN.create(str(arguments.detector), "", (320, 320), 0.6)
    source = UdacityFaces(arguments.root)
    shifts = []
    for row in source.rows(BadRows("raise")):
        if row.part != "train":
            continue
        image = source.read(row)
        seen, mirrored = points(detector, image), points(detector, np.ascontiguousarray(image[:, ::-1]))
        if seen is None or mirrored is None:
            continue
        mirrored = mirrored[MIRRORED]
        mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
        shape = row.landmarks
        labels = np.array([shape[36:42].mean(0), shape[42:48].mean(0), shape[30], shape[48], shape[54]])
        difference = labels - (seen + mirrored) / 2
        if np.abs(difference).max() <= GROSS:
            shifts.append([difference[:2, 0].mean(), difference[3:, 0].mean()])
    table = np.array(shifts)  # (frames, 2)
    error = table.std(axis=0) / np.sqrt(len(table))
    for name, mean, spread in zip(("eyes", "mouth"), table.mean(axis=0), error, strict=True):
        print(f"{name}: {mean:.2f} +- {spread:.2f} px to the right, {len(table)} training frames")


if __name__ == "__main__":
    main()
