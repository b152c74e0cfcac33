"""Serves a run's model through MLflow: ``mlflow.pyfunc.load_model("models:/NAME/1").predict(images)``."""

import logging
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from hydra.utils import instantiate

from faceline.models.baselines import Baseline
from faceline.models.face_embedder import FaceEmbedder
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.shape_classifier import ShapeClassifier
from faceline.tasks.assembly import Trained, load_trained
from faceline.tasks.landmarks import find_landmarks
from faceline.tasks.task import Config

_EDGE: Final = 64
"""Most pixels along the edge of an example, which is stored as text."""

Answers = Callable[[np.ndarray], np.ndarray]


class Served:
    """The object that MLflow calls.

    Args:
        answers: Function from the inputs to the model's answers.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def predict(self, model_input: Any, params: Any = None) -> np.ndarray:  # MLflow gives it
        """Return the model's answers.

        Args:
            model_input: For landmark models RGB images (n, h, w, 3) as uint8 of any size. For shape models features (n,
                f) in float32. For face models the output of ``transforms.eval`` on aligned faces, (n, 3, h, w) in
                float32.
            params: Parameters of MLflow; none are used.

        Returns:
            Landmarks (n, p, 2) in pixels; scores or embeddings (n, e).
        """
        return self._answers(np.asarray(model_input))


def describe(file: Path, data: Any, folder: Path) -> Path | None:
    """Write a model as MLflow reads it, with the signature and an example of its input.

    Args:
        file: Checkpoint; a copy goes into ``folder/data``.
        data: Data module that the example comes from.
        folder: Folder to create.

    Returns:
        The copy, relative to the folder; None for kinds of models that only the user's own task knows.
    """
    trained = load_trained(file)
    answers = _answers(trained.model, trained.config)
    if answers is None:
        return None
    # Slow to import, and nothing but a training needs it.
    from mlflow.models import ModelSignature  # noqa: PLC0415
    from mlflow.pyfunc import save_model  # noqa: PLC0415
    from mlflow.types import Schema, TensorSpec  # noqa: PLC0415

    logging.getLogger("mlflow.pyfunc").setLevel(logging.ERROR)  # it tells of each thing that it checks
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # no pip to tell the version of
    example = _example(trained, data)
    given = answers(example)
    free = (-1, -1, -1) if isinstance(trained.model, LandmarkDetector) else (-1,)
    save_model(
        path=str(folder),
        loader_module=__name__,
        data_path=str(file),
        signature=ModelSignature(
            inputs=Schema([TensorSpec(example.dtype, (*free, *example.shape[len(free) :]))]),
            outputs=Schema([TensorSpec(given.dtype, (-1, *given.shape[1:]))]),
        ),
        input_example=example,
        pip_requirements=[f"faceline[train]=={version('faceline')}"],
    )
    return Path("data", file.name)


def _load_pyfunc(data_path: str) -> Served:
    """Load the model for MLflow."""
    trained = load_trained(Path(data_path))
    answers = _answers(trained.model, trained.config)
    assert answers is not None  # else it would not have been described
    return Served(answers)


def _answers(model: Any, config: Config) -> Answers | None:
    if isinstance(model, LandmarkDetector):
        pipeline = instantiate(config["transforms"]["eval"])
        return lambda images: np.stack([find_landmarks(model, pipeline, image) for image in images])
    if isinstance(model, Baseline):
        return model.scores
    if isinstance(model, ShapeClassifier | FaceEmbedder):

        @torch.inference_mode()
        def embed(inputs: np.ndarray) -> np.ndarray:
            return np.asarray(model.embed(torch.from_numpy(np.ascontiguousarray(inputs))).float().numpy())

        return embed
    return None


def _example(trained: Trained, data: Any) -> np.ndarray:
    """Return one input of the validation set, small enough to be stored as text."""
    rows = data.split.parts()["val"][:1]
    if isinstance(trained.model, LandmarkDetector):
        image = np.asarray(data.frames("val").store.images[rows[0]])
        step = -(-max(image.shape[:2]) // _EDGE)
        return np.ascontiguousarray(image[None, ::step, ::step])
    features = trained.task.features(data, rows)  # type: ignore[attr-defined]  # a task of identification
    return features if isinstance(features, np.ndarray) else features[0][0].numpy()[None]
