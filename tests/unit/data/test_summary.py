"""The summary counts what an index holds."""

from dataclasses import replace

import numpy as np

from faceline.data.index import FrameIndex
from faceline.data.summary import summarise


def make_index(rejected: tuple[str, ...] = ()) -> FrameIndex:
    landmarks = np.full((4, 68, 2), 20.0)
    landmarks[:, 45, 0] = [30, 40, 60, 26]  # outer eye corners 10, 20, 40 and 6 apart
    landmarks[1, 5] = (-1, 20)
    landmarks[1, 6] = (20, 1000)
    landmarks[2, 8:11] = np.nan
    landmarks[3, 0] = (1000, -3)
    return FrameIndex(
        dataset="tiny",
        files=np.array(["a", "b", "c", "d"]),
        persons=np.array(["p", "p", "p", "q"]),
        videos=np.array(["p_0", "p_0", "p_1", "q_0"]),
        frames=np.array([0, 1, 0, 0]),
        parts=np.array(["train", "train", "train", "test"]),
        landmarks=landmarks,
        sizes=np.array([[100, 50], [80, 60], [90, 70], [200, 300]]),
        digests=np.array(["x", "y", "x", "x"]),
        unlabelled=5,
        rejected=rejected,
    )


def test_what_is_counted() -> None:
    summary = summarise(make_index(("row 7: bad",)))
    assert (summary.people, summary.videos, summary.labelled, summary.unlabelled) == (2, 3, 4, 5)
    assert summary.parts == {"train": 3, "test": 1}
    assert (summary.widths.minimum, summary.widths.median, summary.widths.maximum) == (80, 95, 200)
    assert (summary.heights.minimum, summary.heights.median, summary.heights.maximum) == (50, 65, 300)
    faces = summary.face_sizes
    assert (faces.minimum, faces.median, faces.maximum) == (6, 15, 40)
    assert (summary.outside_landmarks, summary.outside_frames) == (3, 2)
    assert (summary.missing_landmarks, summary.missing_frames) == (3, 1)
    assert summary.duplicates == (("a", "c", "d"),)


def test_frames_of_nobody_are_told() -> None:
    index = make_index()
    assert not index.people_unknown
    alone = replace(index, persons=index.files, videos=index.files)
    assert "people        4; each frame counts as another person" in "\n".join(summarise(alone).lines())


def test_the_lines_say_it_all() -> None:
    text = "\n".join(summarise(make_index(("row 7: bad",))).lines())
    for part in (
        "people        2",
        "4 with landmarks (train 3, test 1), 5 without",
        "80 to 200, median 95 px",
        "6 to 40, median 15 px",
        "missing       3 landmarks (1.10%) in 1 frames",
        "outside       3 landmarks (1.10%) in 2 frames",
        "same pixels: a = c = d",
        "skipped: row 7: bad",
    ):
        assert part in text


def test_every_skipped_row_is_listed_before_the_numbers() -> None:
    lines = summarise(make_index(tuple(f"row {i}" for i in range(25)))).lines()
    assert lines[:25] == [f"skipped: row {i}" for i in range(25)] and lines[-1] == "skipped rows  25"
