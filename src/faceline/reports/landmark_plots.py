"""Draws the errors of landmark detectors: how large they are, and where on the face."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceline.geometry.measures import head_pose
from faceline.metrics.landmark import auc, failure_rate, interocular_distance
from faceline.plot_style import (
    MUTED,
    PALETTE,
    SMALL_SIZE,
    TEXT_SIZE,
    colours,
    in_percent,
    label_ends,
    new_figure,
    percent,
    style_axes,
    subtitle,
)
from faceline.types import Landmarks, PerFrame

ENOUGH: Final = 10
"""Fewest frames of a class that may be called the hardest."""

FAILURE: Final = 0.08
"""Errors above are called failures (Yang et al., 2015)."""


def error_curve(nme: Mapping[str, np.ndarray], *, source: str, threshold: float = 0.10) -> Figure:
    """Draw the cumulative error curve: the share of frames (y) whose NME is at most x, one line for each model.

    Args:
        nme: (n,) errors of each model.
        source: Provenance, written below the figure.
        threshold: End of the horizontal axis; a line's label gives its AUC up to there.

    Raises:
        ValueError: There is no model, there are no frames, or an error is negative or not finite.
    """
    _expect_models(nme)
    areas = {model: auc(errors, threshold) for model, errors in nme.items()}
    mark = min(FAILURE, threshold)
    best = max(areas, key=areas.__getitem__)
    share = percent(1 - failure_rate(nme[best], mark))
    title = f"{best}: {share} of frames have an NME of at most {100 * mark:g} %"
    figure = new_figure(7.6, 4.8, title, source)
    axes = figure.subplots()
    style_axes(axes, grid="both", xlabel="NME: mean point error over the distance of the outer eye corners")
    subtitle(axes, "Share of frames with at most this error")
    for (model, errors), colour in zip(nme.items(), colours(len(nme)), strict=True):
        axes.step(*_cumulative(errors, threshold), where="post", color=colour, linewidth=2, label=model)
    if mark < threshold:
        axes.axvline(mark, color=MUTED, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
        axes.text(
            mark * 1.01,
            0.02,
            f"failure\nabove {100 * mark:g} %",
            color=MUTED,
            size=SMALL_SIZE,
            ha="left",
            va="bottom",
        )
    axes.set(xlim=(0, threshold), ylim=(0, 1.02))
    ends = {f"{m}  AUC {areas[m]:.2f}": float((errors <= threshold).mean()) for m, errors in nme.items()}
    label_ends(axes, threshold, ends, colours(len(nme)))
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    return figure


def region_errors(regions: Mapping[str, Mapping[str, np.ndarray]], *, source: str) -> Figure:
    """Draw the error of each facial region: a dot at the mean, a bar over the middle 80 % of frames.

    Args:
        regions: (n,) errors for each region of each model, as from ``metrics.landmark.nme_per_region``.
        source: Provenance, written below the figure.

    Raises:
        ValueError: There is no model, or models have different regions.
    """
    _expect_models(regions)
    names = list(next(iter(regions.values())))
    for model, errors in regions.items():
        if set(errors) != set(names):
            raise ValueError(f"expected errors of {', '.join(names)} for {model}, got {', '.join(errors)}")
    overall = {r: float(np.mean([np.mean(errors[r]) for errors in regions.values()])) for r in names}
    order = sorted(names, key=overall.__getitem__)  # drawn from below, so the worst is on top
    hardest, easiest = (f"{region} ({percent(overall[region])})" for region in (order[-1], order[0]))
    among = "" if len(regions) == 1 else f", mean of {len(regions)} models"
    title = f"Hardest region: {hardest}; easiest: {easiest}{among}"
    figure = new_figure(7.6, 2.0 + len(names) * max(0.22 * len(regions) + 0.1, 0.42), title, source)
    axes = figure.subplots()
    style_axes(axes, grid="x", xlabel="NME: mean point error over the distance of the outer eye corners")
    subtitle(axes, "Dot: mean of the frames. Bar: the middle 80 % of the frames.")
    offsets = np.linspace(0.28, -0.28, len(regions)) if len(regions) > 1 else np.zeros(1)
    for (model, errors), offset, colour in zip(regions.items(), offsets, colours(len(regions)), strict=True):
        _rows(axes, [errors[region] for region in order], np.arange(len(order)) + offset, model, colour)
    axes.set_yticks(np.arange(len(order)), order)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xlim(left=0)
    axes.margins(x=0.1)
    in_percent(axes.xaxis)
    if len(regions) > 1:
        figure.legend(loc="outside right center", frameon=False, fontsize=TEXT_SIZE, labelcolor="linecolor")
    return figure


CONDITIONS: Final = {
    "head turned, degrees": (0.0, 10.0, 20.0, 30.0, 45.0, 180.0),
    "head raised, degrees": (-90.0, -20.0, -10.0, 0.0, 10.0, 90.0),
    "outer eye corners apart, pixels": (0.0, 30.0, 40.0, 60.0, 100.0, np.inf),
}
"""Possible causes of hard faces, and the classes of each."""


def error_by_condition(nme: PerFrame, target_px: Landmarks, *, source: str) -> Figure:
    """Draw the error by yaw, pitch and size of the face, all from the true landmarks, one plot below the other.

    Args:
        nme: (n,) errors of one model.
        target_px: True landmarks in pixels of the original frames.
        source: Provenance, written below the figure.
    """
    pose, _ = head_pose(target_px)
    values = (np.abs(pose[:, 0]), pose[:, 1], interocular_distance(target_px))
    classes = [
        _classes(nme, value, edges) for value, edges in zip(values, CONDITIONS.values(), strict=True)
    ]  # of each condition: name and errors of each class that has frames
    means = {
        " ".join((condition.split(", ")[0], name, condition.split(", ")[1])): float(errors.mean())
        for condition, found in zip(CONDITIONS, classes, strict=True)
        for name, errors in found.items()
        if len(errors) >= ENOUGH
    }
    worst = max(means, key=means.__getitem__, default=None)
    title = f"Hardest: {worst} (NME {percent(means[worst])})" if worst else "Too few frames to tell what is hard"
    rows = [max(len(found), 1) for found in classes]
    figure = new_figure(7.6, 2.4 + 0.3 * sum(rows), title, source)
    panels = figure.subplots(len(rows), 1, sharex=True, height_ratios=rows, squeeze=False)[:, 0]
    for axes, condition, found, colour in zip(panels, CONDITIONS, classes, PALETTE, strict=False):
        style_axes(axes, grid="x")
        subtitle(axes, condition)
        heights = np.arange(len(found))[::-1]
        if found:
            _rows(axes, list(found.values()), heights, condition, colour)
        axes.set_yticks(heights, [f"{name}  (n = {len(errors)})" for name, errors in found.items()])
        axes.set_ylim(-0.6, len(found) - 0.4)
        axes.margins(x=0.1)
    panels[-1].set_xlim(left=0)
    panels[-1].set_xlabel("NME. Dot: mean of the frames. Bar: the middle 80 % of them.", size=TEXT_SIZE, color=MUTED)
    in_percent(panels[-1].xaxis)
    return figure


def _classes(nme: PerFrame, values: PerFrame, edges: Sequence[float]) -> dict[str, np.ndarray]:
    """Return the errors of each class of values that has frames, by the name of the class."""
    found = {}
    for low, high in pairwise(edges):
        errors = nme[(values >= low) & (values < high)]
        if len(errors):
            name = f"≥ {low:g}" if high == edges[-1] else f"< {high:g}" if low == edges[0] else f"{low:g} to {high:g}"
            found[name] = errors
    return found


def published(groups: Mapping[str, Mapping[str, tuple[float, Sequence[float] | None]]], *, source: str) -> Figure:
    """Draw the NME of models with intervals, one block for each data set and split: blocks are not comparable.

    Args:
        groups: Models by title of their block, each with its NME and the ends of the interval, None if unknown.
        source: Provenance, written below the figure.

    Raises:
        ValueError: There is no group, or one without models.
    """
    if not groups or not all(groups.values()):
        raise ValueError("expected groups of at least one model")
    first = next(iter(groups))
    best = min(groups[first], key=lambda model: groups[first][model][0])
    rows = sum(len(models) for models in groups.values())
    widest = max(nme for models in groups.values() for nme, _ in models.values())
    title = f"{best} has the lowest NME on {first}: {100 * groups[first][best][0]:.2f} %"
    figure = new_figure(7.6, 1.6 + 0.42 * rows + 0.55 * len(groups), title, source)
    panels = figure.subplots(
        len(groups), sharex=True, squeeze=False, height_ratios=[len(models) + 0.6 for models in groups.values()]
    )
    for axes, (name, models) in zip(panels[:, 0], groups.items(), strict=True):
        style_axes(axes, grid="x")
        subtitle(axes, f"{name}. Bar: interval of 95 %.")
        order = sorted(models, key=lambda model: -models[model][0])
        for height, model in enumerate(order):
            nme, ends = models[model]
            if ends is not None:
                axes.hlines(height, *ends, color=PALETTE[0], linewidth=4, alpha=0.3)
            axes.plot(nme, height, "o", color=PALETTE[0], markersize=7, markerfacecolor=PALETTE[0] if ends else "white")
            text = f"{100 * nme:.2f} %" + ("" if ends else ", interval not known")
            right = max(nme, ends[1]) if ends else nme
            axes.annotate(
                text,
                (right, height),
                xytext=(8, 0),
                textcoords="offset points",
                size=SMALL_SIZE,
                color=MUTED,
                va="center",
            )
        axes.set_yticks(range(len(order)), order)
        axes.set(ylim=(-0.6, len(order) - 0.4), xlim=(0, 1.35 * widest))
    panels[-1, 0].set_xlabel(
        "NME: mean point error over the distance of the outer eye corners", size=TEXT_SIZE, color=MUTED
    )
    in_percent(panels[-1, 0].xaxis)
    return figure


def _expect_models(series: Mapping[str, object]) -> None:
    if not series:
        raise ValueError("expected at least one series to draw, got none")


def _rows(axes: Axes, errors: list[np.ndarray], heights: np.ndarray, model: str, colour: str) -> None:
    """Draw the dots, bars and numbers of one model, one for each row, such as a region."""
    means = np.array([row.mean() for row in errors])
    spans = np.array([np.quantile(row, [0.1, 0.9]) for row in errors])  # (rows, 2)
    axes.hlines(heights, spans[:, 0], spans[:, 1], color=colour, linewidth=4, alpha=0.3)
    axes.plot(means, heights, "o", color=colour, markersize=6, label=model)
    for mean, right, height in zip(means, np.maximum(means, spans[:, 1]), heights, strict=True):
        axes.annotate(
            percent(mean),
            (right, height),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            size=TEXT_SIZE,
            va="center",
        )


def _cumulative(errors: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the step function from 0 to the threshold."""
    inside = np.sort(errors[errors <= threshold])
    shares = np.arange(1, len(inside) + 1) / len(errors)
    last = shares[-1] if len(shares) else 0.0
    return np.concatenate([[0], inside, [threshold]]), np.concatenate([[0], shares, [last]])
