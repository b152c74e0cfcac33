"""Draws the figures of a comparison, narrow enough for a phone.

Titles, names and findings are text of the page; a series has the same colour, marker and dashes everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from faceline.metrics.identification import rank_k
from faceline.plot_style import GRID, MUTED, PALETTE, in_percent, style_axes, whole_numbers

DRAWN: Final = len(PALETTE)
"""Most series in one figure that can be told apart."""
MARKERS: Final = ("o", "s", "D", "^", "v", "P", "X")
DASHES: Final = (
    "solid",
    (0, (5, 1.5)),
    (0, (2, 1.2)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (1, 1)),
    (0, (8, 2)),
    (0, (3, 1, 1, 1)),
)

Points = tuple[np.ndarray, np.ndarray]
"""Values along x and along y."""


Kind = TypeVar("Kind")
Series = Sequence[Kind | None]
"""Data for each place of a board; None if nothing is known."""


def learning_curves(history: Series[Points], ylabel: str, *, percent: bool, lowest: bool) -> Figure:
    """Draw a metric over the epochs, one line for each series with its best epoch marked; None has no line."""
    figure, axes = _figure(3.0)
    style_axes(axes, grid="y", xlabel="epoch", ylabel=ylabel)
    for i, (epochs, values) in _known(history):
        best = int(values.argmin() if lowest else values.argmax())
        _line(axes, i, epochs, values)
        axes.plot(epochs[best], values[best], MARKERS[i], color=PALETTE[i], markersize=6)
    everything = np.concatenate([values for _, (_, values) in _known(history)])
    if everything.min() > 0 and everything.max() > 10 * everything.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
    whole_numbers(axes.xaxis)
    if percent:
        in_percent(axes.yaxis)
    return figure


def error_curves(errors: Series[np.ndarray]) -> Figure:
    """Draw the share of frames (y) whose error is at most x."""
    threshold = next((t for t in (0.1, 0.2, 0.5, 1) if np.median(_known(errors)[0][1]) < t / 2), 2.0)
    figure, axes = _figure(3.0)
    style_axes(axes, grid="both", xlabel="NME at most", ylabel="share of frames")
    for i, values in _known(errors):
        inside = np.sort(values[values <= threshold])
        shares = np.arange(1, len(inside) + 1) / len(values)
        x, y = np.append(inside, threshold), np.append(shares, len(inside) / len(values))
        _line(axes, i, np.append(0, x), np.append(0, y), drawstyle="steps-post")
    axes.set(xlim=(0, threshold), ylim=(0, 1.02))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    return figure


def regions(errors: Series[Mapping[str, np.ndarray]]) -> Figure:
    """Draw the mean error of each facial region, a mark for each series; the hardest region on top."""
    known = _known(errors)
    overall = {region: float(np.mean([one[region].mean() for _, one in known])) for region in known[0][1]}
    order = sorted(overall, key=overall.__getitem__)
    figure, axes = _figure(1.0 + 0.5 * len(order))
    style_axes(axes, grid="x", xlabel="NME")
    offsets = np.linspace(0.22, -0.22, len(known)) if len(known) > 1 else np.zeros(1)
    for (i, one), offset in zip(known, offsets, strict=True):
        means = [one[region].mean() for region in order]
        axes.plot(means, np.arange(len(order)) + offset, MARKERS[i], color=PALETTE[i], markersize=6.5)
    axes.set_yticks(np.arange(len(order)), order)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xlim(left=0)
    in_percent(axes.xaxis)
    return figure


def against_cost(costs: np.ndarray, values: np.ndarray, xlabel: str, ylabel: str, *, lowest: bool) -> Figure:
    """Draw every run by cost and result; the line joins the runs that no other beats in both."""
    figure, axes = _figure(2.9)
    style_axes(axes, grid="both", xlabel=xlabel, ylabel=ylabel)
    front = pareto_front(costs, values if lowest else -values)
    axes.plot(costs[front], values[front], color=MUTED, linewidth=1.2, drawstyle="steps-post", zorder=1)
    for i in reversed(range(len(costs))):  # the best on top
        drawn = i < DRAWN
        axes.plot(
            costs[i],
            values[i],
            MARKERS[i] if drawn else "o",
            color=PALETTE[i] if drawn else MUTED,
            markersize=9 if i in front and drawn else 6.5 if drawn else 4,
        )
    if costs.min() > 0 and costs.max() > 8 * costs.min():
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.margins(0.12)
    axes.xaxis.set_major_formatter(FuncFormatter(_short))
    if lowest:
        in_percent(axes.yaxis)
    return figure


def pareto_front(costs: np.ndarray, errors: np.ndarray) -> list[int]:
    """Return the positions that no other beats in one without losing in the other, the cheapest first."""
    front: list[int] = []
    for i in np.lexsort((errors, costs)):
        if not front or errors[i] < errors[front[-1]]:
            front.append(int(i))
    return front


def rank_curves(ranks: Series[np.ndarray], deepest: int = 10) -> Figure:
    """Draw the share of probes whose true person is among the first k."""
    k = np.arange(1, deepest + 1)
    figure, axes = _figure(3.0)
    style_axes(axes, grid="both", xlabel="people looked at, the most alike first", ylabel="true person among them")
    for i, rank in _known(ranks):
        shares = np.array([rank_k(rank, int(place)) for place in k])
        _line(axes, i, k, shares, marker=MARKERS[i], markersize=4)
    axes.set(ylim=(0, 1.02), xticks=k[::3])
    in_percent(axes.yaxis)
    return figure


def det_curves(rates: Series[Points], strangers: int) -> Figure:
    """Draw missed people against falsely recognised strangers, for every threshold.

    Args:
        rates: FPIR and FNIR of each series.
        strangers: Number of strangers among the probes; lower rates than one of them cannot be measured.
    """
    figure, axes = _figure(3.2)
    style_axes(axes, grid="both", xlabel="FPIR: strangers taken for somebody", ylabel="FNIR: enrolled not named")
    lowest = min(0.5 / strangers, 0.005)
    axes.set_xscale("log")
    for i, (alarms, misses) in _known(rates):
        _line(axes, i, np.maximum(alarms, lowest), misses, drawstyle="steps-post")
    axes.axvspan(lowest, 1 / strangers, color=GRID, linewidth=0)
    axes.set(xlim=(lowest, 1), ylim=(0, 1.02))
    axes.xaxis.set_minor_locator(NullLocator())
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    return figure


def _known(series: Series[Kind]) -> list[tuple[int, Kind]]:
    """Yield place and data of the known series."""
    return [(i, one) for i, one in enumerate(series) if one is not None]


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.4, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _line(axes: Axes, i: int, x: np.ndarray, y: np.ndarray, **settings: Any) -> None:
    axes.plot(x, y, color=PALETTE[i], linewidth=2, linestyle=DASHES[i], **settings)


def _short(value: float, _: object) -> str:
    """Format 1,500,000 as 1.5 M."""
    scales: tuple[tuple[float, str], ...] = ((1e9, " G"), (1e6, " M"), (1e3, " k"))
    for size, unit in scales:
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
