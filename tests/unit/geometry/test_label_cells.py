"""Cells are found where labels were rounded to them, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.data.index import BadRows
from faceline.data.udacity import UdacityFaces
from faceline.geometry.face_model import neutral_shape
from faceline.geometry.label_cells import cell_edges, extent, least_errors
from faceline.metrics.landmark import mse_per_frame, nme_per_frame

SHARE = 0.016


def faces(n: int, height: float, rng: np.random.Generator) -> np.ndarray:
    """Shapes (n, 68, 2) of about this height in pixels, no two alike."""
    mean = neutral_shape()[:, :2]
    mean = mean / np.ptp(mean[:, 1]) * height
    return mean + rng.normal(0, 0.02 * height, (n, 68, 2)) + rng.uniform(height, 2 * height, (n, 1, 2))


def rounded(shapes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Shapes on lattices that lie anywhere, and the edges of these."""
    edges = SHARE * extent(shapes)
    corners = rng.uniform(0, 10, (len(shapes), 1, 2))
    cells = np.round((shapes - corners) / edges[:, None, None])
    return cells * edges[:, None, None] + corners, edges


@given(seed=st.integers(0, 10**6), height=st.floats(100, 400), whole=st.booleans())
def test_the_edges_of_lattices_are_found(seed: int, height: float, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    labels, edges = rounded(faces(5, height, rng), rng)
    found = cell_edges(np.round(labels) if whole else labels)
    assert np.nanmax(np.abs(found / edges - 1)) < 0.02
    assert np.isnan(found).sum() <= 1


@given(seed=st.integers(0, 10**6), whole=st.booleans())
def test_where_there_are_none_hardly_any_are_found(seed: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    shapes = faces(20, 200, rng)
    assert np.isnan(cell_edges(np.round(shapes) if whole else shapes)).sum() >= 18


def test_points_on_a_heap_are_no_lattice() -> None:
    heap = np.full((2, 68, 2), 20.0)
    heap[0, 45] = 90
    assert np.isnan(cell_edges(heap)).all()


@pytest.mark.parametrize("whole", [False, True])
def test_a_detector_that_knows_all_but_the_lattice_has_the_least_errors(whole: bool) -> None:
    rng = np.random.default_rng(1)
    true = faces(400, 130, rng)
    labels, edges = rounded(true, rng)
    labels = np.round(labels) if whole else labels
    sizes = np.full((len(true), 2), (500, 400))
    least = least_errors(labels, sizes, edges)
    assert least.nme == pytest.approx(nme_per_frame(true, labels).mean(), rel=0.03)
    assert least.mse == pytest.approx(mse_per_frame(true / sizes[:, None], labels / sizes[:, None]).mean(), rel=0.03)


def test_what_labels_lie_off_beside_counts_too() -> None:
    rng = np.random.default_rng(2)
    true = faces(400, 130, rng)
    moved = (true - true.mean(axis=1, keepdims=True)) * rng.normal(0, 0.03, (400, 1, 1))
    labels, edges = rounded(true + moved, rng)
    sizes = np.full((len(true), 2), (500, 400))
    least = least_errors(labels, sizes, edges, -moved)
    assert least.nme == pytest.approx(nme_per_frame(true, labels).mean(), rel=0.03)
    assert least.mse == pytest.approx(mse_per_frame(true / sizes[:, None], labels / sizes[:, None]).mean(), rel=0.03)


@pytest.mark.data
def test_the_labels_of_the_udacity_set_were_rounded_to_cells(data_root: Path) -> None:
    source = UdacityFaces(data_root / "udacity", label_shift=(1.1, 0.0))
    landmarks = np.stack([row.landmarks for row in source.rows(BadRows("raise")) if row.part == "test"])
    edges = cell_edges(landmarks)
    assert np.isfinite(edges).mean() > 0.85
    assert np.nanmedian(edges / extent(landmarks)) == pytest.approx(
        200 / 195 / 64, rel=0.01
    )  # as its annotator is known
