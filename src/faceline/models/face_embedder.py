"""The face embedder that Lightning trains: one person's faces get similar vectors, different people's do not."""

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceline.data.faces import FaceBatch, FaceData
from faceline.data.splits import refuse_one_person
from faceline.errors import InputError
from faceline.metrics.identification import evaluate
from faceline.models.discriminant import Projection, discriminant
from faceline.models.landmark_nets import TimmBackbone
from faceline.models.matching import cosine_scores, enrol
from faceline.models.optimizers import adamw, param_groups

_PEOPLE = "face_embedder"
"""Key of a checkpoint that holds the names of the people in the training set."""


class FaceEmbedder(pl.LightningModule):
    """A LightningModule with a timm backbone that returns embeddings of length 1, trained with ArcFace.

    The place of a feature matters as much as the feature: features are averaged in the cells of a grid over the face.
    The layer from features to embedding starts as the linear discriminants of the training faces, which a few thousand
    faces determine well; gradients then refine it. Source: Deng et al., "ArcFace: Additive Angular Margin Loss for Deep
    Face Recognition", CVPR 2019.

    Args:
        backbone: Name of the backbone in timm.
        weights: Local .safetensors or .pth file with weights to start from; None starts from random weights.
        strides: Strides of the feature maps to use; backbone parts beyond the last are dropped.
        frozen: Names of backbone parts that keep the weights and statistics of ``weights``; needs that file.
        grid: Cells of the grid in each direction.
        components: Number of principal components in which discriminants are computed.
        shrinkage: Shrinkage of the scatter within people, see `discriminant`.
        embedding: Length of an embedding vector.
        dropout: Share of the features dropped in training.
        margin: Angle in radians by which a face must be closer to its person than to others.
        scale: Factor of the cosines before the softmax.
        mean: Channel means that the backbone expects, on [0, 1].
        std: Channel standard deviations that the backbone expects, on [0, 1].
        lr: Highest learning rate of AdamW.
        backbone_lr: Learning rate of the backbone as a share of ``lr``.
        weight_decay: Weight decay of matrices and kernels; biases and norms have none.
        warmup: Share of the steps with a rising learning rate; it then falls as a cosine.
    """

    def __init__(
        self,
        backbone: str = "mobilenetv2_100",
        weights: str | None = None,
        strides: Sequence[int] = (4, 8, 16),
        frozen: Sequence[str] = (),
        grid: int = 7,
        components: int = 1200,
        shrinkage: float = 0.15,
        embedding: int = 256,
        dropout: float = 0.4,
        margin: float = 0.3,
        scale: float = 24.0,
        mean: float = 0.5,
        std: float = 0.5,
        lr: float = 1e-3,
        backbone_lr: float = 0.3,
        weight_decay: float = 0.05,
        warmup: float = 0.15,
    ) -> None:
        super().__init__()
        self.backbone = TimmBackbone(backbone, weights=weights, strides=strides)
        parts = [self._part(name) for name in frozen]
        self.frozen = [part.requires_grad_(False) for part in parts] if weights else []
        self.neck = GridNeck(self.backbone.channels, grid, embedding, dropout)
        self.components, self.shrinkage = components, shrinkage
        self.margin, self.scale, self.mean, self.std = margin, scale, mean, std
        self.lr, self.backbone_lr, self.weight_decay, self.warmup = lr, backbone_lr, weight_decay, warmup
        self.people = np.empty(0, dtype=np.str_)
        self.to(memory_format=torch.channels_last)
        self._seen: list[tuple[np.ndarray, ...]] = []

    def _part(self, name: str) -> nn.Module:
        body = self.backbone.body
        try:
            return cast(nn.Module, body.get_submodule(name))
        except AttributeError:
            known = ", ".join(child for child, _ in body.named_children())
            raise InputError(f"the backbone has no {name}; its parts are {known}", column="model.frozen") from None

    def train(self, mode: bool = True) -> "FaceEmbedder":
        """Set the training mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def learn_from(self, data: FaceData) -> None:
        """Create the layer for the people of the training set, starting from their linear discriminants.

        Raises:
            InputError: The training set has fewer than two people.
        """
        refuse_one_person(data.people, data.source.name)
        self._build(data.people)
        features, labels = self._features(data)
        self.neck.start(discriminant(features, labels, self.components, self.shrinkage, self.neck.embedding))
        with torch.no_grad():
            embeddings = self.neck.project(torch.from_numpy(features)).numpy()
            self.directions.copy_(torch.from_numpy(enrol(embeddings, labels, len(self.people))))

    @torch.inference_mode()
    def _features(self, data: FaceData) -> tuple[np.ndarray, np.ndarray]:
        """Return (2n, f) features of the training faces and their mirror images, and the people in them."""
        self.eval()
        loader = data.still_dataloader()
        features, labels = [], []
        for images, people, _ in loader:
            for faces in (images, images.flip(3)):
                features.append(self.neck.features(self._maps(faces)).numpy())
                labels.append(people.numpy())
        self.train()
        return np.concatenate(features), np.concatenate(labels)

    def _build(self, people: np.ndarray) -> None:
        self.people = people
        self.directions = nn.Parameter(torch.zeros(len(people), self.neck.embedding))

    def _maps(self, images: Tensor) -> list[Tensor]:
        images = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return cast(list[Tensor], self.backbone(images))

    def forward(self, images: Tensor) -> Tensor:
        """Embed aligned faces (n, 3, h, w) on [0, 1] as (n, e) of length 1."""
        return F.normalize(self.neck(self._maps(images)), dim=1)

    def embed(self, images: Tensor) -> Tensor:
        """Embed faces (n, e), with flip test-time augmentation."""
        return F.normalize(self(images) + self(images.flip(3)), dim=1)

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        images, labels, _ = batch
        cosines = self(images) @ F.normalize(self.directions, dim=1).T
        logits = self.scale * with_margin(cosines, labels, self.margin)
        loss = F.cross_entropy(logits, labels)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(images), sync_dist=True)
        return loss

    def validation_step(self, batch: FaceBatch, batch_idx: int) -> None:
        """Store the embeddings; they are compared at the end of the epoch."""
        images, labels, enrols = batch
        self._seen.append(tuple(x.float().cpu().numpy() for x in (self(images), labels, enrols)))

    def on_validation_epoch_end(self) -> None:
        """Enrol the gallery, compare the probes, and log every metric as ``val/…``."""
        embeddings, labels, flags = (np.concatenate(column) for column in zip(*self._seen, strict=True))
        self._seen.clear()
        enrols, target = flags.astype(bool), labels.astype(np.int64)
        if not np.isfinite(embeddings).all():
            raise InputError(
                f"the model gives numbers that are not finite in epoch {self.current_epoch + 1}; lower it",
                column="model.lr",
            )
        templates = enrol(embeddings[enrols], target[enrols], int(target[enrols].max()) + 1)
        scalars = evaluate(cosine_scores(embeddings[~enrols], templates), target[~enrols]).scalars
        self.log_dict({f"val/{name}": value for name, value in scalars.items()}, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """AdamW with a warm-up and a cosine over all steps of the run."""
        head = nn.ModuleDict({"neck": self.neck})
        head.register_parameter("directions", self.directions)
        parts = ((self.backbone, self.backbone_lr), (head, 1.0))
        return adamw(param_groups(parts, self.lr, self.weight_decay), self.trainer, self.warmup)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the names of the people in the training set."""
        checkpoint[_PEOPLE] = self.people.tolist()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Create the layer for those people, so that the weights of the checkpoint fit."""
        if not len(self.people):
            self._build(np.array(checkpoint[_PEOPLE]))


class GridNeck(nn.Module):
    """Maps feature maps to an embedding with one linear layer that knows the place of each feature.

    Args:
        channels: Channels of the maps.
        grid: Number of cells in each direction over which each map is averaged.
        embedding: Length of an embedding vector.
        dropout: Share of the features dropped in training.
    """

    def __init__(self, channels: Sequence[int], grid: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.grid, self.embedding = grid, embedding
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(sum(channels) * grid**2, embedding)

    def features(self, maps: Sequence[Tensor]) -> Tensor:
        """Return (n, f) float32 features: the cells of every map, each map scaled to length 1."""
        cells = [F.adaptive_avg_pool2d(features.float(), self.grid).flatten(1) for features in maps]
        return torch.cat([F.normalize(part, dim=1) for part in cells], dim=1)

    def project(self, features: Tensor) -> Tensor:
        """Return (n, e) embeddings of any length."""
        return cast(Tensor, self.linear(features)).float()

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return (n, e) embeddings of any length."""
        return self.project(self.dropout(self.features(maps)))

    def start(self, projection: Projection) -> None:
        """Start from a projection; dimensions that it lacks stay zero."""
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.bias.zero_()
            self.linear.weight[: len(projection.matrix)] = torch.from_numpy(projection.matrix)
            self.linear.bias[: len(projection.offset)] = torch.from_numpy(projection.offset)


def with_margin(cosines: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Return the cosines (n, people) with the angle to the true person widened by the margin."""
    true = torch.arange(cosines.shape[1], device=cosines.device) == labels[:, None]
    angle = torch.acos(cosines.clamp(-1 + 1e-6, 1 - 1e-6))
    return torch.where(true, torch.cos((angle + margin).clamp(max=math.pi)), cosines)
