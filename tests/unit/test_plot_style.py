import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceline.plot_style import PALETTE, colours, label_ends, new_figure, percent, png, spread


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "0.0 %"),
        (0.0534, "5.3 %"),
        (0.0996, "10 %"),
        (0.534, "53 %"),
        (0.997, "99.7 %"),
        (0.99999, "99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_percent_never_rounds_up_to_all(fraction: float, text: str):
    assert percent(fraction) == text


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.2))
def test_spread_labels_keep_their_distance_order_and_mean(wanted: list[float], gap: float):
    placed = spread(wanted, gap)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(placed[order]) >= gap - 1e-9).all()
    assert placed.mean() == pytest.approx(np.mean(wanted), abs=1e-9)


def test_spread_leaves_labels_that_have_room():
    np.testing.assert_allclose(spread([0.9, 0.1, 0.5], 0.1), [0.9, 0.1, 0.5])
    np.testing.assert_allclose(spread([0.5, 0.5], 0.2), [0.4, 0.6])


def test_colours_repeat_only_after_all_are_used():
    assert len(set(colours(len(PALETTE)))) == len(PALETTE)
    assert colours(len(PALETTE) + 1)[-1] == PALETTE[0]


def test_labels_of_lines_that_meet_do_not_lie_on_one_another():
    figure = new_figure(6.0, 4.0, "Two lines", "test")
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(1e-4, 1), yscale="log")
    label_ends(axes, 1.0, {"a": 0.01, "b": 0.0101, "c": 0.9}, ["red", "green", "blue"])
    figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c"]
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))


def test_png_is_a_picture_of_the_size_asked_for():
    figure = new_figure(4.0, 3.0, "A finding that is so long that it needs a second line to fit", "where from")
    picture = Image.open(io.BytesIO(png(figure)))
    assert picture.format == "PNG"
    assert picture.size == (600, 450)
    assert "\n" in figure.get_suptitle()
    assert figure.get_supxlabel() == "where from"
