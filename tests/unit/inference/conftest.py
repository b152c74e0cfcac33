"""A bundle whose model is known by hand: it finds the one bright spot of a frame."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx.parser
import pytest

from faceline.inference.bundle import Bundle, LandmarkManifest, digest, read_bundle, write_bundle

SIZE = 32

_SPOT = """
<ir_version: 9, opset_import: ["" : 18]>
spot (uint8[n, %(size)d, %(size)d, 3] images) => (float[n, 68, 2] landmarks%(more)s)
<int64[2] xy = {1, 2}, int64[1] last = {3}, int64[3] each = {1, 68, 1}, int64[1] one = {1}, int64[1] two = {2},
 float half = {0.5}, float edge = {%(size)d.0}, int64 start = {0}, int64 stop = {%(size)d}, int64 step = {1}>
{
    pixels = Cast<to = 1>(images)
    grey = ReduceMean<keepdims = 0>(pixels, last)
    rows = ReduceSum<keepdims = 0>(grey, two)
    columns = ReduceSum<keepdims = 0>(grey, one)
    steps = Range(start, stop, step)
    steps_f = Cast<to = 1>(steps)
    centres = Add(steps_f, half)
    places = Div(centres, edge)
    total = ReduceSum<keepdims = 0>(columns, one)
    x_weighted = Mul(columns, places)
    y_weighted = Mul(rows, places)
    x_sum = ReduceSum<keepdims = 0>(x_weighted, one)
    y_sum = ReduceSum<keepdims = 0>(y_weighted, one)
    x = Div(x_sum, total)
    y = Div(y_sum, total)
    x_1 = Unsqueeze(x, xy)
    y_1 = Unsqueeze(y, xy)
    point = Concat<axis = 2>(x_1, y_1)
    landmarks = Tile(point, each)
    %(confidence)s
}
"""


def spot_onnx(size: int = SIZE, *, confidence: bool = False) -> bytes:
    """A graph that puts all landmarks on the centre of the light; its confidence is the share of full light."""
    text = _SPOT % {
        "size": size,
        "more": ", float[n] confidence" if confidence else "",
        "confidence": "full = Constant<value_float = 255.0>()\n    plane = Constant<value_ints = [1, 2]>()\n"
        "    light = ReduceMax<keepdims = 0>(grey, plane)\n    confidence = Div(light, full)"
        if confidence
        else "",
    }
    model = onnx.parser.parse_model(text)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def manifest_of(onnx_bytes: bytes, **changes: Any) -> LandmarkManifest:
    content = {
        "format": 1,
        "task": "landmarks",
        "model": "spot",
        "markup": "ibug-68",
        "input": {"size": SIZE, "channels": "rgb", "mean": [0.5] * 3, "std": [0.5] * 3},
        "outputs": ["landmarks"],
        "parameters": 1,
        "metrics": {"nme": 0.1},
        "data": {
            "name": "spots",
            "licence": "MIT",
            "fingerprint": "0" * 16,
            "split": {"protocol": "official", "seed": 0, "val_fraction": 0.1, "test_fraction": 0.2},
        },
        "check": {"frames": 1, "difference": 0.0, "latency_ms": 1.0, "cpu": "some"},
        "run_id": "0" * 32,
        "commit": None,
        "command": "",
        "sha256": digest(onnx_bytes),
    }
    return LandmarkManifest.model_validate({**content, **changes})


@pytest.fixture
def make_onnx() -> Callable[..., bytes]:
    return spot_onnx


@pytest.fixture
def write_spot(tmp_path: Path) -> Callable[..., Path]:
    """Writes a bundle of the spot finder with some fields of its manifest changed."""

    def write(onnx_bytes: bytes | None = None, **changes: Any) -> Path:
        content = spot_onnx() if onnx_bytes is None else onnx_bytes
        file = tmp_path / "spot.faceline"
        write_bundle(file, manifest_of(content, **changes), content)
        return file

    return write


@pytest.fixture
def spot(write_spot: Callable[..., Path]) -> Bundle:
    return read_bundle(write_spot(), LandmarkManifest)
