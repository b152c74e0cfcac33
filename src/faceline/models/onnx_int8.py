"""A graph with weights and activations of 8 bits, which some processors compute faster."""

import io
import logging
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from faceline.types import Images

PERCENTILE: Final = 99.99
"""Share of activations, in per cent, that the scales leave room for; what is beyond is cut."""


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    """Frames one by one, by whose activations the scales are chosen."""

    def __init__(self, images: Images) -> None:
        self.images, self.now = images, iter(images)

    def __len__(self) -> int:
        return len(self.images)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Which frames come next."""
        self.now = iter(self.images[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next frame, or None after the last."""
        image = next(self.now, None)
        return None if image is None else {"images": image[None]}


def to_int8(onnx: bytes, images: Images) -> bytes:
    """The graph with its convolutions in 8 bits; votes and coordinates stay as they are.

    Weights have only 7 of them, so that processors that add up products in 16 bits (x86 before VNNI) give the same.
    Source: ONNX Runtime, "Quantize ONNX models", when and why to use reduce_range.

    Args:
        onnx: A graph of `faceline.models.onnx_export`.
        images: Frames of the network's size to calibrate on.
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
                _Frames(images),
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
