"""Figures of identification: their titles say what the numbers are."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from faceline.metrics.identification import det_curve
from faceline.plot_style import png
from faceline.reports import identification_plots as plots


def title(figure: Figure) -> str:
    assert png(figure).startswith(b"\x89PNG")
    return figure.get_suptitle().replace("\n", " ")


def table(people: list[str], predicted: list[str], rank: list[int] | None = None) -> pd.DataFrame:
    right = [1 if a == b else 2 for a, b in zip(people, predicted, strict=True)]
    return pd.DataFrame({"person": people, "predicted": predicted, "rank": rank or right})


def test_the_rank_curve_names_the_best_and_leaves_strangers_out() -> None:
    ranks = {"knn": np.array([1, 1, 0, 7, 2]), "fnn": np.array([1, 1, 0, 1, 9])}
    assert title(plots.rank_curve(ranks, source="s")) == "fnn names 75 % rightly; for 75 % the person is among five"
    with pytest.raises(ValueError, match="at least one model"):
        plots.rank_curve({}, source="s")


def test_the_trade_off_tells_who_is_missed() -> None:
    rng = np.random.default_rng(0)
    target = np.repeat([-1, 0, 1, 2], 50)
    scores = rng.normal(size=(200, 3)) + 2.5 * (target[:, None] == np.arange(3))
    _, alarms, misses = det_curve(scores, target)
    marks = {"1pct": (0.02, 0.4), "0.1pct": (0.0, 0.61)}
    figure = plots.det_curve({"embedder": (alarms, misses, marks)}, 50, source="s")
    assert title(figure) == "embedder misses 40 % of the enrolled at the threshold set for 1 % of false alarms"
    with pytest.raises(ValueError, match="curves and strangers"):
        plots.det_curve({}, 50, source="s")


def test_the_pairs_most_often_mixed_up_are_named() -> None:
    rows = table(["Ann_B"] * 3 + ["Cy"] * 2 + ["Di"], ["Cy", "Cy", "Ann_B", "Di", "Cy", "Di"])
    strangers = table(["X"] * 5, ["Cy"] * 5, [0] * 5)
    figure = plots.most_mixed_up(pd.concat([rows, strangers]), source="s")
    assert title(figure) == "Most often mixed up: Ann B, taken for Cy 2 times"
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["Ann B → Cy", "Cy → Di"]
    assert title(plots.most_mixed_up(table(["a"], ["a"]), source="s")) == "Nobody was mixed up"


def test_f1_is_told_by_how_many_frames_people_have() -> None:
    people = ["a"] * 4 + ["b"] * 4
    figure = plots.by_frames(table(people, ["a"] * 4 + ["a", "a", "b", "b"]), np.repeat(["a", "b"], [9, 2]), source="s")
    assert title(figure) == "F1 0.67 for people with 2 frames in the gallery, 1.00 with 9"
    alone = plots.by_frames(table(["a"], ["a"]), np.array(["a"]), source="s")
    assert "1 frames" in title(alone)


def test_what_a_new_visit_costs() -> None:
    known = {"knn": (0.33, 0.3, 0.36), "fnn": (0.43, 0.4, 0.46)}
    new = {"knn": (0.02, 0.01, 0.03), "fnn": (0.06, 0.04, 0.08), "embedder": (0.27, 0.2, 0.3)}
    figure = plots.cost_of_a_visit(known, new, source="s")
    assert title(figure) == "On a new visit the best method, fnn, falls from F1 0.430 to 0.060"
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["knn", "fnn", "embedder"]
    bars = {tuple(bar.get_segments()[0][:, 0].round(2)) for bar in axes.collections}
    assert bars == {ends[1:] for ends in [*known.values(), *new.values()]}
    with pytest.raises(ValueError, match="at least one method"):
        plots.cost_of_a_visit(known, {}, source="s")


def test_examples_are_the_surest_of_each_kind_one_a_person() -> None:
    target = np.array([0, 0, 1, 2, 2, -1])
    predicted = np.array([0, 0, 0, 2, 1, 1])
    score = np.array([0.2, 0.9, 0.8, 0.5, 0.7, 1.0])
    probes, columns = plots.pick_examples(target, predicted, score)
    assert probes.tolist() == [1, 3, 2, 4]
    assert columns.tolist() == [0, 2, 0, 1]


@pytest.mark.parametrize("kinds", ["==≠≠≠", "=", "≠"])
def test_examples_are_drawn_as_faces_and_as_shapes(kinds: str) -> None:
    captions = [f"Some_Very_Long_Name_Of_A_Person\n{kind} Another" for kind in kinds]
    pictures = np.zeros((len(kinds), 16, 16, 3), np.uint8)
    shapes = np.random.default_rng(0).normal(size=(len(kinds), 68, 2))
    for figure in (
        plots.example_faces(pictures, pictures, captions, source="s"),
        plots.example_shapes(shapes, shapes, captions, source="s"),
    ):
        assert "right above, wrong below" in title(figure)
