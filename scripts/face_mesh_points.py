#!/usr/bin/env python3
"""The points that MediaPipe's Face Mesh finds in frames and in their mirror images, for ``second_witness.py``.

It needs MediaPipe, which wants other versions of libraries, and nothing of this project: an environment of its own::

    python -m venv mesh && mesh/bin/pip install mediapipe==0.10.14
    mesh/bin/python scripts/face_mesh_points.py FOLDER points.npz
"""

import argparse
from pathlib import Path

import cv2
import mediapipe
import numpy as np
from PIL import Image

EDGE = 400
"""Frames are enlarged to this longer edge, as its face detector overlooks small faces."""


def main() -> None:
    """Look at every image below a folder and write what was found; NaN where no face is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the Udacity set")
    parser.add_argument("output", type=Path, help="the .npz file to write")
    arguments = parser.parse_args()
    files = sorted(each for each in arguments.folder.rglob("*.jpg") if each.is_file())
    if not files:
        parser.error(f"{arguments.folder}: no .jpg file in this folder or below it")
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=3, refine_landmarks=True, min_detection_confidence=0.2
    )
    points = np.array([_both(mesh, file) for file in files], dtype=np.float32)
    names = np.array([each.relative_to(arguments.folder).as_posix() for each in files])
    np.savez_compressed(arguments.output, files=names, points=points)
    print(f"{arguments.output}: {len(files)} frames, {int(np.isnan(points[:, :, 0, 0]).sum())} looks without a face")


def _both(mesh: "mediapipe.solutions.face_mesh.FaceMesh", file: Path) -> np.ndarray:
    """(2, 478, 3) pixels of the frame, and depth in pixels: as it is, and as its mirror image shows it."""
    frame = np.asarray(Image.open(file).convert("RGB"))
    height, width = frame.shape[:2]
    zoom = EDGE / max(height, width)
    large = cv2.resize(frame, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    found, mirrored = (_largest(mesh, each) * [width, height, width] for each in (large, large[:, ::-1]))
    mirrored[:, 0] = width - mirrored[:, 0]
    return np.stack([found, mirrored])


def _largest(mesh: "mediapipe.solutions.face_mesh.FaceMesh", image: np.ndarray) -> np.ndarray:
    """(478, 3) points of the largest face on [0, 1]; NaN where there is none."""
    found = mesh.process(np.ascontiguousarray(image)).multi_face_landmarks
    faces = [np.array([(p.x, p.y, p.z) for p in face.landmark]) for face in found or []]
    return max(faces, key=lambda each: float(np.ptp(each[:, :2], axis=0).prod()), default=np.full((478, 3), np.nan))


if __name__ == "__main__":
    main()
