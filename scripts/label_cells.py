#!/usr/bin/env python3
"""The cells that the labels of the Udacity set were rounded to: one face on its lattice, and all frames together.

Only training labels are drawn. What rounding leaves of the error at least is printed for both parts, and what the
boxes leave in which the annotator saw the faces (`faceline.geometry.annotator_boxes`).
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from faceline.data.index import BadRows, FrameRow
from faceline.data.udacity import UdacityFaces
from faceline.geometry.annotator_boxes import box_cells, boxed_alike
from faceline.geometry.label_cells import cell_edges, extent, least_errors
from faceline.geometry.markup import OUTLINES
from faceline.plot_style import GRID, INK, MUTED, PALETTE, in_percent, new_figure, panel_title, style_axes
from faceline.types import Landmarks, PerFrame, Shape

LARGE = 3.0
"""Pixels; smaller cells are hidden by the rounding to whole pixels."""


def main() -> None:
    """Read the labels, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    parser.add_argument("--output", type=Path, default=Path("docs/results/label_cells.png"))
    arguments = parser.parse_args()
    source = UdacityFaces(arguments.root)
    rows = source.rows(BadRows("raise"))
    for part in ("train", "test"):
        chosen = [row for row in rows if row.part == part]
        landmarks = np.stack([row.landmarks for row in chosen])
        edges = cell_edges(landmarks)
        sizes = np.array([source.read(row).shape[1::-1] for row in chosen])
        least = least_errors(landmarks, sizes, edges)
        print(
            f"{part}: {np.isfinite(edges).mean():.0%} of {len(edges)} frames show cells, of "
            f"{np.nanmedian(edges / extent(landmarks)):.2%} of the face's width plus height; at least NME "
            f"{least.nme:.2%}, MSE {least.mse:.3g}"
        )
        told = box_cells(landmarks)
        least = least_errors(landmarks, sizes, told, boxed_alike(landmarks, told) - landmarks)
        print(
            f"{part}: {np.isfinite(told).mean():.0%} tell the box in which the annotator saw the face; with what that "
            f"does to labels at least NME {least.nme:.2%}, MSE {least.mse:.3g}"
        )
        if part == "train":
            draw(chosen, landmarks, edges, arguments.output)


def draw(rows: list[FrameRow], landmarks: Landmarks, edges: PerFrame, output: Path) -> None:
    """The figure of the training labels."""
    clear = np.nan_to_num(edges) > LARGE
    figure = new_figure(
        9.6,
        4.6,
        "The labels look read off a heatmap: they are the middles of its cells",
        f"udacity · labels of the training part · {clear.sum():,} frames with cells over {LARGE:g} px",
    )
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    example = int(np.where(clear, edges, 0).argmax())
    _face(left, landmarks[example], float(edges[example]))
    panel_title(left, f"{rows[example].video}: cells of {edges[example]:.1f} px")
    where = np.concatenate([_in_cell(landmarks[i], edges[i]).ravel() for i in np.flatnonzero(clear)])
    style_axes(right, xlabel="distance from the lattice, in cells", ylabel="share of all coordinates")
    bins = np.linspace(-0.5, 0.5, 26)
    right.hist(where, bins=bins, weights=np.full(len(where), 1 / len(where)), color=PALETTE[0], rwidth=0.9)
    right.axhline(bins[1] - bins[0], color=MUTED, linestyle="--", linewidth=1)
    right.annotate("if not rounded", (-0.5, bins[1] - bins[0]), (0, 4), textcoords="offset points", color=MUTED)
    in_percent(right.yaxis)
    panel_title(right, "these frames: what is left is rounding to whole pixels")
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output)
    print(output)


def _origin(shape: Shape, edge: float) -> np.ndarray:
    """(2,) a point of the lattice: the mean direction of the phases."""
    return np.asarray(np.angle(np.exp(2j * np.pi * shape / edge).mean(axis=0)) / (2 * np.pi) * edge)


def _in_cell(shape: Shape, edge: float) -> np.ndarray:
    """(68, 2) how far each coordinate lies from the lattice, in cells, from -0.5 to 0.5."""
    return np.asarray((shape - _origin(shape, edge)) / edge + 0.5) % 1 - 0.5


def _face(axes: Axes, shape: Shape, edge: float) -> None:
    low, high = shape.min(axis=0) - 3 * edge, shape.max(axis=0) + 3 * edge
    for start, first, last, line in zip(_origin(shape, edge), low, high, (axes.axvline, axes.axhline), strict=True):
        for place in np.arange(start + np.ceil((first - start) / edge) * edge, last, edge):
            line(place, color=GRID, linewidth=0.7)
    for outline in OUTLINES:
        axes.plot(*shape[list(outline)].T, color=INK, linewidth=0.6, alpha=0.4)
    axes.plot(*shape.T, ".", color=PALETTE[1], markersize=5)
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    main()
