"""What the task of shapes shows of a trial."""

from unittest.mock import Mock

import numpy as np

from faceline.data.shapes import ShapeData
from faceline.geometry.markup import IBUG68
from faceline.tasks.shapes import ShapeTask


def test_a_probe_is_above_the_frame_that_it_was_taken_for() -> None:
    features = np.random.default_rng(0).normal(size=(4, 136)).astype(np.float32)
    data = Mock(spec=ShapeData, features=features, dims=2, index=Mock(markup=IBUG68))
    figure = ShapeTask().examples(data, np.array([2]), np.array([1]), ["Ada\n= Ada"], "here")
    above, below, *_ = figure.axes
    for axes, row in ((above, 1), (below, 2)):
        drawn = np.concatenate([line.get_xydata() for line in axes.lines])
        apart = np.linalg.norm(drawn[:, None] - features[row].reshape(68, 2)[None], axis=2)
        assert len(drawn) > 60 and apart.min(axis=1).max() < 1e-5
