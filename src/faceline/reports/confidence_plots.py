"""Draws figures of confidence: the error after rejecting uncertain frames, and the calibration."""

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceline.metrics.reliability import calibration_bins, error_of_surest, errors_kept
from faceline.plot_style import (
    MUTED,
    PALETTE,
    SMALL_SIZE,
    in_percent,
    label_ends,
    new_figure,
    percent,
    style_axes,
    subtitle,
)
from faceline.types import PerFrame

_LEFT_OUT = 0.5


def confidence(
    nme: PerFrame,
    sure: PerFrame,
    told: Float[np.ndarray, " m"],
    reliable: Bool[np.ndarray, " m"],
    *,
    bound: float,
    source: str,
) -> Figure:
    """Draw the rejection curve of whole frames, and the calibration over frames and parts of them.

    Args:
        nme: (n,) errors of whole frames.
        sure: (n,) confidences of whole frames.
        told: (m,) confidences of whole frames and parts.
        reliable: (m,) whether each is reliable.
        bound: Largest NME of a reliable frame.
        source: Provenance, written below the figure.
    """
    title = (
        f"The surest 80 % of the frames have an NME of {percent(error_of_surest(nme, sure, 0.8))}, "
        f"all have {percent(float(nme.mean()))}"
    )
    figure = new_figure(10.4, 4.3, title, source)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _rejection(left, nme, sure)
    _calibration(right, told, reliable, bound)
    return figure


def _rejection(axes: Axes, nme: PerFrame, sure: PerFrame) -> None:
    style_axes(axes, xlabel="share of the frames left out, the least sure first")
    subtitle(axes, "NME of the frames that are kept")
    out = np.arange(len(nme)) / len(nme)
    shown = out <= _LEFT_OUT
    lines = {
        "by confidence": errors_kept(nme, sure),
        "at best: by the error": errors_kept(nme, -nme),
        "at random": np.full(len(nme), nme.mean()),
    }
    colours = (PALETTE[0], MUTED, MUTED)
    for values, colour, dashes in zip(lines.values(), colours, ("-", (0, (2, 2)), ":"), strict=True):
        axes.plot(out[shown], values[shown], color=colour, linestyle=dashes, linewidth=2)
    axes.set(xlim=(0, _LEFT_OUT), ylim=(0, 1.1 * float(nme.mean())))
    label_ends(axes, _LEFT_OUT, {name: float(values[shown][-1]) for name, values in lines.items()}, colours)
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)


def _calibration(axes: Axes, told: PerFrame, reliable: np.ndarray, bound: float) -> None:
    style_axes(axes, grid="both", xlabel="confidence that is told, in frames and parts of them")
    subtitle(axes, f"Share that has an NME of at most {100 * bound:g} %")
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (2, 2)), linewidth=1)
    for mean, share, count in calibration_bins(told, reliable):
        axes.plot(mean, share, "o", color=PALETTE[0], markersize=3 + 9 * np.sqrt(count / len(told)))
        below = share > 0.9
        axes.annotate(
            f"{count}",
            (mean, share),
            (0, -9 if below else 8),
            textcoords="offset points",
            size=SMALL_SIZE,
            color=MUTED,
            ha="center",
            va="top" if below else "bottom",
        )
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.05, 1.08))
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
