"""A trained detector as an ONNX graph that takes pixels as they are and gives points, and how sure of them it is."""

import logging

import onnx
import torch
from torch import Tensor, nn

from faceline.models.landmark_detector import LandmarkDetector, confidence

OPSET = 18
"""Old enough for every ONNX Runtime that the project allows, new enough for its resizing."""


class _FromPixels(nn.Module):
    """A detector with what stands between the bytes of a frame and it."""

    def __init__(self, model: LandmarkDetector) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The ``outputs`` of the model for images (n, h, w, 3) uint8, RGB."""
        found = self.model.find(images.permute(0, 3, 1, 2).float() / 255)
        return (found[..., :2], confidence(found)) if self.model.scales else (found,)


def to_onnx(model: LandmarkDetector, size: int) -> bytes:
    """The graph: ``images`` (n, size, size, 3) uint8 in; ``landmarks`` (n, 68, 2) on [0, 1] out, any n.

    Where the head tells scales, ``confidence`` (n,) comes out too.

    Args:
        model: In evaluation mode, on the CPU.
        size: Edge of its frames in pixels.
    """
    for chatty in ("onnxscript", "onnx_ir", "torch.onnx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    program = torch.onnx.export(
        _FromPixels(model).eval(),
        (example,),
        dynamo=True,
        input_names=["images"],
        output_names=list(model.outputs),
        dynamic_shapes={"images": {0: torch.export.Dim("n")}},
        opset_version=OPSET,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto
    _strip(graph)
    return bytes(graph.SerializeToString())


def _strip(model: onnx.ModelProto) -> None:
    """Leave out what the exporter notes of the code and the folders of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
