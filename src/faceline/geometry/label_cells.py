"""The cells that an automatic annotator rounded its landmarks to, and what that leaves of the best possible error.

A network that marks landmarks by heatmaps, such as the one that labelled the YouTube Faces data, gives the middle of
one of the heatmap's pixels. In the frame these are cells of a lattice that grows with the face, as the network is shown
every face at one size; where the lattice lies nobody who sees the frame alone can know.
"""

from typing import Final, NamedTuple

import numpy as np

from faceline.geometry.markup import N_LANDMARKS, OUTER_EYE_CORNERS
from faceline.types import Landmarks, PerFrame, Sizes

EDGES: Final = np.linspace(0.010, 0.022, 193)
"""Edges of a cell that are looked for, as shares of the width plus the height of the shape: a face that fills most of a
heatmap of 64 pixels has 0.016."""

_LEAST_PIXELS: Final = 1.25  # an edge of one pixel is that of every label in whole pixels
_CLEAR: Final = 15.0  # of points strewn by chance the best of all edges is as clear in one frame of a thousand
_DRAWS: Final = 1000


class LeastErrors(NamedTuple):
    """The errors of a detector that finds where each landmark is, but not what its label was rounded to.

    Attributes:
        nme: Mean over the frames, a fraction of the interocular distance.
        mse: Mean over the frames, of coordinates on [0, 1].
    """

    nme: float
    mse: float


def extent(landmarks: Landmarks) -> PerFrame:
    """(n,) width plus height of each shape."""
    return np.asarray((landmarks.max(axis=1) - landmarks.min(axis=1)).sum(axis=1))


def clearness(landmarks: Landmarks, edges: PerFrame) -> PerFrame:
    """(n,) how clearly the landmarks of each frame lie on a lattice of that edge.

    On a lattice of edge e the phases 2 pi x / e of all landmarks are the same, so their mean vector is long; of points
    strewn by chance its squared length times their number has the exponential distribution (Rayleigh's test: Mardia and
    Jupp, "Directional Statistics", 2000, section 6.3.1). It is added over x and y.

    Args:
        landmarks: In pixels.
        edges: One for each frame, in pixels, above 0.
    """
    phases = np.exp(2j * np.pi * landmarks / edges[:, None, None])
    return np.asarray(N_LANDMARKS * (np.abs(phases.mean(axis=1)) ** 2).sum(axis=1))


def cell_edges(landmarks: Landmarks) -> PerFrame:
    """(n,) edge of the cells in each frame, in pixels; NaN where the labels show no cells.

    Its clearness has to stand out among the edges.

    Args:
        landmarks: In pixels.
    """
    sizes = extent(landmarks)
    clear = np.empty((len(EDGES), len(landmarks)))
    for row, share in zip(clear, EDGES, strict=True):
        edge = np.maximum(share * sizes, 1e-9)
        row[:] = clearness(landmarks, edge)
        row[edge < _LEAST_PIXELS] = 0
    best = clear.argmax(axis=0)
    peak = clear.max(axis=0, initial=0)
    told = (peak > _CLEAR) & (peak > 4 * np.median(clear, axis=0))
    return np.where(told, EDGES[best] * sizes, np.nan)


def least_errors(landmarks: Landmarks, sizes: Sizes, edges: PerFrame, moved: Landmarks | None = None) -> LeastErrors:
    """What rounding leaves, to the cells and, where the labels are whole pixels, to those too.

    Where a landmark lies in its cell is taken as uniform. Frames without known cells are taken to have the median edge.

    Args:
        landmarks: In pixels.
        sizes: Of the frames.
        edges: Of their cells, as `cell_edges` gives them; at least one is known.
        moved: By how much labels are off besides, for what frames do not tell either; in pixels.
    """
    spans = extent(landmarks)
    edges = np.where(np.isnan(edges), np.nanmedian(edges / spans) * spans, edges)
    between = landmarks - landmarks[:, :1]  # a constant offset of all labels does not hide that they are whole
    pixel = float(np.allclose(between, np.round(between), atol=1e-3))
    rng = np.random.default_rng(0)
    draws = rng.uniform(-0.5, 0.5, (2, _DRAWS, 2))
    left, right = (landmarks[:, corner] for corner in OUTER_EYE_CORNERS)
    moved = np.zeros_like(landmarks[:, :1]) if moved is None else moved
    off = np.zeros(len(landmarks))
    for each, (in_cell, in_pixel) in zip(  # every landmark has its share of the draws
        moved.transpose(1, 0, 2), np.array_split(draws, moved.shape[1], axis=1), strict=True
    ):
        rounded = in_cell * edges[:, None, None] + in_pixel * pixel
        off += np.linalg.norm(rounded + each[:, None], axis=2).mean(axis=1) / moved.shape[1]
    squares = (edges[:, None] ** 2 + pixel) / 12 + (moved**2).mean(axis=1)
    return LeastErrors(
        float((off / np.linalg.norm(left - right, axis=1)).mean()),
        float((squares / sizes.astype(np.float64) ** 2).mean()),
    )
