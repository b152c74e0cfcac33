"""Figures of a comparison: what they are computed from, and that each kind of input can be drawn."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceline.geometry.markup import REGIONS
from faceline.reports import comparison_plots as plots

POINT = st.tuples(st.integers(0, 9), st.integers(0, 9))


@given(st.lists(POINT, min_size=1, max_size=12))
def test_nothing_beats_the_front_in_both(points: list[tuple[int, int]]) -> None:
    costs, errors = np.array(points).T
    front = plots.pareto_front(costs, errors)

    def beaten(i: int) -> bool:
        return any(
            c <= costs[i] and e <= errors[i] and (c, e) != (costs[i], errors[i])
            for c, e in zip(costs, errors, strict=True)
        )

    assert {(costs[i], errors[i]) for i in front} == {p for i, p in enumerate(points) if not beaten(i)}
    assert list(costs[front]) == sorted(costs[front])


def test_learning_curves_mark_the_best_epoch() -> None:
    epochs = np.arange(4)
    figure = plots.learning_curves([(epochs, np.array([4.0, 2.0, 1.0, 3.0])), None], "NME", percent=False, lowest=True)
    curve, mark = figure.axes[0].lines
    assert list(curve.get_ydata()) == [4, 2, 1, 3] and (mark.get_xdata(), mark.get_ydata()) == ([2], [1])
    rising = plots.learning_curves([(epochs, np.array([0.1, 0.9, 0.5, 9.0]))], "F1", percent=True, lowest=False)
    assert rising.axes[0].lines[1].get_xdata() == [3] and rising.axes[0].get_yscale() == "log"


def test_error_curves_reach_the_share_of_frames() -> None:
    figure = plots.error_curves([np.array([0.01, 0.02, 0.03, 0.5]), np.array([0.2, 0.3, 0.04, 0.05])])
    axes = figure.axes[0]
    assert axes.get_xlim() == (0, 0.1)
    assert [line.get_ydata()[-1] for line in axes.lines] == [0.75, 0.5]


def test_regions_have_the_hardest_on_top() -> None:
    errors = {region: np.full(3, 0.01 * (i + 1)) for i, region in enumerate(REGIONS)}
    axes = plots.regions([errors, errors]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(REGIONS)
    assert len(axes.lines) == 2


def test_costs_of_any_size_can_be_drawn() -> None:
    costs = np.geomspace(1e3, 1e7, 9)
    axes = plots.against_cost(costs, np.linspace(0.1, 0.02, 9), "parameters", "NME", lowest=True).axes[0]
    axes.figure.draw_without_rendering()
    assert axes.get_xscale() == "log"
    assert "30 k" in [label.get_text() for label in axes.get_xticklabels()]
    assert plots.against_cost(np.array([2.0, 2.0]), np.array([0.5, 0.6]), "s", "F1", lowest=False).axes


def test_det_and_rank_curves() -> None:
    alarms, misses = np.array([1.0, 0.5, 0.0]), np.array([0.0, 0.5, 1.0])
    axes = plots.det_curves([(alarms, misses)], strangers=100).axes[0]
    assert axes.get_xlim() == (0.005, 1)
    ranks = plots.rank_curves([np.array([1, 2, 0, 11])]).axes[0].lines[0].get_ydata()
    assert list(ranks[:2]) == [1 / 3, 2 / 3] and ranks[-1] == 2 / 3
