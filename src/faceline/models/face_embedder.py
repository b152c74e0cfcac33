"""The face embedder that Lightning trains: pictures of one person close together, of different people far apart."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceline.data.faces import FaceBatch, FaceData
from faceline.errors import InputError, first_line
from faceline.metrics.identification import evaluate
from faceline.models.landmark_detector import WarmupCosine, by_decay
from faceline.models.matching import cosine_scores, enrol
from faceline.models.weights import load_weights

_PEOPLE = "face_embedder"
"""Key of a checkpoint under which the names of those lie who were trained on."""


class FaceEmbedder(pl.LightningModule):
    """A backbone of timm, an embedding of length 1, and in training one direction for each person (ArcFace).

    Source: Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019.

    Args:
        backbone: timm's name of the model.
        weights: A local .safetensors or .pth file to start from; None starts from nothing.
        frozen: Names of parts of the backbone that keep the weights and the statistics of that file; nothing is frozen
            without one.
        embedding: Numbers in an embedding.
        dropout: Share of the features left out in training.
        margin: Angle in radians by which a face must be nearer to its person than to others.
        scale: Of the cosines before the softmax.
        mean: Mean of the channels that the backbone expects, on [0, 1].
        std: The same for the standard deviation.
        lr: Highest learning rate of AdamW.
        backbone_lr: Share of it for the backbone.
        weight_decay: Of matrices and kernels; biases and norms have none.
        warmup: Share of the steps in which the rate rises; it falls as a cosine after.
    """

    def __init__(
        self,
        backbone: str = "mobilenetv2_100",
        weights: str | None = None,
        frozen: Sequence[str] = (),
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
        try:
            body: Any = timm.create_model(backbone, num_classes=0)
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{backbone} cannot be used: {first_line(error)}", column="model.backbone") from error
        if weights:
            load_weights(body, backbone, Path(weights))
        channels: int = getattr(body, "head_hidden_size", None) or body.num_features
        self.backbone = body
        parts = [self._part(name) for name in frozen]
        self.frozen = [part.requires_grad_(False) for part in parts] if weights else []
        self.neck = nn.Sequential(
            nn.BatchNorm1d(channels),
            nn.Dropout(dropout),
            nn.Linear(channels, embedding, bias=False),
            nn.BatchNorm1d(embedding),
        )
        self.margin, self.scale, self.mean, self.std = margin, scale, mean, std
        self.lr, self.backbone_lr, self.weight_decay, self.warmup = lr, backbone_lr, weight_decay, warmup
        self.people = np.empty(0, dtype=np.str_)
        self.to(memory_format=torch.channels_last)
        self._seen: list[tuple[np.ndarray, ...]] = []

    def _part(self, name: str) -> nn.Module:
        try:
            return cast(nn.Module, self.backbone.get_submodule(name))
        except AttributeError:
            known = ", ".join(child for child, _ in self.backbone.named_children())
            raise InputError(f"the backbone has no {name}; its parts are {known}", column="model.frozen") from None

    def train(self, mode: bool = True) -> "FaceEmbedder":
        """Training mode; what is frozen stays as it is."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def learn_from(self, data: FaceData) -> None:
        """Make room for the people of the training part.

        Raises:
            InputError: There is nobody to tell apart.
        """
        if len(data.people) < 2:
            raise InputError(
                f"{data.source.name} has {len(data.people)} person in the training part; telling people apart needs at "
                f"least two",
                column="data",
            )
        self._build(data.people)

    def _build(self, people: np.ndarray) -> None:
        self.people = people
        width = cast(nn.Linear, self.neck[2]).out_features
        self.directions = nn.Parameter(torch.randn(len(people), width) * 0.01)

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings (n, e) of length 1 of aligned faces (n, 3, h, w) on [0, 1]."""
        images = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return F.normalize(self.neck(self.backbone(images)).float(), dim=1)

    def embed(self, images: Tensor) -> Tensor:
        """(n, e) the mean direction of each face and its mirror image."""
        return F.normalize(self(images) + self(images.flip(3)), dim=1)

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        images, labels, _ = batch
        cosines = self(images) @ F.normalize(self.directions, dim=1).T
        logits = self.scale * with_margin(cosines, labels, self.margin)
        loss = F.cross_entropy(logits, labels)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(images), sync_dist=True)
        return loss

    def validation_step(self, batch: FaceBatch, batch_idx: int) -> None:
        """Keep the embeddings; they are compared when all are there."""
        images, labels, enrols = batch
        self._seen.append(tuple(x.float().cpu().numpy() for x in (self(images), labels, enrols)))

    def on_validation_epoch_end(self) -> None:
        """Enrol the gallery, ask with the probes, and log every metric as ``val/…``."""
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
        groups = [
            {"params": params, "lr": self.lr * factor, "weight_decay": decay}
            for module, factor in ((self.backbone, self.backbone_lr), (head, 1.0))
            for params, decay in zip(by_decay(module), (self.weight_decay, 0.0), strict=True)
            if params
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.lr)
        schedule = WarmupCosine(int(self.trainer.estimated_stepping_batches), self.warmup)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the names of those who were trained on."""
        checkpoint[_PEOPLE] = self.people.tolist()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make room for them, so that the weights of the checkpoint find their places."""
        if not len(self.people):
            self._build(np.array(checkpoint[_PEOPLE]))


def with_margin(cosines: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The cosines (n, people) with the angle to the true person made wider by the margin, at most to a half turn."""
    true = torch.arange(cosines.shape[1], device=cosines.device) == labels[:, None]
    angle = torch.acos(cosines.clamp(-1 + 1e-6, 1 - 1e-6))
    return torch.where(true, torch.cos((angle + margin).clamp(max=math.pi)), cosines)
