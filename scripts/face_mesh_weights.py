#!/usr/bin/env python3
"""Take the weights of Face Mesh out of MediaPipe's package, for ``model=face_mesh model.weights=FILE``.

MediaPipe and its models are under the Apache License 2.0. Its wheel need not be installed::

    pip download --no-deps mediapipe==0.10.14
    pip install tflite
    python scripts/face_mesh_weights.py mediapipe-0.10.14-*.whl face_mesh.safetensors
"""

import argparse
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tflite
import torch
from safetensors.torch import save

from faceline.files import write_whole
from faceline.models.face_mesh import FaceMeshBackbone

MODEL = "mediapipe/modules/face_landmark/face_landmark.tflite"
TYPES = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.FLOAT32: np.float32}
CONVOLUTIONS = {tflite.BuiltinOperator.CONV_2D: (0, 3, 1, 2), tflite.BuiltinOperator.DEPTHWISE_CONV_2D: (3, 0, 1, 2)}
"""And the order in which torch has the axes of their kernels."""


def main() -> None:
    """Read, match with the backbone, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="MediaPipe's wheel, or its face_landmark.tflite")
    parser.add_argument("output", type=Path, help="the .safetensors file to write")
    arguments = parser.parse_args()
    try:
        content = _model(arguments.source)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        sys.exit(f"{arguments.source}: no wheel with {MODEL}, and no .tflite file ({error})")
    if not tflite.Model.ModelBufferHasIdentifier(content, 0):
        sys.exit(f"{arguments.source}: no model of TensorFlow Lite, or a cut one")
    found = list(_tensors(tflite.Model.GetRootAsModel(content, 0)))
    wanted = FaceMeshBackbone().state_dict()
    # The backbone comes first in the file, layer by layer as it does here.
    weights = {name: torch.from_numpy(each.copy()) for name, each in zip(wanted, found, strict=False)}
    wrong = [name for name, each in wanted.items() if name not in weights or weights[name].shape != each.shape]
    if wrong:
        sys.exit(f"{arguments.source}: not the Face Mesh that is known here: {wrong[0]} has another shape")
    with write_whole(arguments.output) as partial:
        partial.write_bytes(save(weights))
    print(f"{arguments.output}: {len(weights)} tensors, {sum(each.numel() for each in weights.values())} weights")


def _model(source: Path) -> bytes:
    if source.suffix == ".tflite":
        return source.read_bytes()
    with zipfile.ZipFile(source) as wheel:
        return wheel.read(MODEL)


def _tensors(model: Any) -> Iterator[np.ndarray]:
    """Weights and biases of convolutions, and slopes of PReLUs, in the order of the layers, as torch has them."""
    graph = model.Subgraphs(0)
    stored: dict[int, int] = {}  # where a tensor of half precision is that is made float32 first
    for operator in (graph.Operators(i) for i in range(graph.OperatorsLength())):
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        inputs = operator.InputsAsNumpy().tolist()
        if kind == tflite.BuiltinOperator.DEQUANTIZE:
            stored[int(operator.OutputsAsNumpy()[0])] = inputs[0]
            continue
        if kind in CONVOLUTIONS or kind == tflite.BuiltinOperator.PRELU:
            first, *others = (_values(model, graph.Tensors(stored.get(each, each))) for each in inputs[1:])
            yield first.transpose(CONVOLUTIONS[kind]) if others else first.reshape(-1)
            yield from others


def _values(model: Any, tensor: Any) -> np.ndarray:
    content = model.Buffers(tensor.Buffer()).DataAsNumpy()
    return np.frombuffer(content.tobytes(), TYPES[tensor.Type()]).reshape(tensor.ShapeAsNumpy()).astype(np.float32)


if __name__ == "__main__":
    main()
