#!/usr/bin/env python3
"""Measures how far the landmarks of photos and of their mirror images lie apart. It needs no labels.

A bundle that is right finds the same points in a photo and in its mirror image. So this compares bundles on any photos,
such as a user's own. It sees habits that a mirror shows and chance, and no error that both images have.

python scripts/mirror_agreement.py photos default other.faceline
"""

import argparse
from pathlib import Path

import numpy as np

import faceline
from faceline.data.photos import read_photo
from faceline.errors import InputError
from faceline.geometry.markup import FLIP_ORDER, OUTER_EYE_CORNERS
from faceline.photos.inputs import kind_of
from faceline.types import Image

FAR = 0.5  # eye distances; further apart, another face was found


def apart(image: Image, bundle: str) -> list[float]:
    """Return the distance of each face's points in a photo and in its mirror image, in % of its eye distance."""
    faces = faceline.detect_faces(image, bundle=bundle)
    mirrored = [each.landmarks for each in faceline.detect_faces(np.ascontiguousarray(image[:, ::-1]), bundle=bundle)]
    found = []
    for face in faces:
        size = np.linalg.norm(np.subtract(*face.landmarks[list(OUTER_EYE_CORNERS)]))
        back = [np.stack([image.shape[1] - 1 - each[:, 0], each[:, 1]], axis=1)[list(FLIP_ORDER)] for each in mirrored]
        distance = min((np.linalg.norm(each - face.landmarks, axis=1).mean() / size for each in back), default=np.inf)
        if distance < FAR:
            found.append(100 * float(distance))
    return found


def main() -> None:
    """Print a line for each bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder of photos")
    parser.add_argument("bundles", nargs="*", default=["default"])
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder}: no such folder")
    try:
        photos = [read_photo(file).image for file in sorted(arguments.folder.iterdir()) if kind_of(file) == "photo"]
        for bundle in arguments.bundles:
            found = np.array([each for photo in photos for each in apart(photo, bundle)])
            if not len(found):
                parser.error(f"{arguments.folder}: no face was found in a photo and in its mirror image")
            error = found.std() / np.sqrt(len(found))
            print(f"{bundle}: {found.mean():.2f} +- {error:.2f} % of the eye distance, {len(found)} faces")
    except InputError as fault:
        parser.error(str(fault))


if __name__ == "__main__":
    main()
