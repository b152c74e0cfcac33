"""Gives the classes of a config names that stay the same when modules move.

A checkpoint lives longer than the layout of the code. It stores ``faceline:LandmarkDetector``, and this table says
where that class is today. Older files hold Python paths and older keys; the same function reads them.
"""

from typing import Any, Final

from faceline.errors import InputError

PREFIX: Final = "faceline:"

PLACES: Final = {
    name: f"faceline.{module}.{name}"
    for module, names in {
        "data.pts": ("PtsFaces",),
        "data.synthetic": ("SyntheticFaces",),
        "data.udacity": ("UdacityFaces",),
        "data.youtube_faces": ("YouTubeFaces",),
        "geometry.markup": ("markup",),
        "models.averaging": ("ExponentialAverage",),
        "models.baselines": ("Baseline", "NearestShapes", "SparseForest"),
        "models.coarse_stage": ("CoarseStage",),
        "models.detail_stage": ("DetailStage",),
        "models.face_embedder": ("FaceEmbedder",),
        "models.heads": ("HeatmapHead", "RegressionHead", "SimCCHead", "VotingHead"),
        "models.landmark_detector": ("LandmarkDetector",),
        "models.landmark_nets": ("SmallCNN",),
        "models.losses": ("L1Loss", "MSELoss", "SmoothL1Loss", "WingLoss"),
        "models.shape_classifier": ("ShapeClassifier",),
        "tasks.faces": ("FaceTask",),
        "tasks.landmarks": ("LandmarkTask",),
        "tasks.shapes": ("ShapeTask",),
        "transforms": (
            *("AddNoise", "Blur", "Brightness", "Compression", "Crop", "HorizontalFlip", "Normalize", "Occlusion"),
            *("Pipeline", "RandomAffine", "RandomRotation", "Recolour", "Rescale", "Scene", "ToTensor"),
            *("ExpressionWarp", "FaceOcclusion", "LowLight", "LowResolution", "ScaleShift", "Stretch"),
        ),
    }.items()
    for name in names
}
"""Module path of each class that the project's configs build."""

_MOVED: Final = {
    "faceline.models.first_look.FirstLook": "CoarseStage",
    "faceline.workflows.face_task.FaceTask": "FaceTask",
    "faceline.workflows.landmark_task.LandmarkTask": "LandmarkTask",
    "faceline.workflows.shape_task.ShapeTask": "ShapeTask",
}
"""Paths in files of older versions."""

_KEYS: Final = {"first_look": "coarse_stage"}
"""Keys in model configs of older versions."""

_OVERRIDES: Final = {
    "first_look@model.first_look=": "model/coarse_stage=",
    "model.first_look.": "model.coarse_stage.",
    "head@model.head=": "model/head=",
    "loss@model.loss=": "model/loss=",
}
"""Beginnings of overrides in command lines of older versions."""

_GONE: Final = ("half", "negatives", "teacher")
"""Keys of older versions that mean nothing if they are null."""

_NAMES: Final = {place: name for name, place in PLACES.items()}


def stored(config: Any) -> Any:
    """Return a config for a file: the project's targets by name, those of other packages as they are."""
    if isinstance(config, dict):
        return {key: _name(value) if key == "_target_" else stored(value) for key, value in config.items()}
    return [stored(value) for value in config] if isinstance(config, list) else config


def current(config: Any) -> Any:
    """Convert a stored config to this version: targets as Python paths, keys with their current names.

    Raises:
        InputError: The config names a class that this version does not have.
    """
    if isinstance(config, dict):
        kept = {key: value for key, value in config.items() if not (key in _GONE and value is None)}
        if "_target_" in config:
            kept = {_KEYS.get(key, key): value for key, value in kept.items()}
        if kept.get("onnx", "") is None and kept.get("preset") == "arcface":
            kept["preset"] = None  # an older default, which a bundle ignored
        return {key: _place(value) if key == "_target_" else current(value) for key, value in kept.items()}
    return [current(value) for value in config] if isinstance(config, list) else config


def current_command(command: str) -> str:
    """Convert a command line that a run keeps to this version: overrides with their current names."""
    for old, new in _OVERRIDES.items():
        command = command.replace(f" {old}", f" {new}")
    return command


def _name(target: Any) -> Any:
    return f"{PREFIX}{_NAMES[target]}" if target in _NAMES else target


def _place(target: Any) -> Any:
    if not isinstance(target, str):
        return target
    name = target.removeprefix(PREFIX) if target.startswith(PREFIX) else _MOVED.get(target)
    if name is None:
        return target
    if name not in PLACES:
        raise InputError(f"{target}: this version of faceline has no such class; the file is of another version")
    return PLACES[name]
