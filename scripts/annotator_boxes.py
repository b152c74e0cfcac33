#!/usr/bin/env python3
"""What the boxes in which the annotator of the Udacity labels saw the faces did to the labels; training frames only.

The runs are of one half of the training frames each (``split.half=1`` and ``2``), and every frame is looked at by the
network that was not trained on it. Printed are by how much labels are too narrow and too low the larger a face is in
its box (`faceline.geometry.annotator_boxes.TOO_SMALL`), what of the networks' error that is, and whether the box can be
told from the frame: from the size of the face in pixels, its shape and its pixels, by trees that are asked about frames
that they were not grown on. The cells' edges and the slope are drawn.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.axes import Axes
from mlflow import MlflowClient
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold, cross_val_predict

from faceline.geometry.annotator_boxes import BOX_CELLS, FACE_IN_BOX, STEP, box_cells
from faceline.geometry.crops import similarity
from faceline.geometry.label_cells import cell_edges, extent
from faceline.geometry.markup import OUTER_EYE_CORNERS
from faceline.geometry.shape import generalised_procrustes
from faceline.metrics.landmark import mse_per_frame, nme_per_frame
from faceline.models.landmark_detector import LandmarkDetector
from faceline.plot_style import MUTED, PALETTE, in_percent, new_figure, panel_title, style_axes
from faceline.tasks.assembly import load_trained
from faceline.tasks.landmarks import predict
from faceline.tracking.records import checkpoint, get_run
from faceline.tracking.store import connect
from faceline.types import Landmarks, PerFrame, Sizes

WELL_FOUND = 0.12
"""Greatest NME of a frame whose miss is taken for what its label does, and not for a face that was not found."""

CLEAR = 2.4
"""Pixels; of smaller cells rounding to whole pixels makes others that are not there."""

WINDOW = 24
"""Edge of a face's pixels, by which the box might be told."""

ROOM = 50
"""Edge of these pixels in cells of the box."""


class Unseen(NamedTuple):
    """Frames that a network was not trained on.

    Attributes:
        found: Landmarks in pixels, by the network.
        labels: The annotator's.
        sizes: Of the frames.
        faces: (n, numbers) their pixels around the face, gray, at one size beside the nearest box.
    """

    found: Landmarks
    labels: Landmarks
    sizes: Sizes
    faces: np.ndarray


def main() -> None:
    """Look at the other half with each run, compare, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs=2, metavar="RUN", help="of the halves, with split.half=1 and 2")
    parser.add_argument("--store", help="address of their MLflow store; by default that of this folder")
    parser.add_argument("--output", type=Path, default=Path("docs/results/annotator_boxes.png"))
    arguments = parser.parse_args()
    client = connect(arguments.store, Path())
    found, labels, sizes, faces = map(np.concatenate, zip(*(_look(client, run) for run in arguments.runs), strict=True))
    edges = box_cells(labels)
    clear = np.isfinite(edges) & (nme_per_frame(found, labels) < WELL_FOUND)
    filled = np.log(extent(labels) / edges)
    more = np.nan_to_num(filled - filled[clear].mean())
    centred = labels - labels.mean(axis=1, keepdims=True)
    left, right = (labels[:, corner] for corner in OUTER_EYE_CORNERS)
    eyes = np.linalg.norm(left - right, axis=1)[:, None]
    missed = found - labels
    missed -= (missed / eyes[:, None])[clear].mean(axis=0) * eyes[:, None]
    slopes = [
        _slope((more[:, None] * centred[..., axis] / eyes)[clear], (missed[..., axis] / eyes)[clear]) for axis in (0, 1)
    ]
    print(f"{len(labels)} frames, {np.isfinite(edges).mean():.0%} tell their box")
    print(
        f"labels too narrow by {slopes[0]:.3f} and too low by {slopes[1]:.3f}, a unit of the logarithm of size in box"
    )
    moved = labels + more[:, None, None] * np.array(slopes) * centred
    usual = labels + missed
    for name, target in (("labels as they are", labels), ("labels as if boxed alike", moved)):
        nme, mse = nme_per_frame(usual, target), mse_per_frame(usual / sizes[:, None], target / sizes[:, None])
        print(f"{name}: NME {nme[clear].mean():.2%}, MSE {mse[clear].mean():.3g}, less the usual miss of each landmark")
    for name, features in _features(found, faces).items():
        trees = ExtraTreesRegressor(300, min_samples_leaf=5, random_state=0)
        folds = KFold(5, shuffle=True, random_state=0)
        told = cross_val_predict(trees, features[clear], filled[clear], cv=folds)
        left = np.square(filled[clear] - told).mean() / filled[clear].var()
        print(f"told from {name}: {1 - left:.1%} of the variance of a face's size in its box")
    _draw(labels[clear], found[clear], filled[clear], arguments.output)


def _look(client: MlflowClient, run_id: str) -> Unseen:
    """What a run of one half finds in the training frames of the other."""
    trained = load_trained(checkpoint(get_run(client, run_id), "best"))
    half = trained.config["split"].get("half")
    if half is None or not isinstance(trained.model, LandmarkDetector):
        raise SystemExit(f"run {run_id}: expected a landmark run of one half, trained with split.half=1 or 2")
    trained.model.flip_average = True
    config = {**trained.config, "split": {**trained.config["split"], "half": 3 - half}}
    data = trained.task.build_data(config)
    frames = data.frames("train")
    index = data.index.take(frames.rows)
    scale = index.sizes[:, None]
    found, labels = predict(trained.model, frames) * scale, index.normalised() * scale
    faces = np.stack([_face(image, shape) for image, shape in zip(data.originals(frames.rows), found, strict=True)])
    return Unseen(found, labels, index.sizes, faces)


def _face(image: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Its gray pixels in a window that is as much larger than the box nearest to the face's size as any other."""
    cells = BOX_CELLS[np.abs(np.log(BOX_CELLS * FACE_IN_BOX / extent(shape[None])[0])).argmin()]
    zoom, middle = WINDOW / (ROOM * cells), (shape.min(axis=0) + shape.max(axis=0)) / 2
    cut = np.array([[zoom, 0, WINDOW / 2 - zoom * middle[0]], [0, zoom, WINDOW / 2 - zoom * middle[1]]])
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), max(0.35 / zoom, 0.3))
    window = cv2.warpAffine(gray, cut, (WINDOW, WINDOW), borderMode=cv2.BORDER_REPLICATE).astype(np.float64)
    return np.asarray((window - window.mean()) / (window.std() + 1)).ravel()


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Of the line through the origin."""
    return float((x * y).sum() / (x * x).sum())


def _features(found: Landmarks, faces: np.ndarray) -> dict[str, np.ndarray]:
    """What might tell the box."""
    place = 2 * np.pi * np.log(extent(found)) / np.log(STEP)
    size = np.stack([np.sin(place), np.cos(place)], axis=1)
    middle = generalised_procrustes(found)
    shapes = np.stack([each @ similarity(each, middle)[:, :2].T for each in found - found.mean(axis=1, keepdims=True)])
    shape = PCA(30, random_state=0).fit_transform(shapes.reshape(len(shapes), -1))
    pixels = PCA(60, random_state=0).fit_transform(faces)
    return {
        "the size in pixels": size,
        "size and shape": np.hstack([size, shape]),
        "size, shape and pixels": np.hstack([size, shape, pixels]),
    }


def _draw(labels: Landmarks, found: Landmarks, filled: PerFrame, output: Path) -> None:
    """The steps of the cells, and how the size of a label follows that of the face in its box."""
    figure = new_figure(
        9.6,
        4.4,
        "The annotator saw each face in a box, and its landmarks follow the box",
        f"udacity · labels of the training part · {len(labels):,} frames, each found by a network that never saw it",
    )
    left, right = figure.subplots(1, 2)
    edges = cell_edges(labels)
    style_axes(left, xlabel="edge of the cells of a frame's labels, pixels", ylabel="frames")
    shown = edges[np.isfinite(edges) & (edges > CLEAR)]
    left.hist(np.log(shown), bins=120, color=PALETTE[0])
    ticks = BOX_CELLS[(BOX_CELLS > CLEAR) & (BOX_CELLS < 8)]
    left.set_xticks(np.log(ticks), [f"{tick:.2f}" for tick in ticks])
    panel_title(left, f"the cells grow in steps of {STEP}")
    _follows(right, np.exp(filled - filled.mean()) - 1, extent(labels) / extent(found) - 1)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output)
    print(output)


def _follows(axes: Axes, filled: PerFrame, larger: PerFrame) -> None:
    style_axes(axes, xlabel="face in its box, larger than usual by", ylabel="label, larger than what was found, by")
    axes.plot(filled, larger, ".", color=PALETTE[0], markersize=2.5, alpha=0.35)
    middle = np.quantile(filled, np.linspace(0, 1, 13))
    groups = np.clip(np.searchsorted(middle, filled, side="right") - 1, 0, 11)
    means = [(filled[groups == each].mean(), larger[groups == each].mean()) for each in range(12)]
    axes.plot(*np.array(means).T, color=PALETTE[1], linewidth=2)
    axes.axhline(0, color=MUTED, linestyle="--", linewidth=1)
    axes.set(xlim=(-0.16, 0.16), ylim=(-0.12, 0.12))
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    panel_title(axes, "the larger in its box, the smaller its label")


if __name__ == "__main__":
    main()
