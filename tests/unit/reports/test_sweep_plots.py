"""Figures of sweeps say what was found."""

import pytest
from matplotlib.figure import Figure

from faceline.plot_style import png
from faceline.reports.sweep_plots import TrialPoint, history, pareto

TRIALS = [
    TrialPoint(0, "finished", (0.09,)),
    TrialPoint(1, "failed", ()),
    TrialPoint(2, "pruned", (0.2,)),
    TrialPoint(3, "pruned", ()),
    TrialPoint(4, "finished", (0.06,)),
]


def title(figure: Figure) -> str:
    return figure.get_suptitle()


@pytest.mark.parametrize("importance", [{}, {"model.lr": 0.9, "model/loss": 0.1}])
def test_a_history_names_the_best_trial(importance: dict[str, float]) -> None:
    low = history(TRIALS, importance, "val/nme", low_is_good=True, source="here")
    assert title(low) == "Trial 4 of 5 is the best: val/nme 6 %"
    assert title(history(TRIALS, importance, "val/rank1", low_is_good=False, source="")).endswith("val/rank1 0.09")
    (axes, *bars) = low.axes
    line = axes.lines[0].get_ydata()
    assert list(line) == [0.09, 0.06, 0.06]  # the best so far, to the end
    assert len(bars) == bool(importance)
    if importance:
        assert [text.get_text() for text in bars[0].get_yticklabels()] == ["model/loss", "model.lr"]
    assert png(low).startswith(b"\x89PNG")


def test_a_history_without_a_finished_trial_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a finished trial"):
        history(TRIALS[1:3], {}, "val/nme", low_is_good=True, source="")


def test_the_front_is_labelled_where_there_is_room() -> None:
    points = [
        TrialPoint(i, "finished", (y, x))
        for i, (y, x) in enumerate([(0.05, 30.0), (0.09, 5.0), (0.0501, 29.0), (0.2, 40.0)])
    ]
    figure = pareto(points, [0, 1, 2], ("val/nme", "ms_per_frame"), {0: "cnn 0", 1: "resnet18 1", 2: "cnn 2"}, "here")
    assert title(figure) == "3 of 4 trials are not beaten in both val/nme and ms_per_frame"
    assert [text.get_text() for text in figure.axes[0].texts] == ["cnn 0", "resnet18 1"]  # 2 would lie on 0
