"""The task of identifying people by the shape of their faces, without pixels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from hydra.utils import instantiate
from matplotlib.figure import Figure

from faceline.data.shapes import Features, ShapeData
from faceline.errors import InputError
from faceline.models.baselines import Baseline
from faceline.models.identifier import ByClass, ByEmbedding, Identifier
from faceline.models.shape_classifier import ShapeClassifier
from faceline.reports import identification_plots as plots
from faceline.tasks.identification import IdentificationTask
from faceline.tasks.task import Config, Lessons

ShapeModel = Baseline | ShapeClassifier


class ShapeTask(IdentificationTask):
    """Identifies people by their landmarks.

    Args:
        dims: Number of coordinates of each landmark, 2 or 3.
        rotate: Whether to rotate every shape to the mean shape of the training set.
    """

    def __init__(self, dims: Literal[2, 3] = 2, rotate: bool = False) -> None:
        self.dims, self.rotate = dims, rotate

    def build_model(self, config: Config) -> ShapeModel:
        """Build a classifier or a network that takes shapes."""
        model = instantiate(config["model"])
        if not isinstance(model, ShapeModel):
            raise InputError("takes no shapes; choose a model for this task, such as model=knn", column="model")
        return model

    def build_data(self, config: Config) -> ShapeData:
        """Build the shapes of the frames of a config."""
        data = config["data"]
        return ShapeData(
            source=instantiate(data["source"]),
            split=dict(config["split"]),
            dims=self.dims,
            rotate=self.rotate,
            batch_size=data["batch_size"],
            seed=config["seed"],
            cache_dir=Path(data["cache_dir"]),
            limit=data["limit"],
        )

    def join(self, model: ShapeModel, data: ShapeData) -> Lessons:
        """Build the layers of a network for the people and shapes of the data."""
        if isinstance(model, ShapeClassifier):
            model.learn_from(data)
        return {}

    def fit(self, model: Baseline, data: ShapeData, file: Path, record: Mapping[str, Any]) -> None:
        """Enrol everybody in the test set."""
        gallery = data.trial("test").gallery
        model.enrol(data.features[gallery], data.index.persons[gallery])
        model.save(file, record)

    def features(self, data: ShapeData, rows: np.ndarray) -> Features:
        """Return normalised shapes."""
        features: Features = data.features[rows]
        return features

    def examples(
        self, data: ShapeData, gallery: np.ndarray, probes: np.ndarray, captions: list[str], source: str
    ) -> Figure:
        """Draw the outlines of both faces, as labelled, from the front."""
        markup = data.index.markup
        shapes = [data.features[rows].reshape(-1, markup.points, data.dims)[..., :2] for rows in (probes, gallery)]
        return plots.example_shapes(shapes[0], shapes[1], captions, outlines=markup.outlines, source=source)

    def identifier(self, model: ShapeModel, open_set: bool) -> Identifier:
        """Return an identifier: a network uses its classes, or its last hidden layer if new people are enrolled."""
        if isinstance(model, Baseline):
            return model
        return ByEmbedding(lambda shapes: _embed(model, shapes)) if open_set else ByClass(model)


def _embed(model: ShapeClassifier, shapes: Features) -> np.ndarray:
    model.eval()
    with torch.inference_mode():
        return np.asarray(model.embed(torch.from_numpy(shapes).to(model.device)).float().cpu().numpy())
