"""Exports trained models as ONNX graphs that take raw pixels: a detector returns points, an embedder embeddings."""

import logging
import warnings
from collections.abc import Mapping, Sequence

import onnx
import torch
from torch import Tensor, nn

from faceline.models.calibration import Calibration
from faceline.models.face_embedder import FaceEmbedder
from faceline.models.landmark_detector import LandmarkDetector

OPSET = 18
"""Version that every allowed ONNX Runtime supports, and that has the needed resizing."""


class _Detector(nn.Module):
    """A detector with the steps between the bytes of a frame and its input."""

    def __init__(self, model: LandmarkDetector, calibration: Calibration | None) -> None:
        super().__init__()
        self.model, self.calibration = model, calibration

    def forward(self, images: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return landmarks, and confidence if there is one, of RGB images (n, h, w, 3) uint8 with original sizes."""
        found = self.model.find(_on_unit(images), sizes)
        if self.calibration is None or found.uncertainty is None:
            return (found.landmarks,)
        return found.landmarks, self.calibration.confidence(found.uncertainty)


class _Embedder(nn.Module):
    """An embedder with the steps between the bytes of an aligned face and its input."""

    def __init__(self, model: FaceEmbedder) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Return embeddings (n, e) of RGB faces (n, h, w, 3) uint8."""
        return self.model.embed(_on_unit(images))


def to_onnx(model: LandmarkDetector, size: int, calibration: Calibration | None = None) -> bytes:
    """Return a graph from ``images`` (n, size, size, 3) uint8 to ``landmarks`` (n, 68, 2) on [0, 1], for any n.

    Args:
        model: Detector in evaluation mode on the CPU. If it needs them, ``sizes`` (n, 2) float32 become an input too.
        size: Edge of its frames in pixels.
        calibration: Calibration of the model's uncertainty; it adds the output ``confidence`` (n,).
    """
    outputs = ("landmarks",) if calibration is None else ("landmarks", "confidence")
    more = {"sizes": torch.tensor([[4.0, 3.0], [3.0, 4.0]])} if model.wants_sizes else {}
    return _to_onnx(_Detector(model, calibration), size, outputs, more)


def embedder_to_onnx(model: FaceEmbedder, size: int) -> bytes:
    """Return a graph from ``images`` (n, size, size, 3) uint8 to ``embeddings`` (n, e) of length 1, for any n.

    Args:
        model: Embedder in evaluation mode on the CPU.
        size: Edge of its faces in pixels.
    """
    return _to_onnx(_Embedder(model), size, ("embeddings",))


def _on_unit(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float() / 255


def _to_onnx(module: nn.Module, size: int, outputs: Sequence[str], more: Mapping[str, Tensor] | None = None) -> bytes:
    for chatty in ("onnxscript", "onnx_ir", "torch.onnx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    examples = {"images": torch.zeros(2, size, size, 3, dtype=torch.uint8), **(more or {})}
    n = torch.export.Dim("n")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "# The axis name")  # images and sizes are of as many frames
        program = torch.onnx.export(
            module.eval(),
            tuple(examples.values()),
            dynamo=True,
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_shapes={name: {0: n} for name in examples},
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    _strip(graph)
    return bytes(graph.SerializeToString())


def _strip(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes about code and folders of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
