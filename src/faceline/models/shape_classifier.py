"""A feed-forward network that tells people apart by the shape of their faces."""

from typing import Any, Literal, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceline.data.shapes import ShapeBatch, ShapeData
from faceline.data.splits import columns_of, refuse_one_person
from faceline.errors import InputError
from faceline.metrics.identification import evaluate
from faceline.models.matching import cosine_scores, enrol
from faceline.models.optimizers import adamw

_SHAPE = "shape_classifier"
"""Key of a checkpoint that holds the sizes and names from which the network is built."""


class ShapeClassifier(pl.LightningModule):
    """A LightningModule of fully connected layers, from a normalised shape to the people of the training set.

    It learns to tell videos apart; a person's score is the sum over their videos. The shapes of one person in two
    videos form two groups that frames of one video cannot connect. With thousands of videos, classes of people train
    faster.

    `learn_from` builds it for a data set, or a checkpoint restores it.

    Args:
        width: Units of each hidden layer.
        depth: Number of hidden layers.
        classes: What to classify: ``videos`` or ``people``.
        dropout: Share of the units dropped in training.
        noise: Standard deviation of the noise added to each coordinate in training, in pixels of the original frame;
            the labels have errors of this kind.
        smoothing: Label smoothing: share spread over all classes (Szegedy et al., CVPR 2016).
        lr: Highest learning rate of AdamW.
        weight_decay: Weight decay of AdamW.
        warmup: Share of the steps with a rising learning rate; it then falls as a cosine.
    """

    mean: Tensor
    spread: Tensor
    owners: Tensor

    def __init__(
        self,
        width: int = 512,
        depth: int = 2,
        classes: Literal["videos", "people"] = "videos",
        dropout: float = 0.3,
        noise: float = 0.6,
        smoothing: float = 0.1,
        lr: float = 2e-3,
        weight_decay: float = 0.02,
        warmup: float = 0.15,
    ) -> None:
        super().__init__()
        self.width, self.depth, self.classes, self.dropout = width, depth, classes, dropout
        self.noise, self.smoothing = noise, smoothing
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup
        self.people = np.empty(0, dtype=np.str_)
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def learn_from(self, data: ShapeData) -> None:
        """Build the layers for the people and shapes of a data set.

        Raises:
            InputError: The training set has fewer than two people.
        """
        refuse_one_person(data.people, data.source.name)
        features = data.features[data.split.train]
        persons = data.index.persons[data.split.train]
        units = data.index.videos[data.split.train] if self.classes == "videos" else persons
        first = np.unique(units, return_index=True)[1]
        owners = columns_of(persons[first], data.people)
        self._build(features.shape[1], data.people, owners)
        self.mean.copy_(torch.from_numpy(features.mean(axis=0)))
        self.spread.fill_(float(features.std(axis=0).mean()))

    def _build(self, inputs: int, people: np.ndarray, owners: np.ndarray) -> None:
        self.people = people
        layers: list[nn.Module] = []
        for size in [inputs, *[self.width] * (self.depth - 1)]:
            layers += [nn.Linear(size, self.width), nn.BatchNorm1d(self.width), nn.GELU()]
            layers += [nn.Dropout(self.dropout)] if self.dropout else []
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(self.width, len(owners))
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(()))
        self.register_buffer("owners", torch.from_numpy(owners))

    def embed(self, features: Tensor) -> Tensor:
        """Embed shapes (n, 68 * d) as (n, width) with the last hidden layer; this works for unknown people too."""
        return cast(Tensor, self.body((features - self.mean).div_(self.spread)))

    def forward(self, features: Tensor) -> Tensor:
        """Return log-probabilities (n, people) of shapes (n, 68 * d)."""
        classes = self.head(self.embed(features)).float().softmax(dim=1)
        people = classes.new_zeros(len(classes), len(self.people)).index_add(1, self.owners, classes)
        return cast(Tensor, people.clamp(min=1e-30).log())

    def loss(self, batch: ShapeBatch) -> Tensor:
        """Return the cross-entropy of a batch, under noise."""
        noisy = torch.addcmul(batch.features, self.noise / batch.sizes, torch.randn_like(batch.features))
        embedded = self.embed(noisy)
        target = batch.videos if self.classes == "videos" else batch.people
        logits = self.head(embedded)
        # Autocast would make the logits float32 again: with many classes that is half of the time of a step.
        with torch.autocast(self.device.type, enabled=False):
            return F.cross_entropy(logits, target, label_smoothing=self.smoothing)

    def training_step(self, batch: ShapeBatch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        loss = self.loss(batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.people), sync_dist=True)
        return loss

    def validation_step(self, batch: ShapeBatch, batch_idx: int) -> None:
        """Store logits, or embeddings if people are enrolled anew; they are compared at the end of the epoch."""
        self._seen.append((batch.features, batch.people, batch.enrols))

    def on_validation_epoch_end(self) -> None:
        """Log every metric of the validation trial as ``val/…``."""
        features, labels, enrols = (torch.cat(column).cpu() for column in zip(*self._seen, strict=True))
        self._seen.clear()
        asks = ~enrols
        if enrols.any():
            gallery, probes = (
                self.embed(features[rows].to(self.device)).float().cpu().numpy() for rows in (enrols, asks)
            )
            scores = cosine_scores(probes, enrol(gallery, labels[enrols].numpy(), int(labels.max()) + 1))
        else:
            scores = self(features.to(self.device)).float().cpu().numpy()
        if not np.isfinite(scores).all():
            raise InputError(
                f"the model gives numbers that are not finite in epoch {self.current_epoch + 1}; lower it",
                column="model.lr",
            )
        scalars = evaluate(scores, labels[asks].numpy()).scalars
        self.log_dict({f"val/{name}": value for name, value in scalars.items()}, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """AdamW with a warm-up and a cosine over all steps of the run."""
        groups = [{"params": list(self.parameters()), "lr": self.lr, "weight_decay": self.weight_decay}]
        return adamw(groups, self.trainer, self.warmup)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the sizes and names from which the layers are built."""
        checkpoint[_SHAPE] = {
            "inputs": len(self.mean),
            "people": self.people.tolist(),
            "owners": self.owners.tolist(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Build the layers, so that the weights of the checkpoint fit."""
        if not len(self.people):
            built_from = checkpoint[_SHAPE]
            self._build(built_from["inputs"], np.array(built_from["people"]), np.array(built_from["owners"]))
