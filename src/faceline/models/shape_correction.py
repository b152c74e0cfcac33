"""A linear correction of the landmarks of a trained detector, in the face's own frame.

A detector has systematic errors: it draws each landmark towards its usual place, and passes on only part of what lids
do. Both are linear in the shape that it finds, so one affine map undoes them.
"""

import numpy as np
import torch
from jaxtyping import Float
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from faceline.geometry.face_model import neutral_shape
from faceline.geometry.markup import LOWER_LIDS, N_LANDMARKS, UPPER_LID_SHARE, UPPER_LIDS
from faceline.models.coarse_stage import middle_and_turn
from faceline.types import Landmarks

Flat = Float[np.ndarray, "n 136"]

_LIDS = tuple((*UPPER_LIDS[i : i + 2], *LOWER_LIDS[i : i + 2]) for i in (0, 2))
"""Lids of each eye: two landmarks of the upper lid, two of the lower one."""


class ShapeCorrection(nn.Module):
    """An affine map of the 68 landmarks, applied in a frame in which every face is upright and of one size.

    Args:
        matrix: (136, 136) map of all x, then all y, relative to ``middle``.
        middle: (136,) mean shape, in units of half a face's width.
        offset: (136,) shift that is added.
    """

    matrix: Tensor
    middle: Tensor
    offset: Tensor
    template: Tensor

    def __init__(self, matrix: np.ndarray, middle: np.ndarray, offset: np.ndarray) -> None:
        super().__init__()
        for name, value in {"matrix": matrix, "middle": middle, "offset": offset, "template": _template()}.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32), persistent=False)

    def forward(self, landmarks: Tensor) -> Tensor:
        """Return corrected landmarks (n, 68, 2), in the unit of those given."""
        centre, cos, sin = middle_and_turn(landmarks, self.template)
        x, y = (landmarks - centre).unbind(2)
        cos, sin = cos[:, None], sin[:, None]
        size = cos**2 + sin**2
        shape = torch.cat([(x * cos + y * sin) / size, (y * cos - x * sin) / size], dim=1)
        moved = (shape - self.middle) @ self.matrix + self.middle + self.offset
        u, v = moved.chunk(2, dim=1)
        return torch.stack([u * cos - v * sin, v * cos + u * sin], dim=2) + centre


def fit_correction(found: Landmarks, true: Landmarks, stiffness: float) -> ShapeCorrection:
    """Fit the map to what a detector found in labelled frames, by ridge regression towards no correction.

    Args:
        found: (n, 68, 2) landmarks that the detector found, in any unit.
        true: (n, 68, 2) labels in the same.
        stiffness: The weight of the squared coefficients, divided by the number of frames.
    """
    shape, label = own_frame(found, found), own_frame(true, found)
    middle = shape.mean(axis=0)
    ridge = Ridge(alpha=stiffness * len(shape)).fit(shape - middle, label - shape)
    return ShapeCorrection(ridge.coef_.T + np.eye(2 * N_LANDMARKS), middle, ridge.intercept_)


def with_lids(correction: ShapeCorrection, gain: float) -> ShapeCorrection:
    """Return the same map with lids that move further from their usual opening by a factor.

    Args:
        correction: The map so far.
        gain: 1 changes nothing; 2 doubles what lids do.
    """
    wider = np.eye(2 * N_LANDMARKS)
    for eye in _LIDS:
        opening, movement = np.zeros(2 * N_LANDMARKS), np.zeros(2 * N_LANDMARKS)
        heights = [N_LANDMARKS + point for point in eye]
        opening[heights] = -0.5, -0.5, 0.5, 0.5
        movement[heights] = -UPPER_LID_SHARE, -UPPER_LID_SHARE, 1 - UPPER_LID_SHARE, 1 - UPPER_LID_SHARE
        wider += (gain - 1) * np.outer(opening, movement)
    matrix, middle, offset = (each.numpy() for each in (correction.matrix, correction.middle, correction.offset))
    return ShapeCorrection(matrix @ wider, middle, offset)


def lid_opening(shapes: Flat) -> Float[np.ndarray, "n 2"]:
    """Return how far each eye is open, from shapes as `own_frame` gives them."""
    heights = shapes[:, N_LANDMARKS:]
    return np.stack(
        [heights[:, eye[2:]].mean(axis=1) - heights[:, eye[:2]].mean(axis=1) for eye in np.array(_LIDS)], axis=1
    )


def own_frame(landmarks: Landmarks, of: Landmarks) -> Flat:
    """Return landmarks (n, 68, 2) as all x, then all y, in the frame in which others (n, 68, 2) are upright."""
    points, others = (torch.from_numpy(np.asarray(each, dtype=np.float64)) for each in (landmarks, of))
    centre, cos, sin = middle_and_turn(others, torch.from_numpy(_template()))
    x, y = (points - centre).unbind(2)
    cos, sin = cos[:, None], sin[:, None]
    size = cos**2 + sin**2
    return torch.cat([(x * cos + y * sin) / size, (y * cos - x * sin) / size], dim=1).numpy()


def _template() -> np.ndarray:
    """Return the neutral face (68, 2) about its middle."""
    face = neutral_shape()[:, :2]
    return np.asarray(face - face.mean(axis=0))
