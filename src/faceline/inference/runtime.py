"""Runs landmark models and embedders from bundles with ONNX Runtime, without the training packages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import onnxruntime
from jaxtyping import Float

from faceline.errors import InputError, first_line
from faceline.geometry.coordinates import denormalise_landmarks
from faceline.geometry.crops import TEMPLATES, cut_window, face_window
from faceline.geometry.resize import resize_image
from faceline.inference.bundle import DEFAULT, SFACE, Bundle, EmbedderManifest, LandmarkManifest, read_bundle
from faceline.inference.failures import FAILURES
from faceline.inference.rgb import check_image
from faceline.threads import usable_threads
from faceline.types import AnyImage, Boxes, Image, Images, Landmarks, PerFrame, Shape, Sizes

BATCH: Final = 16
"""Number of frames that are computed at once; more cost memory and save no time."""


class Detections(NamedTuple):
    """Landmarks of some frames.

    Attributes:
        landmarks: The landmarks in the pixels of each frame.
        confidence: (n,) confidences on [0, 1]; None if the model gives none.
    """

    landmarks: Landmarks
    confidence: PerFrame | None


class LandmarkRuntime:
    """Finds the landmarks of the one face in a frame.

    Args:
        bundle: An opened bundle, its file, or ``default`` for the one that ships with the package.
        threads: CPU threads that a frame may use.

    Raises:
        InputError: The bundle is refused, or its graph cannot be run or is not what its manifest says.
    """

    def __init__(self, bundle: Bundle[LandmarkManifest] | str | Path = DEFAULT, threads: int = 1) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else read_bundle(bundle, LandmarkManifest)
        self.manifest = self.bundle.manifest
        self.size = self.manifest.input.size
        self._graph = _Graph(self.bundle, self.manifest.outputs, threads)

    def detect(self, image: Image) -> Shape:
        """Find the landmarks (p, 2) of the one face that fills a good part of an RGB image, in its pixels.

        Raises:
            InputError: The image has another shape or type.
        """
        check_image(image)
        return np.asarray(self.detect_batch([image]).landmarks[0])

    def detect_batch(self, images: Sequence[AnyImage]) -> Detections:
        """Find the landmarks of the one face in each image. The sizes of the images may differ."""
        if not images:
            return Detections(np.empty((0, self.manifest.points, 2), dtype=np.float32), None)
        squares = np.stack([resize_image(image, self.size, self.size) for image in images])
        sizes = np.array([image.shape[1::-1] for image in images])
        preds, confidence = self.predict(squares, sizes)
        return Detections(denormalise_landmarks(preds, sizes[:, None].astype(np.float32)), confidence)

    def detect_faces(self, image: Image, boxes: Boxes) -> Detections:
        """Find the landmarks of faces that a face detector has found in an image, in pixels of the image.

        Args:
            image: The RGB image.
            boxes: (k, 4) left, top, width and height of the faces, in pixels.

        Raises:
            InputError: A box has no area, or lies outside of the image.
        """
        windows = [face_window(box) for box in boxes]
        found = self.detect_batch([cut_window(image, window) for window in windows])
        corners = np.array([window[:2] for window in windows], dtype=np.float32).reshape(-1, 1, 2)
        return Detections(found.landmarks + corners, found.confidence)

    def predict(self, squares: Images, sizes: Sizes) -> tuple[Landmarks, PerFrame | None]:
        """Find landmarks on [0, 1] and confidences in frames of the network's own size.

        Args:
            squares: Whole frames, resized to squares.
            sizes: Original width and height of the frames.

        Raises:
            InputError: The graph fails, or its outputs differ from the manifest.
        """
        batches = [slice(first, first + BATCH) for first in range(0, len(squares), BATCH)]
        parts = [self._run(squares[some], sizes[some]) for some in batches]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return columns[0], columns[1] if len(columns) > 1 else None

    def _run(self, squares: Images, sizes: Sizes) -> Sequence[np.ndarray]:
        n, more = len(squares), {"sizes": sizes.astype(np.float32)} if self.manifest.input.sizes else {}
        return self._graph.run(
            {"images": squares, **more}, [(n, self.manifest.points, 2), (n,)][: len(self.manifest.outputs)]
        )


class EmbedderRuntime:
    """Embeds aligned faces.

    Args:
        bundle: An opened bundle, its file, or ``sface`` for the one that ships with the package.
        threads: CPU threads that a face may use.

    Raises:
        InputError: The bundle is refused, or its graph cannot be run or does not match its manifest.
    """

    def __init__(self, bundle: Bundle[EmbedderManifest] | str | Path = SFACE, threads: int = 1) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else read_bundle(bundle, EmbedderManifest)
        self.manifest = self.bundle.manifest
        self.size, self.template = self.manifest.input.size, TEMPLATES[self.manifest.template]
        self._graph = _Graph(self.bundle, self.manifest.outputs, threads)

    @property
    def version(self) -> str:
        """Return an id of this embedder: templates of different embedders cannot be compared."""
        return self.manifest.sha256[:12]

    def embed(self, faces: Images) -> Float[np.ndarray, "n e"]:
        """Return embeddings of length 1 for aligned RGB faces (n, size, size, 3).

        Raises:
            InputError: The graph fails, or its outputs differ from the manifest.
        """
        return self._graph.run({"images": faces}, [(len(faces), self.manifest.numbers)])[0]


class _Graph:
    """The graph of a bundle, checked against its manifest.

    Args:
        bundle: An opened bundle.
        outputs: Expected outputs.
        threads: Number of threads for a run.
    """

    def __init__(self, bundle: Bundle[Any], outputs: Sequence[str], threads: int) -> None:
        if threads < 1:
            raise InputError(f"expected at least 1, got {threads}", column="threads")
        self._bundle, self._outputs = bundle, list(outputs)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = usable_threads(threads), 1
        options.log_severity_level = 4  # what it would print is said below
        try:
            session = onnxruntime.InferenceSession(bundle.onnx, options, providers=["CPUExecutionProvider"])
        except FAILURES as error:
            raise self._refuse(f"its model cannot be run by this ONNX Runtime ({first_line(error)})") from error
        size = bundle.manifest.input.size
        wanted = [("images", "tensor(uint8)", [size, size, 3]), ("sizes", "tensor(float)", [2])]
        takes = [(each.name, each.type, each.shape[1:]) for each in session.get_inputs()]
        gives = [each.name for each in session.get_outputs()]
        if takes != wanted[: 1 + bundle.manifest.input.sizes] or gives != self._outputs:
            raise self._refuse(f"its model is not what its manifest says: it takes {takes} and gives {tuple(gives)}")
        self._session = session

    def run(self, inputs: Mapping[str, np.ndarray], shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        """Return the outputs for some images: finite numbers of these shapes."""
        try:
            outputs = self._session.run(
                self._outputs, {name: np.ascontiguousarray(each) for name, each in inputs.items()}
            )
        except FAILURES as error:
            raise self._refuse(f"its model fails on {inputs['images'].shape} ({first_line(error)})") from error
        try:
            arrays = [np.asarray(output, dtype=np.float32) for output in outputs]
        except (TypeError, ValueError) as error:  # texts, or lists
            raise self._refuse("its model should give numbers, it gives something else") from error
        got = [array.shape for array in arrays]
        if got != shapes or not all(np.isfinite(array).all() for array in arrays):
            raise self._refuse(f"its model should give finite numbers of shape {shapes}, it gave {got} or others")
        return arrays

    def _refuse(self, message: str) -> InputError:
        return InputError(message, file=self._bundle.file)
