import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.colors import to_rgb
from PIL import Image

from faceline.plot_style import png
from faceline.reports.contact_sheet import PREDICTED_COLOUR, TRUE_COLOUR, contact_sheet, pick_extremes

REFUSED = (ValueError, TypeError)  # a shape that does not fit is a TypeError where signatures are checked


def frames(n: int) -> dict:
    rng = np.random.default_rng(0)
    target = np.tile(rng.uniform(0.3, 0.7, (68, 2)), (n, 1, 1))
    return {
        "images": np.full((n, 20, 20, 3), 120, dtype=np.uint8),
        "preds": target + 0.01,
        "target": target,
        "nme": np.linspace(0.01, 0.4, n),
        "labels": [f"frame_{i}.jpg" for i in range(n)],
    }


def test_picks_are_the_best_the_middle_and_the_worst():
    nme = np.array([0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6])
    np.testing.assert_array_equal(nme[pick_extremes(nme, 2)], [[0.1, 0.2], [0.4, 0.5], [0.9, 0.8]])
    np.testing.assert_array_equal(nme[pick_extremes(nme, 9)][1], [0.4, 0.5, 0.6])  # three columns at most


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)), st.integers(1, 8))
def test_picks_never_repeat_a_frame_and_are_ordered(nme: np.ndarray, k: int):
    picks = pick_extremes(nme, k)
    assert picks.shape == (3, max(1, min(k, len(nme) // 3)))
    if len(nme) >= 3:
        assert len(set(picks.ravel().tolist())) == picks.size
    best, median, worst = nme[picks]
    assert best.max() <= median.min() or len(nme) < 3
    assert median.max() <= worst.min() or len(nme) < 3
    assert best[0] == nme.min()
    assert worst[0] == nme.max()


@pytest.mark.parametrize(("nme", "k"), [(np.zeros(0), 2), (np.array([0.1, np.nan]), 1), (np.ones(4), 0)])
def test_picks_of_nothing_are_refused(nme: np.ndarray, k: int):
    with pytest.raises(ValueError, match="n > 0"):
        pick_extremes(nme, k)


def test_sheet_shows_every_frame_with_its_error_name_and_points():
    given = frames(6)
    figure = contact_sheet(**given, source="run 1")
    assert len(figure.axes) == 6
    for i, axes in enumerate(figure.axes):
        assert axes.get_xlabel() == given["labels"][i]
        lines = {line.get_label(): line for line in axes.get_lines()}
        for name, points in (("true", given["target"]), ("predicted", given["preds"])):
            drawn = lines[name].get_xydata()
            drawn = np.unique(drawn[~np.isnan(drawn).any(axis=1)].round(9), axis=0)
            np.testing.assert_allclose(drawn, np.unique((points[i] * 20).round(9), axis=0))
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == ["best", "median", "worst"]
    assert figure.axes[0].get_title(loc="left") == "1.0 %"
    assert figure.get_suptitle().replace("\n", " ") == "NME 1.0 % at best, 20 % in the middle, 40 % at worst"
    assert figure.get_supxlabel() == "run 1"


def test_sheet_gives_a_squeezed_frame_its_own_shape_back():
    given = frames(3)
    sizes = np.array([[40, 20], [20, 40], [30, 30]])
    figure = contact_sheet(**given, sizes=sizes, source="s")
    for axes, (w, h) in zip(figure.axes, sizes, strict=True):
        assert axes.get_aspect() == 1
        assert list(axes.images[0].get_extent()) == [0, w, h, 0]


def test_window_follows_predictions_that_lie_near_and_not_those_far_away():
    given = frames(3)
    given["preds"] = given["target"] + np.array([0.0, 0.25, 50.0])[:, None, None]
    figure = contact_sheet(**given, source="s")
    widths = [np.ptp(axes.get_xlim()) for axes in figure.axes]
    face = 20 * np.ptp(given["target"][0], axis=0).max()
    assert widths[0] == pytest.approx(1.7 * face)
    assert 1.7 * face < widths[1] <= widths[2]
    assert widths[2] == pytest.approx(2.4 * face)


def test_both_colours_reach_the_picture():
    picture = np.asarray(Image.open(io.BytesIO(png(contact_sheet(**frames(3), source="s")))).convert("RGB"))
    for colour in (TRUE_COLOUR, PREDICTED_COLOUR):
        distance = np.abs(picture / 255 - np.array(to_rgb(colour))).sum(axis=-1)
        assert (distance < 0.1).sum() > 20


def test_long_names_keep_both_ends():
    given = frames(3)
    given["labels"] = ["Somebody_With_A_Very_Long_Name_Indeed_31.jpg"] * 3
    shown = contact_sheet(**given, source="s").axes[0].get_xlabel()
    assert shown.startswith("Somebody")
    assert shown.endswith("31.jpg")
    assert len(shown) <= 30


@pytest.mark.parametrize("n", [0, 4])
def test_frames_that_do_not_fill_three_rows_are_refused(n: int):
    with pytest.raises(ValueError, match="fill 3 rows"):
        contact_sheet(**frames(n), source="s")


@pytest.mark.parametrize("part", ["images", "preds", "target", "nme", "labels"])
def test_unequal_lengths_are_refused(part: str):
    given = frames(3)
    given[part] = given[part][:2]
    with pytest.raises(REFUSED):
        contact_sheet(**given, source="s")
