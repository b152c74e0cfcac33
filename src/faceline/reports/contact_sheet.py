"""The contact sheet: best, median and worst frames of a landmark detector."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from faceline.geometry.markup import OUTLINES
from faceline.plot_style import GRID, INK, MUTED, TEXT_SIZE, new_figure, percent
from faceline.types import Images, Landmarks, PerFrame, Sizes

TRUE_COLOUR: Final = "#35D0FF"
PREDICTED_COLOUR: Final = "#FF7A1A"
"""Sky blue and orange differ for all colour-blind readers; a dark edge sets them apart from skin."""

ROWS: Final = ("best", "median", "worst")


def pick_extremes(nme: PerFrame, k: int) -> Integer[np.ndarray, "3 columns"]:
    """Return the frames of a contact sheet: rows best (best first), median, worst (worst first).

    Args:
        nme: Error of each frame.
        k: Wanted number of columns. With fewer than 3 * k frames there are fewer columns, at least one, so that no
            frame appears twice as long as there are three.

    Raises:
        ValueError: There are no frames, an error is NaN, or k is below 1.
    """
    if len(nme) == 0 or np.isnan(nme).any() or k < 1:
        raise ValueError(f"expected errors of n > 0 frames without NaN and k > 0, got {len(nme)} frames and k = {k}")
    order = np.argsort(nme, kind="stable")
    k = max(1, min(k, len(nme) // 3))
    middle = (len(nme) - k) // 2
    return np.stack([order[:k], order[middle : middle + k], order[::-1][:k]])


def contact_sheet(
    images: Images,
    preds: Landmarks,
    target: Landmarks,
    nme: PerFrame,
    labels: Sequence[str],
    *,
    source: str,
    sizes: Sizes | None = None,
    outlines: Sequence[Sequence[int]] = OUTLINES,
) -> Figure:
    """Draw the best, median and worst frames with true and predicted points.

    Args:
        images: Frames of ``pick_extremes(...).ravel()``: equally many in each of the three rows.
        preds: Predicted landmarks on [0, 1] of each frame.
        target: True landmarks on [0, 1] of each frame; those that are NaN are not drawn.
        nme: Error of each frame.
        labels: Name of each frame, which is written below it.
        source: Provenance, written below the figure.
        sizes: Original widths and heights, which restore the shape before the square cache.
        outlines: Lines that join landmarks; those without a line are dots.

    Raises:
        ValueError: The lengths differ or do not fill three rows.
    """
    lengths = [len(images), len(preds), len(target), len(nme), len(labels)]
    lengths += [] if sizes is None else [len(sizes)]
    if len(set(lengths)) != 1 or len(images) == 0 or len(images) % len(ROWS):
        raise ValueError(f"expected equal lengths that fill {len(ROWS)} rows, got {lengths}")
    height, width = images.shape[1:3]
    extents = np.broadcast_to([width, height], (len(images), 2)) if sizes is None else sizes
    columns = len(images) // len(ROWS)
    figure = new_figure(max(5.6, 1.85 * columns + 0.5), len(ROWS) * 2.2 + 1.1, _title(nme, columns), source)
    grid = figure.subplots(len(ROWS), columns, squeeze=False)
    for i, axes in enumerate(grid.flat):
        _draw_frame(axes, images[i], preds[i] * extents[i], target[i] * extents[i], extents[i], outlines)
        axes.set_title(percent(float(nme[i])), loc="left", size=TEXT_SIZE, weight="bold", color=INK, pad=3)
        axes.set_xlabel(_shortened(labels[i], 30), size=6.5, color=MUTED, loc="left", labelpad=2)
    for axes, name in zip(grid[:, 0], ROWS, strict=True):
        axes.set_ylabel(name, size=TEXT_SIZE + 1.5, weight="bold", color=MUTED, labelpad=6)
    lines, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        lines,
        names,
        loc="outside lower right",
        ncols=2,
        frameon=False,
        fontsize=TEXT_SIZE,
        markerscale=2,
    )
    return figure


def _title(nme: np.ndarray, columns: int) -> str:
    middle = float(np.median(nme[columns : 2 * columns]))
    best, worst = float(nme.min()), float(nme.max())
    return f"NME {percent(best)} at best, {percent(middle)} in the middle, {percent(worst)} at worst"


def _draw_frame(
    axes: Axes,
    image: np.ndarray,
    preds_px: np.ndarray,
    target_px: np.ndarray,
    size: np.ndarray,
    outlines: Sequence[Sequence[int]],
) -> None:
    """Draw a square window around the face, so that faces of any size are seen equally well; points in pixels."""
    axes.imshow(image, extent=(0, size[0], size[1], 0), aspect="equal", interpolation="antialiased")
    _draw_face(axes, target_px, outlines, TRUE_COLOUR, "true", weight=1.7)
    _draw_face(axes, preds_px, outlines, PREDICTED_COLOUR, "predicted", weight=1.0)
    (left, right), (top, bottom) = _window(preds_px, target_px)
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], facecolor=GRID)
    axes.spines[:].set_visible(False)


def _window(preds_px: np.ndarray, target_px: np.ndarray) -> np.ndarray:
    """Return (2, 2) from and to, along x and y: a margin around the true face and nearby predictions."""
    low, high = np.nanmin(target_px, axis=0), np.nanmax(target_px, axis=0)
    centre, face = (low + high) / 2, float((high - low).max())
    needed = 2.1 * float(np.abs(preds_px - centre).max())
    side = float(np.clip(needed, 1.7 * face, 2.4 * face))
    return np.stack([centre - side / 2, centre + side / 2], axis=1)


def _draw_face(
    axes: Axes, points: np.ndarray, outlines: Sequence[Sequence[int]], colour: str, label: str, weight: float
) -> None:
    """Draw the outlines as one line, with the pen lifted between them; true ones are heavier to show below."""
    pen_up = np.full((1, 2), np.nan)
    alone = sorted(set(range(len(points))) - {point for outline in outlines for point in outline})
    strokes = [part for outline in (*outlines, *([each] for each in alone)) for part in (points[list(outline)], pen_up)]
    x, y = np.concatenate(strokes).T
    axes.plot(
        x,
        y,
        color=colour,
        linewidth=0.8 * weight,
        marker="o",
        markersize=1.6 * weight,
        markeredgewidth=0,
        label=label,
        path_effects=[withStroke(linewidth=0.8 * weight + 0.7, foreground="#10151B", alpha=0.35)],
    )


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length // 2 - 1]}…{text[-length // 2 :]}"
