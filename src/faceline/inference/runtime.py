"""Landmarks from a bundle, by ONNX Runtime: what training needs is not needed here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import onnxruntime
from jaxtyping import Float
from onnxruntime.capi import onnxruntime_pybind11_state as states

from faceline.errors import InputError, first_line
from faceline.geometry.coordinates import denormalise_landmarks
from faceline.geometry.crops import cut_window, face_window
from faceline.geometry.markup import N_LANDMARKS
from faceline.geometry.resize import resize_image
from faceline.inference.bundle import DEFAULT, Bundle, read_bundle
from faceline.types import AnyImage, Boxes, Image, Images, Landmarks, PerFrame, Shape

BATCH: Final = 16
"""Frames that are computed at once; more of them cost memory and save no time."""


class Detections(NamedTuple):
    """Landmarks of some frames.

    Attributes:
        landmarks: Pixels of each frame.
        confidence: (n,) on [0, 1]; None where the model does not tell.
    """

    landmarks: Landmarks
    confidence: PerFrame | None


class LandmarkRuntime:
    """Finds the 68 landmarks of the one face in a frame.

    Args:
        bundle: An opened one, its file, or ``default`` for the one that ships with the package.
        threads: Threads that a frame may use.

    Raises:
        InputError: The bundle is refused, or its graph cannot be run or is not what its manifest says.
    """

    def __init__(self, bundle: Bundle | str | Path = DEFAULT, threads: int = 1) -> None:
        if threads < 1:
            raise InputError(f"expected at least 1, got {threads}", column="threads")
        self.bundle = bundle if isinstance(bundle, Bundle) else read_bundle(bundle)
        self.manifest = self.bundle.manifest
        self.size = self.manifest.input.size
        self._session = _session(self.bundle, threads)

    def detect(self, image: Image) -> Shape:
        """Landmarks of the one face that fills a good part of an image of any size, in its pixels."""
        return np.asarray(self.detect_batch([image]).landmarks[0])

    def detect_batch(self, images: Sequence[AnyImage]) -> Detections:
        """Landmarks of the one face in each of some images, whose sizes may differ."""
        squares = [resize_image(image, self.size, self.size) for image in images]
        preds, confidence = self.predict(np.stack(squares)) if squares else (np.empty((0, N_LANDMARKS, 2)), None)
        sizes = np.array([image.shape[1::-1] for image in images], dtype=np.float32).reshape(-1, 1, 2)
        return Detections(denormalise_landmarks(preds, sizes), confidence)

    def detect_faces(self, image: Image, boxes: Boxes) -> Detections:
        """Landmarks of each of the faces that a face detector has found in one image, in pixels of the image.

        Raises:
            InputError: A box has no area, or lies outside of the image.
        """
        windows = [face_window(box) for box in boxes]
        found = self.detect_batch([cut_window(image, window) for window in windows])
        corners = np.array([window[:2] for window in windows], dtype=np.float32).reshape(-1, 1, 2)
        return Detections(found.landmarks + corners, found.confidence)

    def predict(self, squares: Images) -> tuple[Float[np.ndarray, "n 68 2"], PerFrame | None]:
        """Landmarks on [0, 1] of frames that have the size of the network, and its confidence in each.

        Raises:
            InputError: The graph fails, or gives something else than its manifest says.
        """
        parts = [self._run(squares[first : first + BATCH]) for first in range(0, len(squares), BATCH)]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return columns[0], columns[1] if len(columns) > 1 else None

    def _run(self, squares: Images) -> Sequence[np.ndarray]:
        try:
            outputs = self._session.run(list(self.manifest.outputs), {"images": np.ascontiguousarray(squares)})
        except (states.Fail, states.InvalidArgument, states.RuntimeException) as error:
            raise _refuse(self.bundle, f"its model fails on {squares.shape} ({first_line(error)})") from error
        arrays = [np.asarray(output, dtype=np.float32) for output in outputs]
        n = len(squares)
        expected = [(n, N_LANDMARKS, 2), (n,)][: len(arrays)]
        got = [array.shape for array in arrays]
        if got != expected or not all(np.isfinite(array).all() for array in arrays):
            raise _refuse(
                self.bundle, f"its model should give finite numbers of shape {expected}, it gave {got} or others"
            )
        return arrays


def _session(bundle: Bundle, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # what it would print is said below
    try:
        session = onnxruntime.InferenceSession(bundle.onnx, options, providers=["CPUExecutionProvider"])
    except (states.Fail, states.InvalidProtobuf, states.InvalidGraph, states.NotImplemented, ValueError) as error:
        raise _refuse(bundle, f"its model cannot be run by this ONNX Runtime ({first_line(error)})") from error
    size = bundle.manifest.input.size
    inputs = [(each.name, each.type, each.shape[1:]) for each in session.get_inputs()]
    outputs = tuple(each.name for each in session.get_outputs())
    if inputs != [("images", "tensor(uint8)", [size, size, 3])] or outputs != bundle.manifest.outputs:
        raise _refuse(bundle, f"its model is not what its manifest says: it takes {inputs} and gives {outputs}")
    return session


def _refuse(bundle: Bundle, message: str) -> InputError:
    return InputError(message, file=bundle.file)
