"""Refines eyes and mouth in close-up windows: blinks, speech and smiles are only a few pixels of the whole face."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceline.geometry.face_model import neutral_shape
from faceline.geometry.markup import LIDS_AND_LIPS
from faceline.models.coarse_stage import Windows, about, completed, relative_distance
from faceline.models.losses import over_known


class Part(NamedTuple):
    """A part of the face.

    Attributes:
        points: Indices of its landmarks. Those of the left eye are in the order of their partners in the right one.
        corners: Positions in ``points`` of the two corners that the window lies between.
        least: Smallest distance of the corners that is used, over the height from the bridge of the nose to the chin:
            in a profile the corners nearly coincide.
        mirrored: Whether the window is mirrored, so that one network serves both eyes.
        share: Weight of the refined landmarks; the rest is the weight of the earlier ones.
    """

    points: tuple[int, ...]
    corners: tuple[int, int]
    least: float
    mirrored: bool = False
    share: float = 1.0


EYES: Final = (
    Part((36, 37, 38, 39, 40, 41), (0, 3), 0.16),
    Part((45, 44, 43, 42, 47, 46), (0, 3), 0.16, mirrored=True),
)
_FAR: Final = 0.15
"""Mean error of the earlier stage beyond which it does not place windows in training, in outer eye distances."""
_BRIDGE: Final = 27
_CHIN: Final = 8
MOUTH: Final = Part(tuple(range(48, 68)), (0, 6), 0.3, share=0.5)


class DetailStage(nn.Module):
    """Finds the landmarks of eyes and mouth again, in windows around their earlier places.

    Both eyes share a network, and one of them is mirrored. In training the windows lie around the corners that the
    earlier stage found, moved randomly. Around the labelled corners, their noise would look like such a move, and the
    network would learn to pass on only a part of what it sees.

    Args:
        eye: Edge of the window around an eye in pixels.
        mouth: Edge of the window around the mouth in pixels.
        room: Edge of a window divided by the distance of the two corners.
        width: Channels of the first layer; the last has twice as many.
        shift: Standard deviation of the training windows' shift, as a share of their edge.
        scale: Standard deviation of the logarithm of their edge.
        rotation: Standard deviation of their angle, in degrees.
        distances: Weight in the loss of the distances across lids and lips; points have weight 1.
    """

    face: Tensor

    def __init__(
        self,
        eye: int = 32,
        mouth: int = 48,
        room: float = 1.7,
        width: int = 24,
        shift: float = 0.04,
        scale: float = 0.08,
        rotation: float = 5.0,
        distances: float = 1.0,
    ) -> None:
        super().__init__()
        self.room, self.shift, self.scale, self.rotation = room, shift, scale, rotation
        self.distances = distances
        self.eye, self.mouth = _Reader(EYES[0], eye, width, room), _Reader(MOUTH, mouth, width, room)
        face = torch.tensor(neutral_shape()[:, :2], dtype=torch.float32)
        self.register_buffer("face", face, persistent=False)

    def forward(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """Return landmarks (n, 68, 2) on [0, 1] with refined eyes and mouth.

        Args:
            images: Normalised images (n, 3, h, h).
            landmarks: (n, 68, 2) earlier landmarks on [0, 1].
        """
        refined = [*landmarks.unbind(1)]
        for part, reader in self._parts():
            windows = _windows(landmarks, part, self.room)
            found = windows.to_frame(reader(windows.cut(images, reader.size)))
            for i, point in enumerate(part.points):
                refined[point] = torch.lerp(refined[point], found[:, i], part.share)
        return torch.stack(refined, dim=1)

    def loss(self, images: Tensor, earlier: Tensor, landmarks: Tensor) -> Tensor:
        """Return the mean absolute error of points and distances, over the distance of the corners of each part.

        Landmarks that are NaN count nowhere. Where the earlier stage is still far off, windows lie around the true
        landmarks.

        Args:
            images: Normalised images (n, 3, h, h).
            earlier: Landmarks (n, 68, 2) on [0, 1] of the earlier stage; they get no gradient.
            landmarks: True landmarks (n, 68, 2) on [0, 1].
        """
        total = landmarks.new_zeros(())
        known = completed(landmarks, self.face)
        far = relative_distance(earlier.detach(), known) > _FAR
        around = torch.where(far[:, None, None], known, earlier.detach())
        for part, reader in self._parts():
            windows = self._beside(_windows(around, part, self.room))
            found = reader(windows.cut(images, reader.size))
            target = windows.from_frame(landmarks[:, list(part.points)])
            total = total + over_known(F.l1_loss, found, target)
            first, second = reader.pairs
            total = total + self.distances * over_known(
                F.l1_loss, found[:, first] - found[:, second], target[:, first] - target[:, second]
            )
        return total

    def _parts(self) -> Sequence[tuple[Part, "_Reader"]]:
        return [(part, self.eye) for part in EYES] + [(MOUTH, self.mouth)]

    def _beside(self, windows: Windows) -> Windows:
        """Move windows randomly off their places."""
        n = len(windows.turn)
        angle = torch.deg2rad(torch.randn(n, device=windows.turn.device) * self.rotation)
        zoom = torch.exp(torch.randn_like(angle) * self.scale)
        cos, sin = zoom * angle.cos(), zoom * angle.sin()
        more = torch.stack([torch.stack([cos, -sin], dim=1), torch.stack([sin, cos], dim=1)], dim=1)
        moved = windows.to_frame(0.5 + torch.randn(n, 1, 2, device=angle.device) * self.shift)
        return about(moved, (windows.turn[:, :, :, None] * more[:, None]).sum(dim=2))


class _Reader(nn.Module):
    """Reads the landmarks of a part from the pixels of its window.

    The place in the window is the answer, so the last maps are read cell by cell and not averaged.
    """

    usual: Tensor

    def __init__(self, part: Part, size: int, width: int, room: float) -> None:
        super().__init__()
        self.size, self.points = size, len(part.points)
        place = {point: i for i, point in enumerate(part.points)}
        pairs = [(place[a], place[b]) for a, b in LIDS_AND_LIPS if a in place and b in place]
        self.pairs = [a for a, _ in pairs], [b for _, b in pairs]
        self.layers = nn.Sequential(
            *_convolution(3, width, 1),
            *_convolution(width, width, 2),
            *_convolution(width, 2 * width, 1),
            *_convolution(2 * width, 2 * width, 2),
            *_convolution(2 * width, width, 1),
            nn.Conv2d(width, 96, size // 4, bias=False),  # all cells at once
            nn.BatchNorm2d(96),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(96, 2 * self.points),
        )
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)
        face = torch.tensor(neutral_shape()[None, :, :2], dtype=torch.float32)
        usual = _windows(face, part, room).from_frame(face[:, list(part.points)])
        self.register_buffer("usual", usual, persistent=False)  # (1, k, 2)

    def forward(self, windows: Tensor) -> Tensor:
        """Return landmarks (n, k, 2) on [0, 1] of windows (n, 3, size, size), float32."""
        offsets: Tensor = self.layers(windows).float().view(-1, self.points, 2)
        return self.usual + offsets


def _convolution(c_in: int, c_out: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]


def _windows(landmarks: Tensor, part: Part, room: float) -> Windows:
    """Return the windows between the corners of a part, for landmarks (n, 68, 2)."""
    start, end = (landmarks[:, part.points[corner]] for corner in part.corners)
    height = (landmarks[:, _BRIDGE] - landmarks[:, _CHIN]).norm(dim=1, keepdim=True)
    apart = (end - start).norm(dim=1, keepdim=True).clamp(min=1e-6)
    right = (end - start) / apart * torch.maximum(apart, part.least * height) * room  # (n, 2)
    x, y = right.unbind(1)
    down = torch.stack([y, -x] if part.mirrored else [-y, x], dim=1)
    return about((start + end)[:, None] / 2, torch.stack([right, down], dim=2))
