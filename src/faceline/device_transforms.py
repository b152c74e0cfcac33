"""Augmentation of a whole batch at once, on the device where the batch is: for frames that stay in a GPU's memory.

The same conventions as `faceline.transforms`: rotation is counter-clockwise about the centre as seen, shifts are shares
of width and height, edges are drawn out, and landmarks follow the pixels.
"""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from faceline.geometry.markup import FLIP_ORDER

Number = int | float
Range = tuple[Number, Number]
Batch = UInt8[Tensor, "n 3 h w"]
Planes = Float[Tensor, "n 3 h w"]
Points = Float[Tensor, "n 68 2"]
Draws = Float[Tensor, " n"]


def move(
    images: Planes,
    landmarks: Points,
    angle: Draws,
    scale: Draws,
    shift: Float[Tensor, "n 2"],
    mirror: Draws,
) -> tuple[Planes, Points]:
    """Mirror, then rotate and scale about the centre and shift: one interpolation.

    Args:
        images: Of any range.
        landmarks: On [0, 1] of the frame.
        angle: Degrees, counter-clockwise.
        scale: Factor of both axes.
        shift: Shares of width and height.
        mirror: -1 where left and right change places, else 1.
    """
    height, width = images.shape[-2:]
    edge = images.new_tensor([width, height])
    turn = _turn(angle, scale)  # (n, 2, 2), of pixels
    order = torch.as_tensor(FLIP_ORDER.copy(), device=landmarks.device)
    flipped = torch.where(mirror[:, None, None] < 0, landmarks[:, order], landmarks)
    centred = (flipped - 0.5) * edge
    centred = torch.stack([centred[..., 0] * mirror[:, None], centred[..., 1]], dim=-1)
    moved = (centred @ turn.transpose(1, 2)) / edge + 0.5 + shift[:, None]
    return F.grid_sample(
        images, _grid(turn, shift, mirror, edge, height, width), padding_mode="border", align_corners=False
    ), moved


def _turn(angle: Draws, scale: Draws) -> Float[Tensor, "n 2 2"]:
    """Where pixels go, about the centre; y points down."""
    c, s = torch.cos(angle * math.pi / 180) * scale, torch.sin(angle * math.pi / 180) * scale
    return torch.stack([torch.stack([c, s], dim=-1), torch.stack([-s, c], dim=-1)], dim=-2)


def _grid(turn: Tensor, shift: Tensor, mirror: Tensor, edge: Tensor, height: int, width: int) -> Tensor:
    """(n, h, w, 2) the place, on [-1, 1], from which each pixel comes."""
    back = torch.linalg.inv(turn)
    # From [-1, 1] to pixels about the centre, back through the movement, and to [-1, 1] again.
    matrix = back * edge[None, None] / edge[None, :, None]
    offset = -(back @ (shift * edge)[..., None])[..., 0] * 2 / edge
    theta = torch.cat([matrix, offset[..., None]], dim=-1)
    flip = torch.stack([mirror, torch.ones_like(mirror)], dim=-1)
    return F.affine_grid(theta * flip[..., None], [len(turn), 3, height, width], align_corners=False)


class DeviceAugmentation:
    """Mirror, move, change the light and add noise: what ``conf/transforms/standard.yaml`` does but for blur.

    Args:
        flip: Share of the frames that are mirrored.
        rotation: Lowest and highest angle in degrees.
        scale: Lowest and highest factor.
        shift: Lowest and highest shift, as a share of width and height.
        brightness: Largest change, as a share of the full scale, and largest change of the contrast from 1.
        noise: Lowest and highest standard deviation, as a share of the full scale.
    """

    def __init__(
        self,
        flip: Number = 0.5,
        rotation: Range = (-25, 25),
        scale: Range = (0.8, 1.2),
        shift: Range = (-0.08, 0.08),
        brightness: Number = 0.2,
        noise: Range = (0.0, 0.03),
    ) -> None:
        self.flip, self.rotation, self.scale, self.shift = flip, rotation, scale, shift
        self.brightness, self.noise = brightness, noise

    def __call__(self, images: Batch, landmarks: Points, generator: torch.Generator) -> tuple[Planes, Points]:
        """Images on [0, 1] and their landmarks.

        Args:
            images: On any device.
            landmarks: On [0, 1], on the same device.
            generator: Of that device; equal states give equal batches.
        """
        n = len(images)

        def draw(low: Number, high: Number, *shape: int) -> Tensor:
            return torch.rand(n, *shape, device=images.device, generator=generator) * (high - low) + low

        mirror = torch.where(draw(0, 1) < self.flip, -1.0, 1.0)
        shift = draw(self.shift[0], self.shift[1], 2)
        planes, points = move(images.float() / 255, landmarks, draw(*self.rotation), draw(*self.scale), shift, mirror)
        light = draw(-self.brightness, self.brightness, 1, 1, 1)
        contrast = draw(1 - self.brightness, 1 + self.brightness, 1, 1, 1)
        planes = planes * contrast + light
        grain = torch.randn(planes.shape, device=planes.device, generator=generator)
        return (planes + grain * draw(self.noise[0], self.noise[1], 1, 1, 1)).clamp(0, 1), points


class ResidentBatches:
    """Shuffled, augmented batches of frames that lie in the memory of a device.

    Args:
        images: All frames (n, h, w, 3), uint8, on the device.
        landmarks: (n, 68, 2) on [0, 1], on the device.
        sizes: (n, 2) of the original frames, on the device.
        augmentation: Applied to every batch.
        batch_size: Frames of a batch; a last incomplete one is dropped.
        seed: Seed of order and augmentation.
    """

    def __init__(
        self,
        images: Tensor,
        landmarks: Tensor,
        sizes: Tensor,
        augmentation: DeviceAugmentation,
        batch_size: int,
        seed: int,
    ) -> None:
        self.images, self.landmarks, self.sizes = images, landmarks, sizes
        self.augmentation, self.batch_size = augmentation, batch_size
        self.generator = torch.Generator(images.device).manual_seed(seed)

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        order = torch.randperm(len(self.images), device=self.images.device, generator=self.generator)
        for rows in order[: len(self) * self.batch_size].view(len(self), self.batch_size):
            planes = self.images[rows].permute(0, 3, 1, 2)
            images, landmarks = self.augmentation(planes, self.landmarks[rows], self.generator)
            yield images, landmarks, self.sizes[rows]
