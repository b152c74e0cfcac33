"""The training loop that a newcomer writes, as the yardstick of ``faceline benchmark train``.

Every line is what tutorials show: PIL decodes and resizes, PIL and numpy augment one frame at a time, a DataLoader
stacks them, Adam steps in float32.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torchvision
from PIL import Image as PillowImage
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from faceline.geometry.markup import N_LANDMARKS
from faceline.types import Shape

AnyBatch = TypeVar("AnyBatch")

Sample = tuple[Tensor, Tensor]
"""Image (3, size, size) and landmarks (136,), both on [0, 1]."""


class PlainFrames(Dataset[Sample]):
    """Decodes, resizes, rotates by up to 90 degrees and adds noise whenever a frame is asked for.

    Args:
        files: Image files.
        landmarks: Landmarks of each in pixels.
        size: Edge of the square images.
        augment: Whether to rotate frames and add noise.
    """

    def __init__(self, files: Sequence[Path], landmarks: Sequence[Shape], size: int, augment: bool = True) -> None:
        self.files, self.landmarks, self.size, self.augment = files, landmarks, size, augment

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> Sample:
        """Return one frame."""
        image = PillowImage.open(self.files[i]).convert("RGB")
        points = (self.landmarks[i] + 0.5) / np.array(image.size)
        image = image.resize((self.size, self.size))
        if self.augment:
            angle = np.random.uniform(-90, 90)  # noqa: NPY002  # as a newcomer does
            image, points = image.rotate(angle), _rotate(points, angle)
        pixels = np.asarray(image, dtype=np.float32) / 255
        if self.augment:
            noise = np.random.normal(0, np.random.uniform(0.01, 0.05), pixels.shape)  # noqa: NPY002
            pixels = np.clip(pixels + noise, 0, 1).astype(np.float32)
        planes = torch.from_numpy(pixels.transpose(2, 0, 1).copy())
        return planes, torch.from_numpy(points.astype(np.float32).reshape(-1))


class PlainLoop:
    """Adam on the mean squared error, in float32.

    Args:
        net: Network from images to 136 numbers.
        lr: Learning rate.
    """

    def __init__(self, net: nn.Module, lr: float = 1e-3) -> None:
        self.net = net
        self.optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        self.loss = nn.MSELoss()

    def step(self, batch: Sequence[Tensor]) -> None:
        """Train on one batch."""
        images, landmarks = batch
        self.net.train()
        self.optimizer.zero_grad()
        self.loss(self.net(images), landmarks).backward()
        self.optimizer.step()

    def predict(self, frames: PlainFrames, batch_size: int) -> np.ndarray:
        """Return landmarks (n, 68, 2) on [0, 1]."""
        self.net.eval()
        with torch.inference_mode():
            preds = [self.net(images).numpy() for images, _ in DataLoader(frames, batch_size=batch_size)]
        return np.concatenate(preds).reshape(-1, N_LANDMARKS, 2)


def plain_net(name: str) -> nn.Module:
    """Return a network of torchvision from scratch, its classifier replaced by 136 outputs.

    Args:
        name: ``mobilenetv2_100`` or ``resnet18``, as timm calls them.
    """
    outputs = 2 * N_LANDMARKS
    if name == "mobilenetv2_100":
        net: nn.Module = torchvision.models.mobilenet_v2(weights=None, num_classes=outputs)
    elif name == "resnet18":
        net = torchvision.models.resnet18(weights=None, num_classes=outputs)
    else:
        raise ValueError(f"expected mobilenetv2_100 or resnet18, got {name!r}")
    return net


def endless(loader: DataLoader[AnyBatch]) -> Iterator[AnyBatch]:
    """Batch after batch, epoch after epoch."""
    while True:
        yield from loader


def _rotate(points: np.ndarray, angle: float) -> np.ndarray:
    """Points on [0, 1] after the rotation that PIL does: counter-clockwise about the centre."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.asarray((points - 0.5) @ np.array([[c, -s], [s, c]]) + 0.5)
