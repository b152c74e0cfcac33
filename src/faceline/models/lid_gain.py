"""A gain of the lids: what a trained detector loses of a blink is restored, in the face's own frame."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from faceline.geometry.face_model import neutral_shape
from faceline.geometry.markup import LOWER_LIDS, N_LANDMARKS, UPPER_LID_SHARE, UPPER_LIDS
from faceline.models.coarse_stage import middle_and_turn
from faceline.types import Landmarks

_EYES = tuple((UPPER_LIDS[i : i + 2], LOWER_LIDS[i : i + 2]) for i in (0, 2))


class LidGain(nn.Module):
    """Moves the lids of each eye further from their usual opening by a factor.

    The opening is measured where every face is upright and of one size, so it does not matter how a face lies in the
    frame. Right and left eyes are treated alike, and all other landmarks stay.

    Args:
        gain: 1 changes nothing; 2 doubles what lids do.
        usual: Opening that stays as it is, as `lid_opening` measures it.
    """

    opening: Tensor
    movement: Tensor
    template: Tensor

    def __init__(self, gain: float, usual: float) -> None:
        super().__init__()
        self.usual = usual
        for name, value in {
            "opening": _openings(),
            "movement": (gain - 1) * _movements(),
            "template": _template(),
        }.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32), persistent=False)

    def forward(self, landmarks: Tensor) -> Tensor:
        """Return the landmarks (n, 68, 2) with the lids moved, in the unit of those given."""
        centre, cos, sin = middle_and_turn(landmarks, self.template)
        x, y = (landmarks - centre).unbind(2)
        cos, sin = cos[:, None], sin[:, None]
        heights = (y * cos - x * sin) / (cos**2 + sin**2)
        down = (heights @ self.opening - self.usual) @ self.movement
        return landmarks + torch.stack([-down * sin, down * cos], dim=2)


def lid_opening(landmarks: Landmarks, of: Landmarks) -> Float[np.ndarray, "n 2"]:
    """Return how far each eye is open, where other landmarks (n, 68, 2) of the same faces are upright and of one size.

    Args:
        landmarks: (n, 68, 2), in any unit.
        of: (n, 68, 2) in the same.
    """
    points, others = (torch.from_numpy(np.asarray(each, dtype=np.float64)) for each in (landmarks, of))
    centre, cos, sin = middle_and_turn(others, torch.from_numpy(_template()))
    x, y = (points - centre).unbind(2)
    cos, sin = cos[:, None], sin[:, None]
    return np.asarray(((y * cos - x * sin) / (cos**2 + sin**2)).numpy() @ _openings())


def _openings() -> Float[np.ndarray, "68 2"]:
    """Return the map from the heights of the landmarks to the opening of each eye."""
    table = np.zeros((N_LANDMARKS, 2))
    for eye, (upper, lower) in enumerate(_EYES):
        table[upper, eye], table[lower, eye] = -0.5, 0.5
    return table


def _movements() -> Float[np.ndarray, "2 68"]:
    """Return how far down each landmark goes where an eye opens by 1."""
    table = np.zeros((2, N_LANDMARKS))
    for eye, (upper, lower) in enumerate(_EYES):
        table[eye, upper], table[eye, lower] = -UPPER_LID_SHARE, 1 - UPPER_LID_SHARE
    return table


def _template() -> Float[np.ndarray, "68 2"]:
    """Return the neutral face about its middle."""
    face = neutral_shape()[:, :2]
    return np.asarray(face - face.mean(axis=0))
