"""Draws recognition by visit: missed people against greeted strangers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from faceline.plot_style import colours, in_percent, new_figure, style_axes, subtitle

_LOWEST = 1e-4
"""Place of rates that never occurred."""


def visit_det(curves: Mapping[str, Sequence[Mapping[str, Any]]], wanted: float, *, source: str) -> Figure:
    """Draw the detection error trade-off by visit.

    Args:
        curves: Points ``wanted``, ``missed`` and ``strangers_greeted`` for each way to enrol.
        wanted: Largest share of strangers' visits that a stand may greet; it gets a ring.
        source: Provenance, written below the figure.
    """
    figure = new_figure(7.6, 4.8, "Customers who are missed, and strangers who are greeted, by visit", source)
    axes = figure.subplots()
    style_axes(axes, grid="both", xlabel="share of strangers' visits greeted")
    subtitle(axes, f"Share of enrolled people's visits not greeted by name. Rings: told to greet {100 * wanted:g} %.")
    axes.set_xscale("log")
    for (name, points), colour in zip(curves.items(), colours(len(curves)), strict=True):
        alarms = np.maximum([point["strangers_greeted"] for point in points], _LOWEST)
        misses = [point["missed"] for point in points]
        axes.plot(alarms, misses, color=colour, linewidth=2, label=name)
        chosen = min(range(len(points)), key=lambda i: abs(points[i]["wanted"] - wanted))
        axes.plot(
            alarms[chosen], misses[chosen], "o", color=colour, markersize=9, markerfacecolor="none", markeredgewidth=2
        )
    axes.set(xlim=(_LOWEST, 1), ylim=(0, None))
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    axes.legend(frameon=False)
    return figure
