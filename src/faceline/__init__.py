"""Finds landmarks of faces and identifies people: train, compare and use models.

Find faces in a photo, without torch:

    for face in faceline.detect_faces(image):  # (h, w, 3) uint8, RGB
        print(face.confidence, face.box, face.landmarks)

Train a model, compare it with others, and write it as one file:

    run = faceline.train(["experiment=landmarks/cnn", "data=synthetic"])
    print(run.metrics["test/nme"], faceline.compare().verdict)
    bundle = faceline.export(run, "mine.faceline")

All names are listed here; ``help(faceline.train)`` explains one of them:

    faces       detect_faces, DetectedFace, load, LandmarkRuntime
    people      embed_face, match_threshold
    training    compose, train, evaluate, compare, export
    Lightning   LandmarkDetector, ShapeClassifier, FaceEmbedder, LandmarkData, ShapeData
    data        SyntheticFaces
    mistakes    InputError

They are imported when they are first used, so ``import faceline`` costs nothing.
"""

import os
from importlib import import_module
from typing import Any

os.environ.update(  # libraries report their use, or ask for a newer version, unless told before they load
    ORT_DISABLE_TELEMETRY="1",
    MLFLOW_DISABLE_TELEMETRY="true",
    DO_NOT_TRACK="true",
    NO_ALBUMENTATIONS_UPDATE="1",
)
# torch warns that Triton is missing, which nothing uses
os.environ.setdefault("TORCH_LOGS", "-torch.utils.flop_counter")

_PLACES = {
    "compare": "faceline.api",
    "compose": "faceline.api",
    "evaluate": "faceline.api",
    "export": "faceline.api",
    "load": "faceline.loading",
    "train": "faceline.api",
    "detect_faces": "faceline.inference.detection",
    "DetectedFace": "faceline.inference.detection",
    "embed_face": "faceline.inference.recognition",
    "match_threshold": "faceline.inference.recognition",
    "FaceEmbedder": "faceline.models.face_embedder",
    "InputError": "faceline.errors",
    "LandmarkData": "faceline.data.datamodule",
    "LandmarkDetector": "faceline.models.landmark_detector",
    "LandmarkRuntime": "faceline.inference.runtime",
    "ShapeClassifier": "faceline.models.shape_classifier",
    "ShapeData": "faceline.data.shapes",
    "SyntheticFaces": "faceline.data.synthetic",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("faceline")
    if name not in _PLACES:
        raise AttributeError(f"module 'faceline' has no attribute {name!r}")
    try:
        return getattr(import_module(_PLACES[name]), name)
    except ModuleNotFoundError as error:
        raise import_module("faceline.config.messages").naming_its_extra(error) from None


def __dir__() -> list[str]:
    return sorted((*_PLACES, "__version__"))
