"""Figures of shapes and of the groups that they fall into."""

import textwrap
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceline.clustering import Clusters, KScore, elbow, most_separate
from faceline.geometry.markup import OUTLINES
from faceline.geometry.shape import Shapes, centre, normalise
from faceline.plot_style import (
    GRID,
    INK,
    MUTED,
    PALETTE,
    SMALL_SIZE,
    TEXT_SIZE,
    in_percent,
    new_figure,
    panel_title,
    percent,
    style_axes,
    subtitle,
    whole_numbers,
)

_FAINT = 25  # members of a group that are drawn behind its mean
_COLUMNS = 4


def normalisation_steps(shapes: Shapes, *, source: str) -> Figure:
    """Draw the same faces as they are in their frames, centred, and centred and scaled.

    Args:
        shapes: Shapes of a few faces in pixels.
        source: Provenance, written below the figure.
    """
    figure = new_figure(9.6, 4.2, "Without place and size, what is left of a face is its shape", source)
    panels = (
        ("original, pixels", shapes),
        ("centred, pixels", centre(shapes)),
        ("centred and scaled", normalise(shapes)),
    )
    for axes, (name, drawn) in zip(figure.subplots(1, 3), panels, strict=True):
        for shape, colour in zip(drawn, PALETTE * len(drawn), strict=False):
            _draw(axes, shape, colour, 1.3)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        style_axes(axes, grid="both")
        panel_title(axes, name)
    return figure


def elbow_and_silhouette(trials: Sequence[KScore], *, source: str) -> Figure:
    """Draw how tight and how separate the groups are for each number of them.

    Args:
        trials: Scores with rising k.
        source: Provenance, written below the figure.

    Raises:
        ValueError: There are no trials.
    """
    if not trials:
        raise ValueError("expected at least one trial, got none")
    bend, apart = elbow(trials), most_separate(trials)
    ks = [trial.k for trial in trials]
    top = trials[ks.index(apart)].silhouette
    title = (
        f"The gain bends at {bend} groups; {apart} are the most separate, with a silhouette of {top:.2f} of at most 1"
    )
    figure = new_figure(9.2, 4.0, title, source)
    left, right = figure.subplots(1, 2)
    for axes, values, chosen, name in (
        (left, [trial.inertia for trial in trials], bend, "Elbow: squared distance from the group's mean, in sum"),
        (right, [trial.silhouette for trial in trials], apart, "Silhouette: nearer to the own group than to the next"),
    ):
        axes.plot(ks, values, color=PALETTE[0], linewidth=2, marker="o", markersize=4)
        axes.plot(chosen, values[ks.index(chosen)], "o", color=PALETTE[1], markersize=9)
        style_axes(axes, grid="both", xlabel="groups")
        subtitle(axes, name)
        whole_numbers(axes.xaxis)
        axes.set_ylim(bottom=min(0.0, *values))
    return figure


def mean_shapes(shapes: Shapes, clusters: Clusters, words: Sequence[str], *, source: str) -> Figure:
    """Draw the mean shape of each group over some of its members, with what it does in words.

    Args:
        shapes: Normalised shapes of the clusters.
        clusters: Groups of these shapes.
        words: One line for each group.
        source: Provenance, written below the figure.
    """
    k = len(clusters.means)
    rows = -(-k // _COLUMNS)
    columns = -(-k // rows)
    share = clusters.sizes / len(shapes)
    figure = new_figure(
        2.5 * columns + 0.3, 2.75 * rows + 1.0, f"{k} groups of shapes; the largest: {words[0]}", source
    )
    grid = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)).ravel()
    for axes in grid:
        axes.set_axis_off()
        axes.set_aspect("equal")
    for group, axes in zip(range(k), grid, strict=False):
        members = np.flatnonzero(clusters.labels == group)
        for member in members[:: max(1, len(members) // _FAINT)]:
            axes.plot(*shapes[member, :, :2].T, ".", color="#B8C0CA", markersize=1.6, zorder=0)
        _draw(axes, clusters.means[group], PALETTE[0], 1.6)
        axes.set_title(f"{group + 1}. {_wrapped(words[group])}\n{percent(float(share[group]))} of frames", loc="left",
                       size=SMALL_SIZE + 0.5, color=INK, pad=3)  # fmt: skip
    grid[0].invert_yaxis()
    return figure


def examples(pictures: Sequence[np.ndarray], words: Sequence[str], *, source: str) -> Figure:
    """Draw frames nearest to the mean of each group, one row for each group.

    Args:
        pictures: (n, h, w, 3) pictures of each group; n may differ.
        words: One line for each group.
        source: Provenance, written below the figure.
    """
    columns = max(len(row) for row in pictures)
    figure = new_figure(
        1.45 * columns + 2.6, 1.5 * len(pictures) + 0.9, "Frames nearest to the mean of each group", source
    )
    grid = figure.subplots(len(pictures), columns, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for group, (row, text) in enumerate(zip(pictures, words, strict=True)):
        for axes, picture in zip(grid[group], row, strict=False):
            axes.imshow(picture, interpolation="antialiased")
        grid[group, 0].set_ylabel(f"{group + 1}. {_wrapped(text, 18)}", rotation=0, ha="right", va="center",
                                  size=SMALL_SIZE + 0.5, color=INK)  # fmt: skip
    return figure


def purity_bars(values: dict[str, tuple[float, float]], k: int, *, source: str) -> Figure:
    """Draw whether as many groups as people are the people: purity beside that of random groups.

    Args:
        values: Purity and chance for each kind of name, such as ``person`` and ``video``.
        k: Number of groups.
        source: Provenance, written below the figure.
    """
    found, chance = values["person"]
    verdict = "are not people" if found < 0.5 else "are mostly people"
    title = f"{k} groups {verdict}: purity {percent(found)} by person, {percent(chance)} by chance"
    figure = new_figure(7.6, 1.9 + 0.75 * len(values), title, source)
    axes = figure.subplots()
    style_axes(axes, grid="x", xlabel="purity: share of the frames that bear the most frequent name of their group")
    subtitle(axes, "Full: k-means on shapes. Ring: groups of the same sizes, filled at random.")
    for height, (value, random) in enumerate(reversed(values.values())):
        axes.plot([random, value], [height, height], color=GRID, linewidth=5, zorder=1)
        axes.plot(value, height, "o", color=PALETTE[0], markersize=9)
        axes.plot(random, height, "o", color=MUTED, markersize=9, markerfacecolor="white", markeredgewidth=2)
        axes.annotate(percent(value), (max(value, random), height), xytext=(10, 0), textcoords="offset points",
                      va="center", size=TEXT_SIZE, color=PALETTE[0])  # fmt: skip
    axes.set_yticks(range(len(values)), [f"by {name}" for name in reversed(values)])
    axes.set(xlim=(0, 1), ylim=(-0.6, len(values) - 0.4))
    in_percent(axes.xaxis)
    return figure


def _draw(axes: Axes, shape: Float[np.ndarray, "68 d"], colour: str, width: float) -> None:
    for outline in OUTLINES:
        axes.plot(*shape[list(outline), :2].T, color=colour, linewidth=width)


def _wrapped(text: str, width: int = 30) -> str:
    return "\n".join(textwrap.wrap(text, width))
