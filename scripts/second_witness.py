#!/usr/bin/env python3
"""How much of a model's error is the labels'? What a network that learnt elsewhere from others misses in the same way.

A smooth map, fitted on training frames, brings the points of MediaPipe's Face Mesh (``face_mesh_points.py``) to the 68
landmarks. Where it and the model err alike, the label is what they have in common: the mean product of their errors is
that of the label's own error, and of what both get wrong of themselves. Means of both are judged by validation frames;
of the test part nothing but the share in common is told, which chooses nothing.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from faceline.data.cache import cached_frames
from faceline.data.splits import make_split
from faceline.data.udacity import UdacityFaces
from faceline.errors import InputError
from faceline.geometry.markup import OUTER_EYE_CORNERS
from faceline.inference.runtime import LandmarkRuntime
from faceline.metrics.landmark import nme_per_frame
from faceline.types import Landmarks

MESH_EYES = (33, 263)
"""Its outer corners of the eyes."""

ASTRAY = 1.2
"""Distance of a mesh from its label, in distances of the eyes, beyond which it is of somebody else."""

COMPONENTS = 100
"""Principal components of the meshes' coordinates that are mapped."""

WEIGHTS = (0.0, 0.2, 0.3, 0.4, 0.5, 1.0)
DRAWS = 2000


def main() -> None:
    """Fit, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", help="of a model that was trained on the Udacity set: faceline export run_id=RUN")
    parser.add_argument("points", type=Path, help="what face_mesh_points.py wrote")
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    parser.add_argument("--cache", type=Path, default=Path("mlruns/cache"), help="where prepared frames are kept")
    arguments = parser.parse_args()
    try:
        model = LandmarkRuntime(arguments.bundle, threads=2)
        source = UdacityFaces(arguments.root, on_error="skip", label_shift=[1.1, 0.0])
        store = cached_frames(source, model.size, arguments.cache)
    except InputError as error:
        parser.error(str(error))
    index, taught = store.index, model.manifest.data
    if taught.fingerprint != index.fingerprint:
        parser.error(f"{arguments.bundle}: trained on other frames than those of {source.root}")
    split = make_split(index, **dict(taught.split))
    sizes = index.sizes[:, None]
    labels = index.normalised() * sizes
    try:
        mesh = _meshes_of(index.files.tolist(), arguments.points)
    except KeyError as missing:
        parser.error(f"{arguments.points}: {missing.args[0]} is not in it")
    witness = np.mean([_mapped(view, labels, split.train) for view in mesh.swapaxes(0, 1)], axis=0)
    for part, rows in (("validation", split.val), ("test", split.test)):
        size, label = sizes[rows], labels[rows]
        own = model.predict(store.images[rows], index.sizes[rows])[0] * size
        other = np.where(np.isnan(witness[rows]), own, witness[rows])
        for weight in WEIGHTS if part == "validation" else ():
            mean = (1 - weight) * own + weight * other
            nme, mse = nme_per_frame(mean, label).mean(), _mse(mean, mean, label, size).mean()
            print(f"{weight:.0%} of the witness: NME {nme:.2%}, MSE {mse:.3g}")
        alone, common = _mse(own, own, label, size), _mse(own, other, label, size)
        for words, some in (("all frames", alone >= 0), ("all but the worst", alone < alone.max())):
            share = common[some].mean() / alone[some].mean()
            low, high = _interval(alone[some], common[some])
            print(
                f"{part}, {words}: {share:.0%} [{low:.0%}, {high:.0%}] of the model's MSE of {alone[some].mean():.3g} "
                "is common to both"
            )


def _meshes_of(files: list[str], points: Path) -> np.ndarray:
    """(n, 2, 478, 3) meshes of frames, as they are and as their mirror images show them.

    Raises:
        KeyError: A frame is not in the file.
    """
    with np.load(points) as saved:
        where = {file: row for row, file in enumerate(saved["files"].tolist())}
        return np.asarray(saved["points"][[where[file] for file in files]], dtype=np.float64)


def _mapped(mesh: np.ndarray, labels: Landmarks, train: np.ndarray) -> Landmarks:
    """The 68 landmarks of meshes (n, 478, 3) in pixels, by a map fitted on training frames; NaN where there is no mesh.

    It is ridge regression on principal components, and kernel ridge regression of what that leaves.
    """
    flat, (left, right) = mesh[..., :2], OUTER_EYE_CORNERS
    centre = flat.mean(axis=1, keepdims=True)
    x, y = (flat[:, MESH_EYES[1]] - flat[:, MESH_EYES[0]]).T
    angle, size = np.arctan2(y, x), np.sqrt(np.square(flat - centre).sum(axis=2).mean(axis=1))
    turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    scale = size[:, None, None]
    upright = np.concatenate([(flat - centre) @ turn.transpose(0, 2, 1) / scale, mesh[..., 2:] / scale], axis=2)
    target = ((labels - centre) @ turn.transpose(0, 2, 1) / scale).reshape(len(mesh), -1)
    away = np.linalg.norm(labels.mean(axis=1) - centre[:, 0], axis=1)
    near = away < ASTRAY * np.linalg.norm(labels[:, left] - labels[:, right], axis=1)  # False where there is no mesh
    rows, there = train[near[train]], np.isfinite(size)
    pca = PCA(COMPONENTS, whiten=True, random_state=0).fit(upright[rows].reshape(len(rows), -1))
    numbers = np.zeros((len(mesh), COMPONENTS))
    numbers[there] = pca.transform(upright[there].reshape(there.sum(), -1))
    linear = Ridge(100.0).fit(numbers[rows], target[rows])
    curved = KernelRidge(alpha=0.3, kernel="rbf", gamma=1.5 / COMPONENTS)
    curved.fit(numbers[rows], target[rows] - linear.predict(numbers[rows]))
    found = np.full(labels.shape, np.nan)
    found[there] = (linear.predict(numbers[there]) + curved.predict(numbers[there])).reshape(-1, *labels.shape[1:])
    return np.asarray(found @ turn * scale + centre)


def _mse(one: np.ndarray, other: np.ndarray, label: Landmarks, sizes: np.ndarray) -> np.ndarray:
    """(n,) mean products of two errors on [0, 1] of the frame; of one twice, its MSE."""
    return np.asarray(((one - label) * (other - label) / sizes**2).mean(axis=(1, 2)))


def _interval(alone: np.ndarray, common: np.ndarray) -> tuple[float, float]:
    """Of 95 % of the share, by bootstrap over frames."""
    draws = np.random.default_rng(0).integers(len(alone), size=(DRAWS, len(alone)))
    low, high = np.percentile(common[draws].mean(axis=1) / alone[draws].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


if __name__ == "__main__":
    main()
