"""Where the face is, found by a small network, so that a second one sees it upright, at one size and nothing else."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceline.geometry.face_model import neutral_shape
from faceline.models.heads import VotingHead


class Windows(NamedTuple):
    """Square parts of frames, turned and scaled; both have coordinates on [0, 1] from their left upper corner.

    Attributes:
        corner: (n, 1, 2) of the window in the frame.
        turn: (n, 2, 2) that brings steps in the window to steps in the frame.
    """

    corner: Tensor
    turn: Tensor

    def to_frame(self, points: Tensor) -> Tensor:
        """Points (n, k, 2) of the windows, in their frames."""
        return _turned(points, self.turn) + self.corner

    def from_frame(self, points: Tensor) -> Tensor:
        """Points (n, k, 2) of the frames, in the windows."""
        back: Tensor = torch.linalg.inv(self.turn)
        return _turned(points - self.corner, back)

    def cut(self, images: Tensor, size: int) -> Tensor:
        """The pixels (n, 3, size, size) of the windows of images (n, 3, h, h); beyond an edge it is drawn out."""
        steps = (torch.arange(size, device=images.device, dtype=torch.float32) + 0.5) / size
        # Clamped to the middles of the outer pixels, which draws them out: ONNX Runtime is quick with zeros only.
        edge = 1 - 1 / images.shape[3]
        right, down = (2 * self.turn[:, :, axis, None] for axis in (0, 1))  # (n, 2, 1): where a step leads to
        columns, rows = right * steps, down * steps + (2 * self.corner[:, 0, :, None] - 1)
        places = (columns[:, :, None] + rows[..., None]).clamp(-edge, edge).permute(0, 2, 3, 1)
        return F.grid_sample(images, places, mode="bilinear", padding_mode="zeros", align_corners=False)


class CoarseStage(nn.Module):
    """Finds landmarks in a shrunk frame, well enough to cut a window around the face.

    In training the windows lie about the true landmarks, off by as much as a coarse stage may be.

    Args:
        backbone: Gives feature maps and tells their ``channels``.
        shrink: The frame is averaged over blocks of so many pixels an edge.
        size: Edge of the windows in pixels.
        room: Edge of a window over the height of the face in it.
        shift: Standard deviation by which training windows lie beside the face, as a share of their edge.
        scale: The same of the logarithm of their edge.
        rotation: The same of their angle, in degrees.
        width: Channels of the head.
        proportions: Cut windows in the proportions that the frames had before they were stretched to squares. Their
            sizes must be told then.
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
        """Landmarks (n, 68, 2) on [0, 1] of normalised images (n, 3, h, h)."""
        return self.look(images)[0]

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Landmarks as `forward` gives them, and how far apart the votes for them lie (n,), on [0, 1]."""
        landmarks, spread = self.head.weigh(self.backbone(F.avg_pool2d(images, self.shrink)))
        return landmarks, spread.mean(dim=1)

    def windows(self, landmarks: Tensor, sizes: Tensor | None = None) -> Windows:
        """Around faces whose landmarks (n, 68, 2) are roughly known: upright in the window, at one size.

        Turn and size are those of the similarity that brings an upright mean face nearest to them; see Umeyama, IEEE
        TPAMI 13, 1991, for two dimensions.

        Args:
            landmarks: On [0, 1] of their frames.
            sizes: (n, 2) width and height that these had, for windows in their ``proportions``.
        """
        edges = self._edges(landmarks, sizes)
        return _stretched(self._around(landmarks * edges), edges)

    def _edges(self, landmarks: Tensor, sizes: Tensor | None) -> Tensor:
        """Edges (n, 1, 2) of the frames over their mean; of squares where proportions do not count."""
        if not self.proportions:
            return torch.ones_like(landmarks[:, :1])
        if sizes is None:
            raise TypeError("expected the sizes of the frames, as coarse_stage.proportions is set")
        return (sizes / sizes.mean(dim=1, keepdim=True))[:, None]

    def _around(self, landmarks: Tensor) -> Windows:
        """The same in frames that are not stretched."""
        middle, spread = self.template.mean(dim=0), (self.template - self.template.mean(dim=0))
        centre = landmarks.mean(dim=1, keepdim=True)
        x, y = (landmarks - centre).unbind(-1)
        u, v = spread.unbind(-1)
        norm = (spread**2).sum()
        cos, sin = (x * u + y * v).sum(1) / norm, (y * u - x * v).sum(1) / norm  # times the height of the face
        turn = _turn(cos, sin)
        return about(centre - _turned(middle[None, None], turn), turn * self.room)

    def near(self, landmarks: Tensor, sizes: Tensor | None = None) -> Windows:
        """Windows for training, beside where they should be by chance; landmarks and sizes as for `windows`."""
        edges = self._edges(landmarks, sizes)
        exact = self._around(landmarks * edges)
        angle = torch.deg2rad(torch.randn_like(landmarks[:, 0, 0]) * self.rotation)
        zoom = torch.exp(torch.randn_like(angle) * self.scale)
        moved = 0.5 + torch.randn_like(landmarks[:, :1]) * self.shift
        more = _turn(zoom * angle.cos(), zoom * angle.sin())
        beside = about(exact.to_frame(moved), _turned(more.transpose(1, 2), exact.turn).transpose(1, 2))
        return _stretched(beside, edges)


def _stretched(windows: Windows, edges: Tensor) -> Windows:
    """Windows of frames with edges (n, 1, 2), in the squares that the frames are stretched to."""
    return Windows(windows.corner / edges, windows.turn / edges.transpose(1, 2))


def _turn(cos: Tensor, sin: Tensor) -> Tensor:
    """The matrices (n, 2, 2) of turns by an angle, clockwise as seen; both numbers times what they scale by."""
    return torch.stack([torch.stack([cos, -sin], dim=1), torch.stack([sin, cos], dim=1)], dim=1)


def _turned(points: Tensor, turn: Tensor) -> Tensor:
    """Points (n, k, 2) by turns (n, 2, 2); no matrix product, which mixed precision would round to three digits."""
    return (points[:, :, None] * turn[:, None]).sum(dim=3)


def about(centre: Tensor, turn: Tensor) -> Windows:
    """The windows with these middles (n, 1, 2) in the frame and these turns (n, 2, 2)."""
    return Windows(centre - 0.5 * turn.sum(dim=2)[:, None], turn)
