"""Converts a graph to 8-bit weights and activations, which some processors compute faster."""

import io
import logging
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

PERCENTILE: Final = 99.99
"""Percentage of activations within the scales; larger ones are cut."""


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    """Yields single frames whose activations set the scales."""

    def __init__(self, inputs: Mapping[str, np.ndarray]) -> None:
        self.inputs = inputs
        self.now = iter(range(len(self)))

    def __len__(self) -> int:
        return len(self.inputs["images"])

    def set_range(self, start_index: int, end_index: int) -> None:
        """Choose the next frames."""
        self.now = iter(range(len(self))[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next frame; None after the last."""
        frame = next(self.now, None)
        return None if frame is None else {name: each[frame : frame + 1] for name, each in self.inputs.items()}


def to_int8(onnx: bytes, inputs: Mapping[str, np.ndarray]) -> bytes:
    """Convert the convolutions of a graph to 8 bits; votes and coordinates stay as they are.

    Weights have only 7 bits, so that processors that add up products in 16 bits (x86 before VNNI) give the same.
    Source: ONNX Runtime, "Quantize ONNX models", when and why to use reduce_range.

    Args:
        onnx: Graph from `faceline.exporting.onnx_export`.
        inputs: Inputs of the graph for some frames, to calibrate on.
    """
    logging.getLogger().setLevel(logging.WARNING)  # the quantiser writes to the root of all logs
    with tempfile.TemporaryDirectory() as name:
        whole, ready, small = (Path(name) / file for file in ("whole.onnx", "ready.onnx", "small.onnx"))
        whole.write_bytes(onnx)
        with redirect_stdout(io.StringIO()):  # where the quantiser tells of its progress
            quant_pre_process(whole, ready, skip_symbolic_shape=True)
            quantize_static(
                ready,
                small,
                _Frames(inputs),
                quant_format=QuantFormat.QDQ,
                calibrate_method=CalibrationMethod.Percentile,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv"],
                # What frames give is put into histograms after each of them, lest memory grow.
                extra_options={"CalibPercentile": PERCENTILE, "CalibStridedMinMax": 1},
            )
        return small.read_bytes()
