"""Runs a user's own embedder from an ONNX file, with the preparation that its publisher describes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnxruntime
from jaxtyping import Float

from faceline.errors import InputError, first_line
from faceline.files import why_no_file
from faceline.geometry.crops import ARCFACE, DLIB, TEMPLATES, Template, five_point_template
from faceline.inference.failures import FAILURES
from faceline.threads import usable_threads
from faceline.types import Images

Channels = Literal["rgb", "bgr"]
Layout = Literal["nchw", "nhwc"]
Numbers = float | Sequence[float]
"""One number for all channels, or one for each in the network's order."""


@dataclass(frozen=True)
class Preset:
    """How the faces for a published network are prepared.

    Attributes:
        size: Edge of the faces in pixels.
        channels: Order of the channels.
        layout: Whether channels come before rows and columns, or after.
        mean: Value to subtract from pixels on [0, 255].
        std: Value to divide by afterwards.
        template: Template that aligns faces.
    """

    size: int
    channels: Channels
    layout: Layout
    mean: tuple[float, ...]
    std: tuple[float, ...]
    template: Template


PRESETS: Final = {
    "arcface": Preset(112, "rgb", "nchw", (127.5,), (127.5,), ARCFACE),
    "sface": Preset(112, "bgr", "nchw", (0.0,), (1.0,), ARCFACE),  # its graph subtracts and scales
    "dlib": Preset(150, "rgb", "nchw", (122.782, 117.001, 104.298), (256.0,), DLIB),
}
"""Presets by the name of the network."""


class OnnxEmbedder:
    """Runs an ONNX model from aligned faces to embeddings.

    Args:
        onnx: ONNX file. One input is float32, and the first output is (n, e); n may be fixed at 1. Inputs that no node
            reads get zeros.
        preset: Key of `PRESETS`, by default ``arcface``; every other argument that is given overrides it.
        size: Edge of the faces in pixels.
        channels: Order of the channels.
        layout: Layout of the input, ``nchw`` or ``nhwc``.
        mean: Value to subtract from pixels on [0, 255]; one number, or one for each channel.
        std: Value to divide by afterwards.
        template: Key of `TEMPLATES`, or five points in pixels of the crop: eye centres, tip of the nose, corners of the
            mouth.
        threads: Number of threads for a face; None leaves it to ONNX Runtime.

    Raises:
        InputError: The file is missing, is no ONNX model, or takes another input.
    """

    def __init__(
        self,
        onnx: str,
        preset: str | None = None,
        size: int | None = None,
        channels: Channels | None = None,
        layout: Layout | None = None,
        mean: Numbers | None = None,
        std: Numbers | None = None,
        template: str | Sequence[Sequence[float]] | None = None,
        threads: int | None = None,
    ) -> None:
        self.file = Path(onnx)
        base = _known(PRESETS, preset or "arcface", "preset")
        self.size, self.channels = size or base.size, channels or base.channels
        self.layout: Layout = layout or base.layout
        self.mean, self.std = _numbers(mean, base.mean, "mean"), _numbers(std, base.std, "std")
        if not (self.std > 0).all():
            raise InputError(f"expected numbers above 0, got {std}", column="embedder.std")
        self.template = base.template if template is None else _template(template, self.size)
        if not self.file.is_file():
            raise self._refuse(f"{why_no_file(self.file)}; give an ONNX model that embeds faces")
        self.session = self._open(threads)
        self.input, self.unread = self._inputs()
        self.one_by_one = self.input.shape[0] == 1

    @property
    def version(self) -> str:
        """Return an id from file and preparation: templates of different embedders cannot be compared."""
        prepared = (self.size, self.channels, self.layout, self.mean.tolist(), self.std.tolist(), self.template)
        return hashlib.sha256(self.file.read_bytes() + repr(prepared).encode()).hexdigest()[:12]

    def embed(self, faces: Images) -> Float[np.ndarray, "n e"]:
        """Return embeddings of aligned RGB faces (n, size, size, 3).

        Raises:
            InputError: The model fails, or returns something else than embeddings.
        """
        ordered = faces[..., ::-1] if self.channels == "bgr" else faces
        scaled = (ordered.astype(np.float32) - self.mean) / self.std
        placed = scaled.transpose(0, 3, 1, 2) if self.layout == "nchw" else scaled
        pixels = np.ascontiguousarray(placed, dtype=np.float32)
        parts = np.split(pixels, len(pixels)) if self.one_by_one else [pixels]
        try:
            outputs = [np.asarray(self.session.run(None, {self.input.name: part, **self.unread})[0]) for part in parts]
        except FAILURES as error:
            raise self._refuse(f"cannot take {pixels.shape} ({first_line(error)})") from error
        embeddings = np.concatenate(outputs)
        if embeddings.ndim != 2 or len(embeddings) != len(faces):
            raise self._refuse(f"expected embeddings ({len(faces)}, e) of {len(faces)} faces, got {embeddings.shape}")
        wrong = int((~np.isfinite(embeddings)).any(axis=1).sum())
        if wrong:
            raise self._refuse(
                f"gives NaN or infinity for {wrong} of {len(faces)} faces; set embedder.mean and embedder.std to what "
                "it was made for, or export it again"
            )
        return embeddings.astype(np.float32)

    def _open(self, threads: int | None) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it would print is said below
        if threads is not None:
            options.intra_op_num_threads, options.inter_op_num_threads = usable_threads(threads), 1
        try:
            return onnxruntime.InferenceSession(str(self.file), options, providers=["CPUExecutionProvider"])
        except FAILURES as error:
            raise self._refuse(f"is no ONNX model that can be run ({first_line(error)})") from error

    def _inputs(self) -> tuple[Any, dict[str, np.ndarray]]:
        """Return the input for faces, and zeros for the others, which must not matter."""
        inputs = self.session.get_inputs()
        expected = (3, self.size, self.size) if self.layout == "nchw" else (self.size, self.size, 3)
        found = [each for each in inputs if _fits(each, expected)]
        if len(found) != 1:
            told = ", ".join(f"{each.name} {tuple(each.shape)} of {each.type}" for each in inputs[:3])
            more = f" and {len(inputs) - 3} more" if len(inputs) > 3 else ""
            advice = (
                "choose embedder.preset, or set embedder.size and embedder.layout to what it was made for"
                if not found and any(map(_takes_faces, inputs))
                else "only networks of square RGB faces in tensor(float) can be used"
            )
            raise self._refuse(
                f"expected an input (n, {', '.join(map(str, expected))}) of tensor(float), got {told}{more}; {advice}"
            )
        if isinstance(count := found[0].shape[0], int) and count != 1:
            raise self._refuse(f"takes {count} faces at once; export it for any number of faces, or for 1")
        others = [each for each in inputs if each.name != found[0].name]
        if not others:
            return found[0], {}
        probe = np.random.default_rng(0).uniform(0, 255, (1, *expected)).astype(np.float32)
        answers = [self._try({found[0].name: probe, **_filled(others, value)}) for value in (0.0, 1.0)]
        if any(answer is None for answer in answers) or not np.array_equal(*answers):  # type: ignore[arg-type]
            names = ", ".join(each.name for each in others[:3])
            raise self._refuse(f"expected one input that is read, the faces; it also reads {names}")
        return found[0], _filled(others, 0.0)

    def _try(self, inputs: dict[str, np.ndarray]) -> np.ndarray | None:
        try:
            return np.asarray(self.session.run(None, inputs)[0])
        except FAILURES:
            return None

    def _refuse(self, message: str) -> InputError:
        return InputError(message, file=self.file, column="embedder.onnx")


def _fits(given: Any, expected: tuple[int, ...]) -> bool:
    shape = given.shape
    return (
        given.type == "tensor(float)"
        and len(shape) == 4
        and all(not isinstance(got, int) or got == want for got, want in zip(shape[1:], expected, strict=True))
    )


def _takes_faces(given: Any) -> bool:
    """Tell whether an input takes square RGB faces, in either layout and of any size."""
    sizes = {edge for edge in given.shape[1:] if isinstance(edge, int) and edge != 3} or {1}
    return any(_fits(given, shape) for edge in sizes for shape in ((3, edge, edge), (edge, edge, 3)))


def _filled(inputs: Sequence[Any], value: float) -> dict[str, np.ndarray]:
    """Return values for each input that should not matter."""
    return {
        each.name: np.full([edge if isinstance(edge, int) else 1 for edge in each.shape], value, dtype=np.float32)
        for each in inputs
    }


def _known(known: dict[str, Any], name: str, key: str) -> Any:
    if name not in known:
        raise InputError(f"expected one of {', '.join(known)}, got {name!r}", column=f"embedder.{key}")
    return known[name]


def _numbers(given: Numbers | None, default: tuple[float, ...], key: str) -> Float[np.ndarray, " channels"]:
    numbers = np.atleast_1d(np.asarray(default if given is None else given, dtype=np.float32))
    if numbers.shape not in ((1,), (3,)) or not np.isfinite(numbers).all():
        raise InputError(f"expected one number, or three, one a channel; got {given}", column=f"embedder.{key}")
    return numbers


def _template(given: str | Sequence[Sequence[float]], size: int) -> Template:
    if isinstance(given, str):
        known: Template = _known(TEMPLATES, given, "template")
        return known
    points = np.asarray(given, dtype=np.float64) if {len(point) for point in given} == {2} else np.empty(0)
    if points.shape != (5, 2) or not np.isfinite(points).all() or (np.ptp(points, axis=0) <= 0).any():
        raise InputError(
            f"expected one of {', '.join(TEMPLATES)}, or five points [x, y] in pixels of the crop: eye centres, tip of "
            f"the nose, corners of the mouth; got {given}",
            column="embedder.template",
        )
    return five_point_template(points.tolist(), size)
