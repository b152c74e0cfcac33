"""The published SFace network as the graph of a bundle: the same embeddings, in less than a third of the time.

The published file (OpenCV Zoo, ``face_recognition_sface_2021dec_int8bq.onnx``) takes one face at a time, lists its
weights as inputs, and unpacks 8-bit weights at every call. Here:

- batch norms are folded into the weights, so that only convolutions and their non-linear steps are left;
- weights stay in 8 bits in the file, and ONNX Runtime unpacks them once, when it opens the graph;
- each PReLU is ``a x + (1 - a) relu(x)``, which ONNX Runtime computes several times faster than its PRelu;
- pixels go in as uint8 RGB, any number of faces at once, and embeddings come out at length 1.

Source: Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", IEEE TIP 30, 2021.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from jaxtyping import Float, Int8
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from faceline.errors import InputError

SIZE: Final = 112
"""Edge of the faces in pixels."""

NUMBERS: Final = 128
"""Length of an embedding vector."""

OFFSET, FACTOR = 127.5, 1 / 128
"""Value that the published graph subtracts from pixels on [0, 255], and factor that it then multiplies by."""

_OPSET: Final = 18
_CELLS: Final = 49  # places of the last map, 7 x 7


@dataclass(frozen=True, eq=False)
class _Packed:
    """A weight in 8 bits: ``(packed - zero) * scale``, with a zero and a scale for each block of a row."""

    packed: Int8[np.ndarray, "rows blocks block"]
    zero: Int8[np.ndarray, "rows blocks 1"]
    scale: Float[np.ndarray, "rows blocks 1"]

    def times(self, rows: Float[np.ndarray, " rows"]) -> "_Packed":
        """Return the weight with each row multiplied."""
        return _Packed(self.packed, self.zero, self.scale * rows[:, None, None])

    def unpacked(self) -> Float[np.ndarray, "rows columns"]:
        values = (self.packed.astype(np.float64) - self.zero) * self.scale
        return np.asarray(values.reshape(len(values), -1))


class _Published:
    """Reads the published file."""

    def __init__(self, file: Path) -> None:
        try:
            model = onnx.load(str(file))
        except Exception as error:  # protobuf raises several kinds, none of them its own
            raise InputError("is no ONNX file", file=file) from error
        self.values = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        self.by_output = {name: node for node in model.graph.node for name in node.output}
        self.convolutions = [node for node in model.graph.node if node.op_type == "Conv"]

    def packed(self, name: str) -> _Packed:
        """Return a weight by the name of its float32 values."""
        node = self.by_output[name]
        packed, scale, zero = (self.values[each] for each in node.input)
        block = _attributes(node)["block_size"]
        rows = packed.shape[0] if packed.ndim > 1 else 1
        blocks = (each.reshape(rows, -1, 1) for each in (zero, scale.astype(np.float64)))
        return _Packed(packed.reshape(rows, -1, block), *blocks)

    def norm(self, output: str, statistics: str) -> tuple[np.ndarray, np.ndarray]:
        """Return factor and shift of a batch norm."""
        gamma, beta, mean, variance = (
            self.values[f"{statistics}_{name}"].astype(np.float64)
            for name in ("gamma", "beta", "moving_mean", "moving_var")
        )
        factor = gamma / np.sqrt(variance + _attributes(self.by_output[output])["epsilon"])
        return factor, beta - mean * factor


class _Graph:
    """A graph that is being built."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: np.ndarray) -> str:
        exact = value if value.dtype in (np.int8, np.int64) else value.astype(np.float32)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(exact), name))
        return name

    def unpacked(self, name: str, weight: _Packed, shape: Sequence[int]) -> str:
        """Add a float32 weight made of constants, so that it is computed once, when the graph is opened."""
        parts = [
            self.add("Cast", [self.constant(f"{name}_{part}", value)], f"{name}_{part}_float", to=TensorProto.FLOAT)
            for part, value in (("packed", weight.packed), ("zero", weight.zero))
        ]
        steps = self.add("Sub", parts, f"{name}_steps")
        values = self.add("Mul", [steps, self.constant(f"{name}_scale", weight.scale)], f"{name}_values")
        return self.add("Reshape", [values, self.constant(f"{name}_shape", np.array(shape))], name)

    def prelu(self, x: str, slope: np.ndarray) -> str:
        positive = self.add("Relu", [x], f"{x}_positive")
        steep, rest = slope.reshape(1, -1, 1, 1), 1 - slope.reshape(1, -1, 1, 1)
        whole = self.add("Mul", [x, self.constant(f"{x}_slope", steep)], f"{x}_whole")
        extra = self.add("Mul", [positive, self.constant(f"{x}_rest", rest)], f"{x}_extra")
        return self.add("Add", [whole, extra], f"{x}_active")


def sface_graph(file: Path, centre: Float[np.ndarray, " numbers"] | None = None) -> bytes:
    """Return a graph from RGB ``images`` (n, 112, 112, 3) uint8 to ``embeddings`` (n, 128) of length 1, for any n.

    Args:
        file: Network as OpenCV Zoo publishes it in 8 bits.
        centre: Mean embedding of many people. It is subtracted and the rest scaled to length 1 again, because what all
            faces share identifies nobody.

    Raises:
        InputError: The file is missing or holds another network.
    """
    if not file.is_file():
        raise InputError("no such file; give SFace as OpenCV Zoo publishes it", file=file)
    published, graph = _Published(file), _Graph()
    try:
        _body(published, graph, centre)
    except (KeyError, ValueError, IndexError) as error:
        raise InputError("is not the SFace network that OpenCV Zoo publishes in 8 bits", file=file) from error
    return bytes(_model(graph).SerializeToString())


def _body(published: _Published, graph: _Graph, centre: np.ndarray | None) -> None:
    pixels = graph.add("Cast", ["images"], "pixels", to=TensorProto.FLOAT)
    planes = graph.add("Transpose", [pixels], "planes", perm=[0, 3, 1, 2])
    x = graph.add("Sub", [planes, graph.constant("offset", np.array(OFFSET))], "centred")
    for node in published.convolutions:
        x = _convolution(published, graph, node, x)
    factor, shift = published.norm("bn1", "bn1")  # before the linear layer: of its columns
    rows, moved = published.norm("fc1", "fc1")  # after it: of its rows
    weight = published.packed("pre_fc1_weight_dequantized")
    bias = published.packed("pre_fc1_bias_dequantized").unpacked().ravel()
    bias = (bias + weight.unpacked() @ np.repeat(shift, _CELLS)) * rows + moved
    columns = graph.constant("columns", np.repeat(factor, _CELLS)[None])
    linear = graph.add("Mul", [graph.unpacked("weight", weight.times(rows), [NUMBERS, -1]), columns], "linear")
    flat = graph.add("Flatten", [x], "flat")
    whole = graph.add("Gemm", [flat, linear, graph.constant("bias", bias)], "whole", transB=1)
    if centre is not None:
        unit = graph.add("LpNormalization", [whole], "unit", axis=1, p=2)
        whole = graph.add("Sub", [unit, graph.constant("centre", centre[None])], "moved")
    graph.add("LpNormalization", [whole], "embeddings", axis=1, p=2)


def _convolution(published: _Published, graph: _Graph, node: NodeProto, x: str) -> str:
    """Add a convolution with its batch norm and its PReLU."""
    name, asked = node.output[0].removesuffix("_conv2d"), _attributes(node)
    factor, shift = published.norm(f"{name}_batchnorm", f"{name}_batchnorm")
    weight = published.packed(f"{name}_conv2d_weight_dequantized").times(factor)
    shape = published.values[f"{name}_conv2d_weight_shape"].tolist()
    if x == "centred":  # the first: pixels come as RGB, the network was made for BGR
        turned = weight.packed.reshape(shape)[:, ::-1].reshape(weight.packed.shape)
        weight = _Packed(turned, weight.zero, weight.scale * FACTOR)
    inputs = [x, graph.unpacked(f"{name}_weight", weight, shape), graph.constant(f"{name}_bias", shift)]
    kept = {key: asked[key] for key in ("group", "strides", "kernel_shape", "pads")}
    return graph.prelu(graph.add("Conv", inputs, name, **kept), published.values[f"{name}_relu_gamma"])


def _model(graph: _Graph) -> ModelProto:
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", SIZE, SIZE, 3])
    embeddings = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", NUMBERS])
    whole = helper.make_graph(graph.nodes, "sface", [images], [embeddings], graph.constants)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}
