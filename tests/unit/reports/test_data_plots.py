import numpy as np
import pytest

from faceline.data.index import FrameIndex
from faceline.plot_style import png
from faceline.reports.data_plots import data_distributions


def index(videos_of: dict[str, list[int]], sizes: list[tuple[int, int]] | None = None) -> FrameIndex:
    """Persons with the number of frames of each of their videos; eyes are 10, 11, 12 … px apart."""
    rows = [
        (person, f"{person}_{video}", frame)
        for person, counts in videos_of.items()
        for video, count in enumerate(counts)
        for frame in range(count)
    ]
    n = len(rows)
    landmarks = np.random.default_rng(0).uniform(0, 50, (n, 68, 2))
    landmarks[:, 36] = 5.0
    landmarks[:, 45] = landmarks[:, 36] + np.stack([10.0 + np.arange(n), np.zeros(n)], axis=1)
    return FrameIndex(
        dataset="made-up",
        files=np.array([f"{video}_{frame}" for _, video, frame in rows]),
        persons=np.array([person for person, _, _ in rows]),
        videos=np.array([video for _, video, _ in rows]),
        frames=np.array([frame for _, _, frame in rows]),
        parts=np.array(["train"] * n),
        landmarks=landmarks,
        sizes=np.array(sizes or [(64, 48)] * n, dtype=np.int64).reshape(n, 2),
        digests=np.array([str(i) for i in range(n)]),
    )


def bars(axes) -> dict[int, int]:
    return {round(bar.get_x() + bar.get_width() / 2): int(bar.get_height()) for bar in axes.patches if bar.get_height()}


def test_counts_of_videos_and_frames_are_drawn():
    figure = data_distributions(index({"ann": [2, 3], "bob": [2], "eve": [1, 1]}), source="all of it")
    videos, frames, _, faces = figure.axes
    assert bars(videos) == {1: 1, 2: 2}
    assert bars(frames) == {1: 2, 2: 2, 3: 1}
    assert figure.get_suptitle() == "made-up: 9 frames from 5 videos of 3 people"
    assert videos.get_title(loc="left") == "Videos per person: 1 to 2, median 2"
    assert frames.get_title(loc="left") == "Frames per video: 1 to 3, median 2"
    assert sum(bar.get_height() for bar in faces.patches) == 9
    assert faces.get_title(loc="left").startswith("Face sizes: median 14 px")  # 10 to 18
    assert figure.get_supxlabel() == "all of it"
    assert png(figure).startswith(b"\x89PNG")


def test_one_person_in_one_frame_is_drawn_too():
    figure = data_distributions(index({"ann": [1]}), source="s")
    assert figure.get_suptitle() == "made-up: 1 frame from 1 video of 1 person"
    assert figure.axes[0].get_title(loc="left") == "Videos per person: always 1"
    assert figure.axes[2].get_title(loc="left") == "Frame sizes: 64 × 48 px"
    assert png(figure).startswith(b"\x89PNG")


def test_equal_sizes_share_one_bubble_that_grows_with_them():
    sizes = [(64, 48)] * 3 + [(100, 200)]
    figure = data_distributions(index({"ann": [4]}, sizes), source="s")
    (bubbles,) = figure.axes[2].collections
    np.testing.assert_array_equal(bubbles.get_offsets(), [[64, 48], [100, 200]])
    small, large = sorted(bubbles.get_sizes())
    assert large == pytest.approx(3 * small)
    assert figure.axes[2].get_title(loc="left") == "Frame sizes: 64 × 48 to 100 × 200 px"


def test_long_videos_are_binned():
    figure = data_distributions(index({"ann": [1, 40, 100]}), source="s")
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert len(heights) == 30
    assert sum(heights) == 3


def test_an_empty_index_is_refused():
    with pytest.raises(ValueError, match="empty index of made-up"):
        data_distributions(index({}), source="s")
