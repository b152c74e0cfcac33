"""The task of identifying people by their looks: aligned faces and an embedder, trained here or elsewhere."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.data import DataLoader

from faceline.data.faces import Detector, FaceData, Faces
from faceline.errors import InputError, first_line
from faceline.geometry.crops import ARCFACE, Template
from faceline.inference.onnx_embedder import OnnxEmbedder
from faceline.inference.runtime import EmbedderRuntime, LandmarkRuntime
from faceline.models.face_embedder import FaceEmbedder
from faceline.models.identifier import ByEmbedding, Identifier
from faceline.reports import identification_plots as plots
from faceline.tasks.assembly import load_trained
from faceline.tasks.identification import IdentificationTask
from faceline.tasks.landmarks import LandmarkTask, find_landmarks
from faceline.tasks.task import Config, Lessons
from faceline.types import Image, Shape

AnyEmbedder = FaceEmbedder | OnnxEmbedder | EmbedderRuntime
"""An embedder that was trained here, brought along, or exported."""

_BATCH = 64


class FaceTask(IdentificationTask):
    """Identifies people by pictures of their faces.

    Args:
        people: Number of people in a training batch.
        frames: Number of frames of each person.
        detector: Checkpoint of a landmark model, for frames without labels.
        landmarks: Bundle that finds the landmarks of every frame, as at a stand; ``default`` is that of the package.
            None uses the labels.
    """

    def __init__(
        self, people: int = 16, frames: int = 4, detector: str | None = None, landmarks: str | None = None
    ) -> None:
        if detector is not None and landmarks is not None:
            raise InputError("task.detector and task.landmarks both find landmarks; give one of them", column="task")
        self.people, self.frames, self.every = people, frames, landmarks is not None
        self.detector: Detector | None = None
        if detector is not None:
            self.detector = LandmarkFinder(Path(detector))
        elif landmarks is not None:
            self.detector = BundleFinder(landmarks)

    def build_model(self, config: Config) -> AnyEmbedder:
        """Build the embedder of a config, or open the ready one that it names."""
        size, ready = config["data"]["size"], ready_embedder(config)
        if ready is not None:
            if ready.size != size:
                raise InputError(f"the embedder takes faces of {ready.size} px; set it to that", column="data.size")
            return ready
        model = instantiate(config["model"])
        if not isinstance(model, FaceEmbedder):
            raise InputError("embeds no faces; choose a model for this task, such as model=embedder", column="model")
        _check_size(model, size)
        return model

    def build_data(self, config: Config) -> FaceData:
        """Build aligned faces with the size and the transforms of a config."""
        data = config["data"]
        return FaceData(
            source=instantiate(data["source"]),
            split=dict(config["split"]),
            transforms={name: instantiate(config["transforms"][name]) for name in ("train", "eval")},
            size=data["size"],
            people=self.people,
            frames=self.frames,
            workers=data["workers"],
            seed=config["seed"],
            cache_dir=Path(data["cache_dir"]),
            limit=data["limit"],
            detector=self.detector,
            every=self.every,
            template=template_of(config),
        )

    def join(self, model: AnyEmbedder, data: FaceData) -> Lessons:
        """Create the layers for the people of the training set."""
        if isinstance(model, FaceEmbedder):
            model.learn_from(data)
        return {}

    def fit(self, model: OnnxEmbedder | EmbedderRuntime, data: FaceData, file: Path, record: Mapping[str, Any]) -> None:
        """Do nothing: a ready model is fitted, and its file belongs to the user."""

    def features(self, data: FaceData, rows: np.ndarray) -> Faces:
        """Return aligned faces."""
        return data.faces(rows)

    def identifier(self, model: AnyEmbedder, open_set: bool) -> Identifier:
        """Return an identifier that enrols people by the mean of their embeddings."""
        return ByEmbedding(lambda faces: _embed(model, faces))

    def examples(
        self, data: FaceData, gallery: np.ndarray, probes: np.ndarray, captions: list[str], source: str
    ) -> Figure:
        """Draw the faces as they were compared."""
        images = data.store.images
        return plots.example_faces(np.array(images[probes]), np.array(images[gallery]), captions, source=source)


class LandmarkFinder:
    """A trained landmark model as a function of a frame.

    Args:
        checkpoint: Checkpoint of its run.

    Raises:
        InputError: The file is missing or is no landmark model.
    """

    def __init__(self, checkpoint: Path) -> None:
        trained = load_trained(checkpoint)
        if not isinstance(trained.task, LandmarkTask):
            raise InputError("finds no landmarks; name the checkpoint of a landmark model", file=checkpoint)
        self._model, self._pipeline = trained.model, instantiate(trained.config["transforms"]["eval"])
        self._digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:16]

    def key(self) -> str:
        """Return a digest of the checkpoint."""
        return self._digest

    def __call__(self, image: Image) -> Shape:
        """Return the landmarks of the single face in a frame, in pixels."""
        return find_landmarks(self._model, self._pipeline, image)


class BundleFinder:
    """A bundle that finds landmarks, as a function of a frame.

    Args:
        bundle: File of the bundle, or ``default``.
    """

    def __init__(self, bundle: str) -> None:
        self._runtime = LandmarkRuntime(bundle)

    def key(self) -> str:
        """Return a digest of the bundle."""
        return self._runtime.bundle.digest[:16]

    def __call__(self, image: Image) -> Shape:
        """Return the landmarks of the single face in a frame, in pixels."""
        return self._runtime.detect(image)


def ready_embedder(config: Config) -> OnnxEmbedder | EmbedderRuntime | None:
    """Open the ready embedder of a config: an ONNX file, or else a bundle; None if one is to be trained.

    Raises:
        InputError: The file is refused.
    """
    ready = dict(config.get("embedder") or {})
    bundle = ready.pop("bundle", None)
    if ready.get("onnx"):
        return OnnxEmbedder(**ready)
    return EmbedderRuntime(bundle, config["threads"] or 1) if bundle else None


def template_of(config: Config) -> Template:
    """Return the template that aligns the faces of a config."""
    ready = ready_embedder(config)
    return ARCFACE if ready is None else ready.template


def _embed(model: AnyEmbedder, faces: Faces) -> np.ndarray:
    """Return (n, e) embeddings of faces, in order."""
    loader = DataLoader(faces, batch_size=_BATCH)
    if not isinstance(model, FaceEmbedder):
        return np.concatenate([model.embed(as_bytes(images)) for images, _, _ in loader])
    model.eval()
    with torch.inference_mode():
        return np.concatenate([model.embed(images.to(model.device)).cpu().numpy() for images, _, _ in loader])


def as_bytes(images: Tensor) -> np.ndarray:
    """Convert pictures (n, 3, h, w) on [0, 1] back to bytes (n, h, w, 3)."""
    return (images * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def _check_size(model: FaceEmbedder, size: int) -> None:
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(2, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise InputError(
            f"the backbone takes no faces of {size} px ({first_line(error)}); set data.size to what it was made for",
            column="model.backbone",
        ) from error
    model.train()
