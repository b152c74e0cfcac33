#!/usr/bin/env python3
"""Measures how far the published Udacity landmarks lie to the right of what they mark, and below it.

To the right: the face detector of the package looks at each training frame and at its mirror image. Whatever bias it
has of its own is the same in both, so the mean of the two, mirrored back, has none; the labels are held against that
mean. Below: the lips of a closed mouth meet in a dark line. It is held against the middle of the inner lips. The face
detector's height of the eyes is a second opinion, with whatever bias it has.
"""

import argparse

import cv2
import numpy as np

from faceline.data.index import BadRows
from faceline.data.udacity import UdacityFaces
from faceline.inference.yunet import FaceNetwork
from faceline.types import Image, Shape

MIRRORED = [1, 0, 2, 4, 3]  # YuNet's points: eyes, nose, mouth corners
GROSS = 12  # pixels; further away, another face was found
CLOSED = 0.057  # distance of the inner lips over that of the eyes below which a mouth is closed: half of the frames
FINE = 8  # rows of a column through the lips for each pixel


def points(network: FaceNetwork, image: Image) -> np.ndarray | None:
    """(5, 2) points of the largest face, image left first."""
    faces = network.look(image)
    return faces[np.argmax(faces[:, 2] * faces[:, 3]), 4:14].reshape(5, 2) if len(faces) else None


def below_lip_line(image: Image, shape: Shape) -> float | None:
    """Return how far below the dark line between closed lips the labels lie, in pixels; None for other faces."""
    left, right = shape[36].astype(float), shape[45].astype(float)
    apart = float(np.linalg.norm(right - left))
    turned = abs(shape[30, 0] - (left[0] + right[0]) / 2) > 0.15 * apart
    if turned or abs(right[1] - left[1]) > 0.1 * apart or shape[66, 1] - shape[62, 1] > CLOSED * apart:
        return None
    x, y = (shape[62] + shape[66]) / 2
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    reach = int(0.14 * apart * FINE)
    rows = y + np.arange(-reach, reach + 1) / FINE
    columns = np.linspace(x - 0.06 * apart, x + 0.06 * apart, 21)
    across, down = (each.astype(np.float32) for each in np.meshgrid(columns, rows))
    seen = cv2.remap(grey, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    column = seen.mean(axis=1, keepdims=True)
    darkest = int(cv2.GaussianBlur(column, (1, 0), 0.4 * FINE).argmin())
    return None if darkest in (0, 2 * reach) else float(y - rows[darkest])


def main() -> None:
    """Print mean and standard error of the shift: to the right at the eyes and at the mouth, and below."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    arguments = parser.parse_args()
    network = FaceNetwork(0.6, 1)
    source = UdacityFaces(arguments.root)
    shifts, low = [], []
    for row in source.rows(BadRows("raise")):
        if row.part != "train":
            continue
        image = source.read(row)
        low.append(below_lip_line(image, row.landmarks))
        seen, mirrored = points(network, image), points(network, np.ascontiguousarray(image[:, ::-1]))
        if seen is None or mirrored is None:
            continue
        mirrored = mirrored[MIRRORED]
        mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
        shape = row.landmarks
        labels = np.array([shape[36:42].mean(0), shape[42:48].mean(0), shape[30], shape[48], shape[54]])
        difference = labels - (seen + mirrored) / 2
        if np.abs(difference).max() <= GROSS:
            shifts.append([difference[:2, 0].mean(), difference[3:, 0].mean(), difference[:2, 1].mean()])
    table = np.array(shifts)  # (frames, 3)
    error = table.std(axis=0) / np.sqrt(len(table))
    names = ("eyes to the right", "mouth to the right", "eyes too low, by the detector")
    for name, mean, spread in zip(names, table.mean(axis=0), error, strict=True):
        print(f"{name}: {mean:.2f} +- {spread:.2f} px, {len(table)} training frames")
    lines = np.array([each for each in low if each is not None])
    error_below = lines.std() / np.sqrt(len(lines))
    print(f"lips too low: {lines.mean():.2f} +- {error_below:.2f} px, {len(lines)} frames with a closed mouth")


if __name__ == "__main__":
    main()
