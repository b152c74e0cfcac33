"""A trained face embedder as a bundle, with the thresholds at which it may name people."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from faceline.data.faces import FaceData
from faceline.data.index import evenly
from faceline.errors import InputError
from faceline.exporting.onnx_export import embedder_to_onnx
from faceline.exporting.parity import check, origin
from faceline.inference.bundle import Bundle, Calibration, EmbedderManifest
from faceline.inference.runtime import EmbedderRuntime
from faceline.metrics.identification import FPIRS, threshold_at
from faceline.metrics.verification import measure_scale, visits_of
from faceline.tasks.assembly import Trained
from faceline.tasks.faces import as_bytes
from faceline.tasks.identification import OPEN_SET
from faceline.tasks.task import Config


def export_embedder(
    trained: Trained, data: FaceData, asked: Config, tags: Mapping[str, str], file: Path
) -> Bundle[EmbedderManifest]:
    """Build the bundle of an embedder, compare it with the model and measure it.

    Args:
        trained: Model of a run.
        data: Its training data.
        asked: Settings: how many ``frames`` of the validation set are compared. ``int8`` is refused because its effect
            on thresholds is unknown, and so is leaving out mirror images (``flip_average``), which it always uses.
        tags: Tags of its run.
        file: File for the bundle.

    Raises:
        InputError: The graph's results differ from the model's, or a setting is refused.
    """
    if asked["int8"]:
        raise InputError("only models that find landmarks have 8 bits; export it in float32", column="int8")
    if asked["blinks"]:
        raise InputError("an embedder finds no lids; leave it out", column="blinks")
    if not asked["flip_average"]:
        raise InputError("an embedder always uses flip test-time augmentation; leave it out", column="flip_average")
    model, size = trained.model, trained.config["data"]["size"]
    onnx = embedder_to_onnx(model, size)
    manifest = EmbedderManifest(
        task="embedding",
        outputs=("embeddings",),
        numbers=model.neck.embedding,
        thresholds={},
        **origin(trained, data, onnx, tags),
    )
    runtime = EmbedderRuntime(Bundle(file, manifest, onnx, ""))
    faces = data.faces(evenly(data.trial("val").probes, asked["frames"]))

    def trained_embed(face: Tensor) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(model.embed(face[None])[0].numpy())

    checked = check(
        lambda face: np.asarray(runtime.embed(as_bytes(face[None]))[0]),
        trained_embed,
        [faces[i][0] for i in range(len(faces))],
        unit=lambda _: 1.0,
    )
    scalars = trained.task.measure(runtime, data, "test", manifest.model, data.source.name).scalars
    thresholds = {name: scalars[threshold_at(name)] for name in FPIRS if threshold_at(name) in scalars}
    measured = {
        "check": checked,
        "metrics": dict(scalars),
        "thresholds": thresholds,
        "calibration": calibration_of(embed_rows(runtime, data, data.split.val), data),
    }
    return Bundle(file, manifest.model_copy(update=measured), onnx, "")


def embed_rows(runtime: EmbedderRuntime, data: FaceData, rows: np.ndarray) -> np.ndarray:
    """Return (n, e) embeddings of some frames."""
    faces = data.faces(rows)
    return np.concatenate([runtime.embed(as_bytes(faces[i][0][None])) for i in range(len(faces))])


def calibration_of(embeddings: np.ndarray, data: FaceData) -> Calibration | None:
    """Measure what similarities mean, from visits of validation people; None if they were trained on.

    Args:
        embeddings: Embeddings of all validation frames.
        data: Data module with the split.
    """
    if data.split.protocol != OPEN_SET:
        return None
    rows = data.split.val
    visits, first = visits_of(embeddings, data.index.videos[rows])
    try:
        return Calibration(**measure_scale(visits, data.index.persons[rows][first])._asdict())
    except ValueError:  # too few people
        return None
