"""The landmark detector that Lightning trains: a backbone, a head, a loss and a schedule."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from faceline.data.datamodule import Batch
from faceline.errors import InputError
from faceline.geometry.markup import IBUG68, LIDS_AND_LIPS, Markup
from faceline.metrics import landmark as metrics
from faceline.models.coarse_stage import CoarseStage, relative_distance
from faceline.models.detail_stage import DetailStage
from faceline.models.heads import SimCCHead, VotingHead
from faceline.models.landmark_nets import TimmBackbone
from faceline.models.lid_gain import LidGain
from faceline.models.losses import SmoothL1Loss, over_known
from faceline.models.optimizers import adamw, param_groups


class Found(NamedTuple):
    """Landmarks and uncertainty of some frames.

    Attributes:
        landmarks: (n, p, 2) on [0, 1].
        uncertainty: (n, 2) for two stages, None for one. The first is the mean distance between both stages' landmarks
            over the interocular distance, the second the spread of the coarse stage's votes on [0, 1]. Both are small
            if there is a face.
    """

    landmarks: Tensor
    uncertainty: Tensor | None


class LandmarkDetector(pl.LightningModule):
    """A LightningModule that finds the landmarks of the single face in a frame.

    Args:
        backbone: Name of a timm model, or a module that returns feature maps and has ``channels``.
        head: A function that builds the head from the channels of the feature maps.
        loss: Loss module of (preds, target). Where a landmark has no label, it is called as by `over_known`.
        coarse_stage: Finds the face first, so that backbone and head see a window around it instead of the whole frame.
        detail_stage: Finds eyes and mouth again, in windows around them.
        distances: Weight in the loss of the distances across eyes and mouth; points have weight 1.
        cross_entropy: Weight of the cross entropy of a head that classifies coordinates.
        flip_average: Flip test-time augmentation: outside of training, average the frame and its mirror image.
        mirror: Whether to mirror half of the training frames here instead of in the transforms, and mark their feature
            maps. The network then learns how annotators treat left and right differently, instead of averaging it.
        pretrained: Whether to start from timm's own ImageNet weights (needs a network).
        weights: Start from a local .safetensors or .pth file instead.
        start: Start all layers from a bundle of the same layers: its file, or ``default``.
        mean: Channel means that the backbone expects, on [0, 1]; by default those of the pretrained weights, else 0.5.
        std: Channel standard deviations that the backbone expects, on [0, 1].
        lr: Highest learning rate of AdamW.
        backbone_lr: Learning rate of the backbone as a share of ``lr``; below 1 for pretrained weights.
        weight_decay: Weight decay of matrices and kernels; biases and norms have none.
        warmup: Share of the steps with a rising learning rate; it then falls as a cosine.
        memory_format: Memory layout; ``channels_last`` is faster on current CPUs and GPUs.
        markup: Meaning of the landmarks; the 68 points of iBUG by default.
        own_metrics: The user's own metrics by name: functions of (preds, target) in pixels, one number for each frame.

    Attributes:
        lid_gain: Restores outside of training what is lost of a blink; None until it is measured for a bundle.

    Raises:
        InputError: The backbone takes no weights, the head does not classify but a cross entropy is asked for, or a
            coarse stage is used with another markup than the 68 points.
    """

    mean: Tensor
    std: Tensor
    flip_order: Tensor

    def __init__(
        self,
        backbone: str | nn.Module,
        head: Callable[..., nn.Module] = VotingHead,
        loss: nn.Module | None = None,
        coarse_stage: CoarseStage | None = None,
        detail_stage: DetailStage | None = None,
        distances: float = 0.0,
        cross_entropy: float = 0.0,
        flip_average: bool = False,
        mirror: bool = False,
        pretrained: bool = False,
        weights: str | None = None,
        start: str | None = None,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        lr: float = 1e-3,
        backbone_lr: float = 1.0,
        weight_decay: float = 0.02,
        warmup: float = 0.15,
        memory_format: Literal["channels_last", "contiguous_format"] = "channels_last",
        markup: Markup = IBUG68,
        own_metrics: Mapping[str, metrics.OwnMetric] | None = None,
    ) -> None:
        super().__init__()
        _refuse_other_points(
            markup,
            coarse_stage=coarse_stage is not None,
            detail_stage=detail_stage is not None,
            distances=bool(distances),
        )
        self.markup, self.own_metrics = markup, dict(own_metrics or {})
        if isinstance(backbone, str):
            backbone = TimmBackbone(backbone, pretrained, weights)
        elif pretrained or weights:
            column = "model.weights" if weights else "model.pretrained"
            raise InputError("only a timm backbone starts from such weights; set model=timm", column=column)
        self.backbone = backbone
        self.head = head(backbone.channels, points=markup.points)
        if cross_entropy and not isinstance(self.head, SimCCHead):
            raise InputError(
                f"{type(self.head).__name__} does not classify coordinates; choose model/head=simcc",
                column="model.cross_entropy",
            )
        self.cross_entropy, self.distances, self.start = cross_entropy, distances, start
        self.loss = loss or SmoothL1Loss()
        self.coarse_stage, self.detail_stage, self.flip_average = coarse_stage, detail_stage, flip_average
        channels = cast(Sequence[int], backbone.channels)
        self.marks = nn.ParameterList([torch.zeros(each) for each in channels]) if mirror else None
        self.lr, self.backbone_lr, self.weight_decay, self.warmup = lr, backbone_lr, weight_decay, warmup
        self.memory_format = getattr(torch, memory_format)
        mean = mean or getattr(backbone, "mean", None) or [0.5] * 3
        std = std or getattr(backbone, "std", None) or [0.5] * 3
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("flip_order", torch.from_numpy(markup.flip_order.copy()), persistent=False)
        self.lid_gain: LidGain | None = None
        self.to(memory_format=self.memory_format)
        self._preds: list[tuple[np.ndarray, ...]] = []

    @property
    def wants_sizes(self) -> bool:
        """Whether `forward` needs the original sizes of the frames."""
        return self.coarse_stage is not None and self.coarse_stage.proportions

    def forward(self, images: Tensor, sizes: Tensor | None = None) -> Tensor:
        """Find landmarks (n, p, 2) on [0, 1] in images (n, 3, h, w) on [0, 1].

        Args:
            images: Whole frames.
            sizes: (n, 2) width and height of the frames, for a coarse stage that keeps their proportions.
        """
        return self.find(images, sizes).landmarks

    def find(self, images: Tensor, sizes: Tensor | None = None) -> Found:
        """Find landmarks as `forward` does, with their uncertainty."""
        images = self._normalise(images)
        found = self._in_frame(images, sizes)
        if self.training or not self.flip_average:
            return found
        mirrored = self._in_frame(images.flip(3), sizes, mirrored=True)
        uncertainty = (
            None
            if found.uncertainty is None or mirrored.uncertainty is None
            else (found.uncertainty + mirrored.uncertainty) / 2
        )
        return Found((found.landmarks + self._mirrored(mirrored.landmarks)) / 2, uncertainty)

    def _in_frame(self, images: Tensor, sizes: Tensor | None, mirrored: Tensor | bool = False) -> Found:
        """Find landmarks in normalised frames, with one stage or two."""
        if self.coarse_stage is None:
            return Found(self._detailed(images, self._look(images, mirrored)), None)
        first, spread = self.coarse_stage.look(images)
        windows = self.coarse_stage.windows(first, sizes)
        landmarks = windows.to_frame(self._look(windows.cut(images, self.coarse_stage.size), mirrored))
        uncertainty = torch.stack([relative_distance(first, landmarks), spread], dim=1)
        return Found(self._detailed(images, landmarks), uncertainty)

    def _detailed(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """Refine eyes and mouth if there is a detail stage, then the lids if there is a gain."""
        if self.detail_stage is not None:
            landmarks = self.detail_stage(images, landmarks)
        return landmarks if self.lid_gain is None else cast(Tensor, self.lid_gain(landmarks))

    def _normalise(self, images: Tensor) -> Tensor:
        return ((images - self.mean) / self.std).contiguous(memory_format=self.memory_format)

    def _look(self, images: Tensor, mirrored: Tensor | bool = False) -> Tensor:
        """Return the head's landmarks in normalised frames or windows; all or some (n,) of them are mirrored."""
        return cast(Tensor, self.head(self._maps(images, mirrored)))

    def _loss(self, images: Tensor, landmarks: Tensor, mirrored: Tensor | bool) -> tuple[Tensor, Tensor]:
        """Return the loss of the head's landmarks in frames or windows, and these landmarks."""
        maps, scores = self._maps(images, mirrored), None
        if self.cross_entropy:
            scores = cast(SimCCHead, self.head).classify(maps)
        points = self.head(maps) if scores is None else cast(SimCCHead, self.head).expected(scores)
        loss = over_known(self.loss, points, landmarks)
        if self.distances:
            first, second = torch.tensor(LIDS_AND_LIPS, device=points.device).T
            loss = loss + self.distances * over_known(
                self.loss, points[:, first] - points[:, second], landmarks[:, first] - landmarks[:, second]
            )
        if scores is not None:
            loss = loss + self.cross_entropy * cast(SimCCHead, self.head).cross_entropy(scores, landmarks)
        return loss, points

    def _maps(self, images: Tensor, mirrored: Tensor | bool) -> Sequence[Tensor]:
        maps: Sequence[Tensor] = self.backbone(images.contiguous(memory_format=self.memory_format))
        if self.marks is not None and mirrored is not False:
            told = mirrored.view(-1, 1, 1, 1) if isinstance(mirrored, Tensor) else 1
            maps = [each + told * mark.view(-1, 1, 1) for each, mark in zip(maps, self.marks, strict=True)]
        return maps

    def _mirrored(self, landmarks: Tensor) -> Tensor:
        """Mirror landmarks (n, p, 2) on [0, 1] and put them into the order of the markup."""
        x, y = landmarks[:, self.flip_order].unbind(-1)
        return torch.stack([1 - x, y], dim=-1)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch, summed over the stages."""
        images, landmarks, sizes = batch
        images = self._normalise(images)
        mirrored: Tensor | bool = False
        if self.marks is not None:
            mirrored = torch.rand(len(images), device=images.device) < 0.5
            images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
            landmarks = torch.where(mirrored.view(-1, 1, 1), self._mirrored(landmarks), landmarks)
        if self.coarse_stage is None:
            loss, points = self._loss(images, landmarks, mirrored)
        else:
            windows = self.coarse_stage.near(landmarks, sizes)
            cut = windows.cut(images, self.coarse_stage.size)
            loss, points = self._loss(cut, windows.from_frame(landmarks), mirrored)
            points = windows.to_frame(points)
            loss = loss + over_known(self.loss, self.coarse_stage(images), landmarks)
        if self.detail_stage is not None:
            loss = loss + self.detail_stage.loss(images, points, landmarks)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(images), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Store predictions; metrics are computed over the whole set, not averaged over batches."""
        images, landmarks, sizes = batch
        preds = self(images, sizes)
        self._preds.append(tuple(x.float().cpu().numpy() for x in (preds, landmarks, sizes)))

    def on_validation_epoch_end(self) -> None:
        """Log every metric of the validation set as ``val/…``."""
        preds, target, sizes = (np.concatenate(column) for column in zip(*self._preds, strict=True))
        self._preds.clear()
        if not np.isfinite(preds).all():
            raise InputError(
                f"the model gives numbers that are not finite in epoch {self.current_epoch + 1}; lower it",
                column="model.lr",
            )
        scalars = metrics.evaluate(preds, target, sizes.astype(np.int64), self.markup, self.own_metrics).scalars
        loss = over_known(self.loss, torch.from_numpy(preds), torch.from_numpy(target))
        self.log_dict({"val/loss": loss, **{f"val/{key}": value for key, value in scalars.items()}}, sync_dist=True)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Accept the name that older versions gave to the weights of the coarse stage."""
        weights = checkpoint["state_dict"]
        checkpoint["state_dict"] = {
            re.sub(r"^first_look\.", "coarse_stage.", key): each for key, each in weights.items()
        }

    def configure_optimizers(self) -> Any:
        """AdamW with a warm-up and a cosine over all steps of the run."""
        others = (self.head, self.marks, self.coarse_stage, self.detail_stage)
        parts = ((self.backbone, self.backbone_lr), *((part, 1.0) for part in others))
        return adamw(param_groups(parts, self.lr, self.weight_decay), self.trainer, self.warmup)


def _refuse_other_points(markup: Markup, **parts: bool) -> None:
    """Refuse parts of a model that know only the 68 points of iBUG, if they are used with another markup."""
    for part, used in parts.items():
        if used and markup.points != IBUG68.points:
            off = "model.distances=0" if part == "distances" else f"model/{part}=null"
            raise InputError(f"knows only the 68 points of iBUG, not {markup.name}; set {off}", column=f"model.{part}")
