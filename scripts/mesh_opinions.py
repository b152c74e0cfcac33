#!/usr/bin/env python3
"""What MediaPipe's Face Mesh says of the 68 landmarks of the Udacity set: a table for ``task.opinions``.

A smooth map brings its points (``face_mesh_points.py``) to landmarks. It is fitted on training frames; what it says of
one of these is said by a map that never saw its label. Frames that are validated or tested on are left out. The split
is that of ``split.protocol=official split.val_by=frame``.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from faceline.data.index import BadRows
from faceline.data.labels import list_labels
from faceline.data.opinions import COLUMNS
from faceline.data.splits import make_split
from faceline.data.udacity import UdacityFaces
from faceline.files import write_whole
from faceline.geometry.markup import OUTER_EYE_CORNERS
from faceline.types import Landmarks

MESH_EYES = (33, 263)
"""Its outer corners of the eyes."""

ASTRAY = 1.2
"""Distance of a mesh from its label, in distances of the eyes, beyond which it is of somebody else."""

FOLDS = 10


def main() -> None:
    """Fit, tell how good it is, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", type=Path, help="what face_mesh_points.py wrote")
    parser.add_argument("output", type=Path, help="the table to write")
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    parser.add_argument("--val-fraction", type=float, default=0.03, help="split.val_fraction of the training")
    arguments = parser.parse_args()
    source = UdacityFaces(arguments.root, on_error="skip", label_shift=[1.1, 0.0])
    index = list_labels(source)
    split = make_split(index, "official", val_fraction=arguments.val_fraction, val_by="frame")
    named = set(index.files.tolist())
    others = [row.file for row in source.with_unlabelled().rows(BadRows("skip")) if row.file not in named]
    try:
        mesh = meshes_of([*index.files[split.train].tolist(), *others], arguments.points)
    except KeyError as missing:
        parser.error(f"{arguments.points}: {missing.args[0]} is not in it")
    labels = index.landmarks[split.train].astype(np.float64)
    known = np.arange(len(labels))
    found = np.mean([mapped(view, labels, known) for view in mesh.swapaxes(0, 1)], axis=0)
    for fit, told in KFold(FOLDS, shuffle=True, random_state=0).split(known):
        found[told] = np.mean([mapped(view, labels, fit)[told] for view in mesh.swapaxes(0, 1)], axis=0)
    left, right = OUTER_EYE_CORNERS
    eyes = np.linalg.norm(labels[:, left] - labels[:, right], axis=1)
    away = np.linalg.norm(found[known] - labels, axis=2).mean(axis=1) / eyes
    found[known[~(away < ASTRAY)]] = np.nan
    told = np.isfinite(found).all(axis=(1, 2))
    with write_whole(arguments.output) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for name, landmarks in zip([*index.files[split.train].tolist(), *others], found, strict=True):
            if np.isfinite(landmarks).all():
                table.writerow([name, *(f"{value:.3f}" for value in landmarks.ravel())])
    print(
        f"{arguments.output}: {told[known].sum()} of {len(known)} training frames, {np.nanmean(away[told[known]]):.2%} "
        f"from their labels, and {told[len(known) :].sum()} of {len(others)} frames without a label"
    )


def meshes_of(files: list[str], points: Path) -> np.ndarray:
    """(n, 2, 478, 3) meshes of frames, as they are and as their mirror images show them.

    Raises:
        KeyError: A frame is not in the file.
    """
    with np.load(points) as saved:
        where = {file: row for row, file in enumerate(saved["files"].tolist())}
        return np.asarray(saved["points"][[where[file] for file in files]], dtype=np.float64)


def mapped(mesh: np.ndarray, labels: Landmarks, fit: np.ndarray) -> Landmarks:
    """The 68 landmarks of meshes (n, 478, 3) in pixels, by a map from some to their labels; NaN without a mesh.

    It is ridge regression on principal components, and kernel ridge regression of what that leaves.

    Args:
        mesh: Of all frames.
        labels: Of the first of them, or of all.
        fit: Rows of those that the map is fitted on.
    """
    flat, (left, right) = mesh[..., :2], OUTER_EYE_CORNERS
    centre = flat.mean(axis=1, keepdims=True)
    x, y = (flat[:, MESH_EYES[1]] - flat[:, MESH_EYES[0]]).T
    angle, size = np.arctan2(y, x), np.sqrt(np.square(flat - centre).sum(axis=2).mean(axis=1))
    turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    scale = size[:, None, None]
    upright = np.concatenate([(flat - centre) @ turn.transpose(0, 2, 1) / scale, mesh[..., 2:] / scale], axis=2)
    label = labels[fit]
    away = np.linalg.norm(label.mean(axis=1) - centre[fit, 0], axis=1)
    near = away < ASTRAY * np.linalg.norm(label[:, left] - label[:, right], axis=1)  # False where there is no mesh
    rows, label = fit[near], label[near]
    target = (label - centre[rows]) @ turn[rows].transpose(0, 2, 1) / scale[rows]
    there = np.isfinite(size)
    pca = PCA(100, whiten=True, random_state=0).fit(upright[rows].reshape(len(rows), -1))
    numbers = np.zeros((len(mesh), pca.n_components_))
    numbers[there] = pca.transform(upright[there].reshape(there.sum(), -1))
    linear = Ridge(100.0).fit(numbers[rows], target.reshape(len(rows), -1))
    rest = target.reshape(len(rows), -1) - linear.predict(numbers[rows])
    curved = KernelRidge(alpha=0.3, kernel="rbf", gamma=0.015).fit(numbers[rows], rest)
    found = np.full((len(mesh), *labels.shape[1:]), np.nan)
    found[there] = (linear.predict(numbers[there]) + curved.predict(numbers[there])).reshape(-1, *labels.shape[1:])
    return np.asarray(found @ turn * scale + centre)


if __name__ == "__main__":
    main()
