"""Finds the face with a small network, so that a second one sees it upright, at one size and alone."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceline.geometry.face_model import neutral_shape
from faceline.geometry.markup import IBUG68
from faceline.models.heads import VotingHead


class Windows(NamedTuple):
    """Square parts of frames, turned and scaled; both have coordinates on [0, 1] from their left upper corner.

    Attributes:
        corner: (n, 1, 2) left upper corner of each window in the frame.
        turn: (n, 2, 2) matrix that maps steps in the window to steps in the frame.
    """

    corner: Tensor
    turn: Tensor

    def to_frame(self, points: Tensor) -> Tensor:
        """Map points (n, k, 2) from the windows to their frames."""
        return _turned(points, self.turn) + self.corner

    def from_frame(self, points: Tensor) -> Tensor:
        """Map points (n, k, 2) from the frames to the windows."""
        back: Tensor = torch.linalg.inv(self.turn)
        return _turned(points - self.corner, back)

    def cut(self, images: Tensor, size: int) -> Tensor:
        """Cut the windows out of images (n, 3, h, h) as (n, 3, size, size); edge pixels repeat outside of the image."""
        steps = (torch.arange(size, device=images.device, dtype=torch.float32) + 0.5) / size
        # Clamped to the middles of the outer pixels, which draws them out: ONNX Runtime is quick with zeros only.
        edge = 1 - 1 / images.shape[3]
        right, down = (2 * self.turn[:, :, axis, None] for axis in (0, 1))  # (n, 2, 1): where a step leads to
        columns, rows = right * steps, down * steps + (2 * self.corner[:, 0, :, None] - 1)
        places = (columns[:, :, None] + rows[..., None]).clamp(-edge, edge).permute(0, 2, 3, 1)
        return F.grid_sample(images, places, mode="bilinear", padding_mode="zeros", align_corners=False)


class CoarseStage(nn.Module):
    """Finds landmarks in a reduced frame, accurately enough to cut a window around the face.

    In training the windows lie around the true landmarks, with random errors of the size that a coarse stage makes.

    Args:
        backbone: Network that returns feature maps and has ``channels``.
        shrink: Edge in pixels of the blocks over which the frame is averaged.
        size: Edge of the windows in pixels.
        room: Edge of a window divided by the height of the face in it.
        shift: Standard deviation of the training windows' shift, as a share of their edge.
        scale: Standard deviation of the logarithm of their edge.
        rotation: Standard deviation of their angle, in degrees.
        width: Channels of the head.
        proportions: Whether windows have the proportions that frames had before they were stretched to squares; this
            needs the original sizes.
    """

    template: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        shrink: int = 2,
        size: int = 128,
        room: float = 1.45,
        shift: float = 0.03,
        scale: float = 0.06,
        rotation: float = 6.0,
        width: int = 64,
        proportions: bool = False,
    ) -> None:
        super().__init__()
        self.proportions = proportions
        self.backbone, self.head = backbone, VotingHead(cast(Sequence[int], backbone.channels), width)
        self.shrink, self.size, self.room = shrink, size, room
        self.shift, self.scale, self.rotation = shift, scale, rotation
        face = neutral_shape()[:, :2]
        low, high = face.min(axis=0), face.max(axis=0)
        upright = (face - (low + high) / 2) / (high[1] - low[1])  # of height 1, about its middle
        self.register_buffer("template", torch.tensor(upright, dtype=torch.float32), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return landmarks (n, 68, 2) on [0, 1] of normalised images (n, 3, h, h)."""
        return self.look(images)[0]

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the landmarks of `forward`, and the spread (n,) of the votes for them, on [0, 1]."""
        landmarks, spread = self.head.weigh(self.backbone(F.avg_pool2d(images, self.shrink)))
        return landmarks, spread.mean(dim=1)

    def windows(self, landmarks: Tensor, sizes: Tensor | None = None) -> Windows:
        """Return windows around roughly known landmarks (n, 68, 2): faces are upright in them, at one size.

        Turn and size come from the similarity that maps an upright mean face closest to the landmarks; see Umeyama,
        IEEE TPAMI 13, 1991, for two dimensions.

        Args:
            landmarks: Landmarks on [0, 1] of their frames.
            sizes: (n, 2) original width and height of the frames, for windows with ``proportions``.
        """
        edges = self._edges(landmarks, sizes)
        return _stretched(self._around(landmarks * edges), edges)

    def _edges(self, landmarks: Tensor, sizes: Tensor | None) -> Tensor:
        """Return the edges (n, 1, 2) of the frames over their mean; 1 for stretched frames without ``proportions``."""
        if not self.proportions:
            return torch.ones_like(landmarks[:, :1])
        if sizes is None:
            raise TypeError("expected the sizes of the frames, as coarse_stage.proportions is set")
        return (sizes / sizes.mean(dim=1, keepdim=True))[:, None]

    def _around(self, landmarks: Tensor) -> Windows:
        """Return the windows in frames that are not stretched."""
        middle, spread = self.template.mean(dim=0), (self.template - self.template.mean(dim=0))
        centre, cos, sin = middle_and_turn(landmarks, spread)
        turn = _turn(cos, sin)
        return about(centre - _turned(middle[None, None], turn), turn * self.room)

    def near(self, landmarks: Tensor, sizes: Tensor | None = None) -> Windows:
        """Return windows for training, randomly off their places; landmarks and sizes as for `windows`.

        Landmarks that are NaN do not count: the others alone say where the face is.
        """
        edges = self._edges(landmarks, sizes)
        exact = self._around(completed(landmarks * edges, self.template))
        angle = torch.deg2rad(torch.randn_like(landmarks[:, 0, 0]) * self.rotation)
        zoom = torch.exp(torch.randn_like(angle) * self.scale)
        moved = 0.5 + torch.randn_like(landmarks[:, :1]) * self.shift
        more = _turn(zoom * angle.cos(), zoom * angle.sin())
        beside = about(exact.to_frame(moved), _turned(more.transpose(1, 2), exact.turn).transpose(1, 2))
        return _stretched(beside, edges)


def completed(landmarks: Tensor, template: Tensor) -> Tensor:
    """Return landmarks (n, k, 2) in which those that are NaN lie as the template (k, 2) has them beside the others.

    The template is turned, scaled and moved as close to the others as it can be; see `CoarseStage.windows`.
    """
    missing = landmarks.isnan()
    weights = (~missing).float()
    weights = weights / weights.sum(dim=1, keepdim=True)  # (n, k, 2), 0 where nothing is known
    known = landmarks.nan_to_num()
    centre, middle = ((weights * each).sum(dim=1, keepdim=True) for each in (known, template))
    spread = template - middle  # (n, k, 2)
    (x, y), (u, v), share = (known - centre).unbind(-1), spread.unbind(-1), weights[..., 0]
    norm = (share * (u * u + v * v)).sum(1)
    cos, sin = (share * (x * u + y * v)).sum(1) / norm, (share * (y * u - x * v)).sum(1) / norm
    return torch.where(missing, _turned(spread, _turn(cos, sin)) + centre, landmarks)


def relative_distance(first: Tensor, second: Tensor) -> Tensor:
    """Return (n,) mean distances between landmarks (n, 68, 2), over the outer eye distance of the second ones."""
    left, right = (second[:, corner] for corner in IBUG68.normaliser)
    apart: Tensor = (first - second).norm(dim=2).mean(dim=1) / (left - right).norm(dim=1)
    return apart


def _stretched(windows: Windows, edges: Tensor) -> Windows:
    """Map windows of frames with edges (n, 1, 2) into the squares that the frames are stretched to."""
    return Windows(windows.corner / edges, windows.turn / edges.transpose(1, 2))


def _turn(cos: Tensor, sin: Tensor) -> Tensor:
    """Return matrices (n, 2, 2) that turn by an angle, clockwise as seen; a scale may be part of both numbers."""
    return torch.stack([torch.stack([cos, -sin], dim=1), torch.stack([sin, cos], dim=1)], dim=1)


def _turned(points: Tensor, turn: Tensor) -> Tensor:
    """Turn points (n, k, 2) by (n, 2, 2); a matrix product in mixed precision would keep three digits only."""
    return (points[:, :, None] * turn[:, None]).sum(dim=3)


def middle_and_turn(landmarks: Tensor, template: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the similarity that brings a template nearest to landmarks.

    Source: Umeyama, IEEE TPAMI 13, 1991, for two dimensions.

    Args:
        landmarks: (n, p, 2) in any unit.
        template: (p, 2) about its middle.

    Returns:
        The middle (n, 1, 2) of the landmarks; cosine and sine (n,) of the turn, times the scale.
    """
    centre = landmarks.mean(dim=1, keepdim=True)
    x, y = (landmarks - centre).unbind(-1)
    u, v = template.unbind(-1)
    norm = (template**2).sum()
    return centre, (x * u + y * v).sum(1) / norm, (y * u - x * v).sum(1) / norm


def about(centre: Tensor, turn: Tensor) -> Windows:
    """Return the windows with these middles (n, 1, 2) in the frame and these turns (n, 2, 2)."""
    return Windows(centre - 0.5 * turn.sum(dim=2)[:, None], turn)
