import numpy as np
import pytest
from matplotlib import pyplot

from faceline.geometry.face_model import neutral_shape
from faceline.geometry.markup import REGIONS
from faceline.plot_style import png
from faceline.reports.landmark_plots import error_by_condition, error_curve, published, region_errors


def texts(axes) -> str:
    return "\n".join(text.get_text() for text in axes.texts)


def title(figure) -> str:
    return figure.get_suptitle().replace("\n", " ")


def by_label(axes) -> dict:
    return {str(line.get_label()): line for line in axes.get_lines()}


def regions(scale: float) -> dict[str, np.ndarray]:
    return {region: scale * (i + 1) * np.array([0.5, 1.0, 1.5]) for i, region in enumerate(REGIONS)}


def test_error_curve_holds_the_share_of_frames_at_each_error():
    good, bad = np.array([0.01, 0.02, 0.03, 0.50]), np.array([0.05, 0.2])
    figure = error_curve({"good": good, "bad": bad}, source="synthetic · run 1")
    (axes,) = figure.axes
    lines = by_label(axes)
    for name, errors in (("good", good), ("bad", bad)):
        x, y = lines[name].get_data()
        assert lines[name].get_drawstyle() == "steps-post"
        for at in (0.005, 0.025, 0.05, 0.0999):
            drawn = y[np.searchsorted(x, at, side="right") - 1]
            assert drawn == pytest.approx((errors <= at).mean())
        assert x[-1] == 0.10
    assert "good  AUC 0.60" in texts(axes)  # (0.9 + 0.8 + 0.7 + 0.0) / 4
    assert "bad  AUC 0.25" in texts(axes)
    assert figure.get_suptitle() == "good: 75 % of frames have an NME of at most 8 %"
    assert figure.get_supxlabel() == "synthetic · run 1"
    assert png(figure).startswith(b"\x89PNG")


def test_error_curve_of_a_model_with_no_frame_inside_is_flat():
    figure = error_curve({"lost": np.array([0.5, 0.7])}, source="s", threshold=0.05)
    (axes,) = figure.axes
    np.testing.assert_array_equal(by_label(axes)["lost"].get_ydata(), [0, 0])
    assert "failure" not in texts(axes)  # the mark at 8 % lies beyond the axis
    assert figure.get_suptitle() == "lost: 0.0 % of frames have an NME of at most 5 %"


def test_region_errors_draw_means_with_the_hardest_on_top():
    figure = region_errors({"one": regions(0.01), "two": regions(0.02)}, source="s")
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["jaw", "brows", "nose", "eyes", "mouth"]  # from below
    np.testing.assert_allclose(by_label(axes)["two"].get_xdata(), 0.02 * np.arange(1, 6))
    assert title(figure) == "Hardest region: mouth (7.5 %); easiest: jaw (1.5 %), mean of 2 models"
    assert texts(axes).count("%") == 2 * len(REGIONS)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    assert png(figure).startswith(b"\x89PNG")


def test_region_errors_of_one_model_need_no_legend():
    figure = region_errors({"one": regions(0.01)}, source="s")
    assert figure.legends == []
    assert figure.get_suptitle().endswith("easiest: jaw (1.0 %)")


def test_errors_by_condition_are_means_of_the_frames_of_each_class():
    x, y, z = neutral_shape().T
    nod = np.deg2rad(5)  # so that no angle lies on the bound of a class
    face = np.stack([x, y * np.cos(nod) - z * np.sin(nod)], axis=1) * 50  # 58 px between the outer corners of the eyes
    target = np.concatenate([np.tile(face, (12, 1, 1)), np.tile(face * 0.4, (15, 1, 1)), np.tile(face * 3, (2, 1, 1))])
    nme = np.array([0.02] * 12 + [0.06] * 15 + [0.1] * 2)
    figure = error_by_condition(nme, target, source="s")
    size = figure.axes[2]
    drawn = dict(
        zip((label.get_text() for label in size.get_yticklabels()), size.get_lines()[0].get_xdata(), strict=True)
    )
    assert drawn == pytest.approx({"< 30  (n = 15)": 0.06, "40 to 60  (n = 12)": 0.02, "≥ 100  (n = 2)": 0.1})
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["< 10  (n = 29)"]
    title = figure.get_suptitle()
    assert title == "Hardest: outer eye corners apart < 30 pixels (NME 6.0 %)"  # two frames are too few to be called so


def test_published_figures_have_their_intervals_and_say_where_there_is_none():
    groups = {"udacity, official": {"cnn": (0.045, (0.042, 0.049)), "net": (0.05, None)}, "other": {"cnn": (0.1, None)}}
    figure = published(groups, source="s")
    assert figure.get_suptitle() == "cnn has the lowest NME on udacity, official: 4.50 %"
    first, second = figure.axes
    (bar,) = first.collections
    assert bar.get_segments()[0][:, 0].tolist() == [0.042, 0.049]
    assert "5.00 %, interval not known" in texts(first) and "10.00 %, interval not known" in texts(second)
    with pytest.raises(ValueError, match="at least one model"):
        published({"a": {}}, source="s")


def test_nothing_to_draw_is_refused():
    for draw in (error_curve, region_errors):
        with pytest.raises(ValueError, match="at least one"):
            draw({}, source="s")
    with pytest.raises(ValueError, match="n > 0"):
        error_curve({"a": np.zeros(0)}, source="s")


def test_incomplete_series_are_refused():
    with pytest.raises(ValueError, match="for two, got jaw"):
        region_errors({"one": {"jaw": np.ones(3), "eyes": np.ones(3)}, "two": {"jaw": np.ones(3)}}, source="s")


def test_pyplot_is_left_alone():
    error_curve({"a": np.array([0.05])}, source="s")
    assert pyplot.get_fignums() == []
