"""Draws sweeps: how the best trial was found, which parameters matter, what speed costs."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceline.plot_style import (
    INK,
    MUTED,
    PALETTE,
    SMALL_SIZE,
    TEXT_SIZE,
    new_figure,
    panel_title,
    percent,
    style_axes,
    whole_numbers,
)

State = Literal["finished", "pruned", "failed"]

SHOWN: Final = 8
"""Most parameters with a bar."""


class TrialPoint(NamedTuple):
    """A trial in the figures.

    Attributes:
        number: Number in the sweep.
        state: State at its end.
        values: Values of the objectives; for a pruned trial the last ones; empty if there are none.
    """

    number: int
    state: State
    values: tuple[float, ...]


def history(
    trials: Sequence[TrialPoint], importance: Mapping[str, float], metric: str, *, low_is_good: bool, source: str
) -> Figure:
    """Draw the value of every trial with the best so far, and what the values depend on.

    Args:
        trials: All trials in order.
        importance: Share of the variation that each parameter explains; empty with too few trials.
        metric: Name of the objective.
        low_is_good: Whether the metric is minimised.
        source: Provenance, written below the figure.

    Raises:
        ValueError: No trial has finished.
    """
    done = [trial for trial in trials if trial.state == "finished"]
    if not done:
        raise ValueError(f"expected a finished trial, got {len(trials)} others")
    best = (min if low_is_good else max)(done, key=lambda trial: trial.values[0])
    title = f"Trial {best.number} of {len(trials)} is the best: {metric} {_value(metric, best.values[0])}"
    figure = new_figure(9.6 if importance else 7.2, 4.4, title, source)
    if not importance:
        _draw_history(figure.subplots(), trials, metric, low_is_good)
        return figure
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_history(left, trials, metric, low_is_good)
    _draw_importance(right, importance)
    return figure


def _draw_history(axes: Axes, trials: Sequence[TrialPoint], metric: str, low_is_good: bool) -> None:
    style_axes(axes, grid="y", xlabel="trial")
    panel_title(axes, f"{metric}, {'low' if low_is_good else 'high'} is good")
    done = [trial for trial in trials if trial.state == "finished"]
    pruned = [trial for trial in trials if trial.state == "pruned" and trial.values]
    failed = [trial.number for trial in trials if trial.state == "failed"]
    numbers, values = [trial.number for trial in done], [trial.values[0] for trial in done]
    best = (np.minimum if low_is_good else np.maximum).accumulate(values)
    axes.step([*numbers, trials[-1].number], [*best, best[-1]], where="post", color=PALETTE[0], linewidth=2)
    axes.scatter(numbers, values, color=PALETTE[0], s=26, zorder=3, label="finished (line: best so far)")
    if pruned:
        places = [trial.number for trial in pruned], [trial.values[0] for trial in pruned]
        axes.scatter(*places, facecolor="white", edgecolor=MUTED, s=26, zorder=3, label="pruned, when given up")
    if failed:
        bottom = axes.get_xaxis_transform()
        axes.scatter(
            failed, [0.02] * len(failed), color=PALETTE[1], marker="x", s=26, transform=bottom, label="failed", zorder=3
        )
    whole_numbers(axes.xaxis)
    axes.yaxis.set_major_formatter(lambda value, _: _value(metric, value))
    axes.margins(y=0.12)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.14 * (high - low))  # for the legend
    axes.legend(frameon=False, fontsize=SMALL_SIZE, labelcolor=INK, loc="upper left", ncols=3, borderpad=0)


def _draw_importance(axes: Axes, importance: Mapping[str, float]) -> None:
    style_axes(axes, grid="x")
    panel_title(axes, "What it depends on")
    shown = sorted(importance.items(), key=lambda item: item[1])[-SHOWN:]
    names, shares = [key for key, _ in shown], [share for _, share in shown]
    bars = axes.barh(names, shares, color=PALETTE[0], height=0.6)
    axes.bar_label(bars, [percent(share) for share in shares], padding=4, size=TEXT_SIZE, color=INK)
    axes.set_xlim(0, max(*shares, 0.01) * 1.25)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def pareto(
    trials: Sequence[TrialPoint], front: Sequence[int], metrics: tuple[str, str], labels: Mapping[int, str], source: str
) -> Figure:
    """Draw two objectives against each other, and join the trials that no other beats in both.

    Args:
        trials: All trials in order.
        front: Numbers of the trials that no other beats.
        metrics: Names of the objectives.
        labels: Labels of the trials on the front.
        source: Provenance, written below the figure.
    """
    done = {trial.number: trial.values for trial in trials if trial.state == "finished"}
    best = sorted((done[number][1], done[number][0], number) for number in front)
    title = f"{len(front)} of {len(done)} trials are not beaten in both {metrics[0]} and {metrics[1]}"
    figure = new_figure(8.2, 5.0, title, source)
    axes = figure.subplots()
    style_axes(axes, grid="both", xlabel=metrics[1], ylabel=metrics[0])
    rest = [values for number, values in done.items() if number not in front]
    axes.scatter([v[1] for v in rest], [v[0] for v in rest], color=MUTED, alpha=0.6, s=22, linewidth=0)
    axes.step([x for x, *_ in best], [y for _, y, _ in best], where="post", color=PALETTE[0], linewidth=1.5, alpha=0.6)
    axes.scatter([x for x, *_ in best], [y for _, y, _ in best], color=PALETTE[0], s=40, zorder=3)
    axes.yaxis.set_major_formatter(lambda value, _: _value(metrics[0], value))
    axes.margins(0.12)
    axes.autoscale_view()  # now, as places are asked for
    _label_front(axes, [(x, y, labels.get(number, str(number))) for x, y, number in best])
    return figure


def _label_front(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write labels beside the points; one that would cover another is left out."""
    last = -np.inf
    for x, y, text in sorted(points, key=lambda point: point[1]):
        height = axes.transData.transform((x, y))[1]
        if height - last > 2.2 * SMALL_SIZE:
            offset = {"xytext": (6, 5), "textcoords": "offset points"}
            axes.annotate(text, (x, y), size=SMALL_SIZE, color=INK, **offset)  # type: ignore[arg-type]
            last = height


def _value(metric: str, value: float) -> str:
    """Format a value; errors relative to a face are percentages."""
    return f"{100 * value:.3g} %" if metric.rpartition("/")[2].startswith("nme") else f"{value:.4g}"
