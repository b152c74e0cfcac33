"""The box in which an annotator saw a face is read off its labels, and what it does to them is taken back."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.data.index import BadRows
from faceline.data.udacity import UdacityFaces
from faceline.geometry.annotator_boxes import BOX_CELLS, FACE_IN_BOX, TOO_SMALL, box_cells, boxed_alike
from faceline.geometry.face_model import neutral_shape
from faceline.geometry.label_cells import extent


def annotated(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shapes (n, 68, 2), their labels by an annotator that sees them in either of two boxes, and its cells' edges."""
    mean = neutral_shape()[:, :2]
    mean = mean / extent(mean[None])
    sizes = rng.uniform(150, 350, (n, 1, 1))
    true = sizes * (mean + rng.normal(0, 0.004, (n, 68, 2))) + rng.uniform(300, 500, (n, 1, 2))
    either = extent(true) / FACE_IN_BOX * rng.choice([0.95, 1.05], n)
    edges = BOX_CELLS[np.abs(np.log(BOX_CELLS / either[:, None])).argmin(axis=1)]
    too_large = np.log(extent(true) / edges / FACE_IN_BOX)[:, None, None] * np.array(TOO_SMALL)
    middle = true.mean(axis=1, keepdims=True)
    labels = middle + (true - middle) / (1 + too_large)
    corners = rng.uniform(0, 10, (n, 1, 2))
    cells = np.round((labels - corners) / edges[:, None, None])
    return true, np.round(cells * edges[:, None, None] + corners), edges


@given(seed=st.integers(0, 10**6))
def test_the_box_is_read_off_the_labels(seed: int) -> None:
    _, labels, edges = annotated(40, np.random.default_rng(seed))
    found = box_cells(labels)
    told = np.isfinite(found)
    assert told.mean() > 0.9
    assert (found[told] == edges[told]).mean() > 0.9


@given(seed=st.integers(0, 10**6))
def test_labels_come_nearer_to_the_truth_and_keep_middle_and_mean_size(seed: int) -> None:
    true, labels, edges = annotated(200, np.random.default_rng(seed))
    evened = boxed_alike(labels, box_cells(labels))
    before, after = (np.log(extent(each) / extent(true)) for each in (labels, evened))
    assert after.std() < 0.75 * before.std()
    filled = np.log(extent(true) / edges)
    slope_before, slope_after = (np.polyfit(filled, each, 1)[0] for each in (before, after))
    assert slope_before < -0.2 and abs(slope_after) < 0.5 * abs(slope_before)
    assert np.log(extent(evened) / extent(labels)).mean() == pytest.approx(0, abs=2e-3)
    np.testing.assert_allclose(evened.mean(axis=1), labels.mean(axis=1))


def test_labels_that_were_not_rounded_tell_nothing() -> None:
    true, _, _ = annotated(50, np.random.default_rng(0))
    assert np.isnan(box_cells(true)).mean() > 0.9


def test_where_no_box_is_told_the_label_stays() -> None:
    _, labels, _ = annotated(50, np.random.default_rng(1))
    labels[7] = 1000.0 + np.arange(68)[:, None] * [40.0, 1.0]  # far too large for any box
    cells = box_cells(labels)
    assert np.isnan(cells[7])
    np.testing.assert_array_equal(boxed_alike(labels, cells)[7], labels[7])


@pytest.mark.data
def test_most_labels_of_the_udacity_set_tell_their_box(data_root: Path) -> None:
    rows = UdacityFaces(data_root / "udacity").rows(BadRows("raise"))
    landmarks = np.stack([row.landmarks for row in rows if row.part == "train"])
    edges = box_cells(landmarks)
    assert np.isfinite(edges).mean() > 0.94
    evened = boxed_alike(landmarks, edges)
    moved = np.linalg.norm(evened - landmarks, axis=2).mean(axis=1) / extent(landmarks)
    assert 0 < moved.mean() < 0.01
