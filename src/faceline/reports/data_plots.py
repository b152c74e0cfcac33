"""Draws a data set before any model sees it."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceline.data.index import FrameIndex
from faceline.plot_style import (
    INK,
    PALETTE,
    SMALL_SIZE,
    new_figure,
    panel_title,
    style_axes,
    whole_numbers,
)

MOST_BARS: Final = 30
"""Most counts with a bar each; beyond, they are binned."""


def data_distributions(index: FrameIndex, *, source: str) -> Figure:
    """Videos per person, frames per video, frame sizes and face sizes.

    The size of a face is the distance of its outer eye corners, by which the NME is measured.

    Args:
        index: Data set, or a part of it.
        source: Provenance, written below the figure.

    Raises:
        ValueError: The index is empty.
    """
    if len(index) == 0:
        raise ValueError(f"expected frames to draw, got an empty index of {index.dataset}")
    pairs = np.unique(np.stack([index.persons.astype(str), index.videos.astype(str)]), axis=1)  # (2, videos)
    people = np.unique(pairs[0], return_counts=True)[1]
    videos = np.unique(index.videos, return_counts=True)[1]
    title = (
        f"{index.dataset}: {_counted(len(index), 'frame')} from {_counted(len(videos), 'video')} "
        f"of {_counted(len(people), 'person', 'people')}"
    )
    figure = new_figure(9.6, 7.0, title, source)
    (top_left, top_right), (bottom_left, bottom_right) = figure.subplots(2, 2)
    _counts(top_left, people, "videos per person", "people")
    _counts(top_right, videos, "frames per video", "videos")
    _frame_sizes(bottom_left, index.sizes)
    left, right = index.markup.normaliser
    _face_sizes(bottom_right, np.linalg.norm(index.landmarks[:, left] - index.landmarks[:, right], axis=1))
    return figure


def _counts(axes: Axes, values: np.ndarray, what: str, of: str) -> None:
    """Draw a bar for each count, or a histogram if there are too many."""
    style_axes(axes, grid="y", xlabel=what, ylabel=of)
    low, high = int(values.min()), int(values.max())
    if high - low < MOST_BARS:
        counts = np.arange(low, high + 1)
        axes.bar(counts, np.bincount(values, minlength=high + 1)[low:], width=0.75, color=PALETTE[0])
        axes.set_xlim(min(low, 1) - 0.6, max(high, 5) + 0.6)
    else:
        axes.hist(values, bins=MOST_BARS, color=PALETTE[0], edgecolor="white", linewidth=0.5)
    whole_numbers(axes.xaxis)
    whole_numbers(axes.yaxis)
    span = f"always {low}" if low == high else f"{low} to {high}, median {np.median(values):g}"
    panel_title(axes, f"{what[0].upper()}{what[1:]}: {span}")


def _frame_sizes(axes: Axes, sizes: np.ndarray) -> None:
    """Draw a bubble for each size; its area is the share of the frames with that size."""
    style_axes(axes, grid="both", xlabel="width, px", ylabel="height, px")
    distinct, counts = np.unique(sizes, axis=0, return_counts=True)
    area = np.maximum(12, 900 * counts / counts.sum())
    axes.scatter(distinct[:, 0], distinct[:, 1], s=area, color=PALETTE[0], alpha=0.45, linewidth=0.4, edgecolor="white")
    edge = 1.1 * distinct.max()
    axes.plot([0, edge], [0, edge], color=INK, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    axes.text(0.93 * edge, edge, "square", size=SMALL_SIZE, color=INK, ha="right", va="top")
    axes.set(xlim=(0, edge), ylim=(0, edge))
    smallest, largest = distinct[distinct.prod(axis=1).argmin()], distinct[distinct.prod(axis=1).argmax()]
    span = f"{smallest[0]} × {smallest[1]}"
    if len(distinct) > 1:
        span += f" to {largest[0]} × {largest[1]}"
    panel_title(axes, f"Frame sizes: {span} px")


def _face_sizes(axes: Axes, faces: np.ndarray) -> None:
    style_axes(axes, grid="y", xlabel="distance of the outer eye corners, px", ylabel="frames")
    faces = faces[np.isfinite(faces)]
    if not len(faces):
        panel_title(axes, "Face sizes: no frame has landmarks")
        return
    axes.hist(faces, bins=MOST_BARS, color=PALETTE[0], edgecolor="white", linewidth=0.5)
    whole_numbers(axes.yaxis)
    median = float(np.median(faces))
    axes.axvline(median, color=PALETTE[1], linewidth=1.5)
    axes.set_xlim(left=0)
    low, high = np.quantile(faces, [0.05, 0.95])
    panel_title(axes, f"Face sizes: median {median:.0f} px, 90 % within {low:.0f} to {high:.0f}")


def _counted(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"
