"""A model of a run as MLflow loads it: ``mlflow.pyfunc.load_model("models:/NAME/1").predict(images)``."""

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
"""Most pixels of the edge of an example: it is kept as text."""

Answers = Callable[[np.ndarray], np.ndarray]


class Served:
    """What MLflow calls.

    Args:
        answers: Gives what the model makes of its inputs.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def predict(self, model_input: Any, params: Any = None) -> np.ndarray:  # MLflow gives it
        """The model's answers.

        Args:
            model_input: Of a model of landmarks RGB images (n, h, w, 3) as uint8 of any size; of shapes the features
                (n, f) in float32; of faces what ``transforms.eval`` makes of aligned faces, (n, 3, h, w) in float32.
            params: MLflow's; none is known.

        Returns:
            Landmarks (n, p, 2) in pixels; scores or embeddings (n, e).
        """
        return self._answers(np.asarray(model_input))


def describe(file: Path, data: Any, folder: Path) -> Path | None:
    """Write a model as MLflow reads it, with the signature and an example of what it takes.

    Args:
        file: The checkpoint; a copy goes into ``folder/data``.
        data: The data module that the example is taken from.
        folder: It does not exist yet.

    Returns:
        The copy, relative to the folder; None where the model is of a kind that only the user's own task knows.
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
    """MLflow's way in."""
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
    """One input of the validation set, of a size that is kept as text."""
    rows = data.split.parts()["val"][:1]
    if isinstance(trained.model, LandmarkDetector):
        image = np.asarray(data.frames("val").store.images[rows[0]])
        step = -(-max(image.shape[:2]) // _EDGE)
        return np.ascontiguousarray(image[None, ::step, ::step])
    features = trained.task.features(data, rows)  # type: ignore[attr-defined]  # a task of identification
    return features if isinstance(features, np.ndarray) else features[0][0].numpy()[None]
