"""A ready embedder of the user's own as an ONNX file, such as the published ArcFace models."""

from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from jaxtyping import Float
from onnxruntime.capi import onnxruntime_pybind11_state as states

from faceline.errors import InputError, first_line
from faceline.types import Images


class OnnxEmbedder:
    """Runs an ONNX model from aligned faces to embeddings.

    Args:
        onnx: The file. One input (n, 3, size, size) float32, the first output (n, e); n may be fixed at 1.
        size: Edge of the faces that it takes, in pixels.
        channels: Their order.
        mean: Taken off pixels on [0, 255].
        std: What they are divided by then.

    Raises:
        InputError: No such file, no ONNX model, or one that takes something else.
    """

    def __init__(
        self,
        onnx: str,
        size: int = 112,
        channels: Literal["rgb", "bgr"] = "rgb",
        mean: float = 127.5,
        std: float = 127.5,
    ) -> None:
        self.file, self.size, self.channels, self.mean, self.std = Path(onnx), size, channels, mean, std
        if not self.file.is_file():
            raise InputError(
                "no such file; give an ONNX model that embeds faces", file=self.file, column="embedder.onnx"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it would print is said below
        try:
            self.session = onnxruntime.InferenceSession(str(self.file), options, providers=["CPUExecutionProvider"])
        except (states.Fail, states.InvalidProtobuf, states.InvalidGraph, states.NotImplemented, ValueError) as error:
            raise self._refuse(f"is no ONNX model that can be run ({first_line(error)})") from error
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            raise self._refuse(f"expected one input, got {', '.join(each.name for each in inputs)}")
        self.input, shape = inputs[0].name, inputs[0].shape
        expected = (3, size, size)
        fits = len(shape) == 4 and all(
            not isinstance(got, int) or got == want for got, want in zip(shape[1:], expected, strict=True)
        )
        if not fits or inputs[0].type != "tensor(float)":
            raise self._refuse(
                f"expected an input (n, 3, {size}, {size}) of float32, got {tuple(shape)} of {inputs[0].type}; set "
                f"embedder.size to what it was made for"
            )
        self.one_by_one = shape[0] == 1

    def embed(self, faces: Images) -> Float[np.ndarray, "n e"]:
        """Embeddings of aligned faces (n, size, size, 3), RGB.

        Raises:
            InputError: The model fails, or gives something else than embeddings.
        """
        ordered = faces[..., ::-1] if self.channels == "bgr" else faces
        scaled = (ordered.transpose(0, 3, 1, 2).astype(np.float32) - self.mean) / self.std
        pixels = np.ascontiguousarray(scaled, dtype=np.float32)
        parts = np.split(pixels, len(pixels)) if self.one_by_one else [pixels]
        try:
            outputs = [np.asarray(self.session.run(None, {self.input: part})[0]) for part in parts]
        except (states.Fail, states.InvalidArgument, states.RuntimeException) as error:
            raise self._refuse(f"cannot take {pixels.shape} ({first_line(error)})") from error
        embeddings = np.concatenate(outputs)
        if embeddings.ndim != 2 or len(embeddings) != len(faces) or not np.isfinite(embeddings).all():
            raise self._refuse(f"expected finite embeddings ({len(faces)}, e), got {embeddings.shape}")
        return embeddings.astype(np.float32)

    def _refuse(self, message: str) -> InputError:
        return InputError(message, file=self.file, column="embedder.onnx")
