"""Opens the network that tells faces apart, and knows what its similarities mean."""

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from faceline.config.sections import PREPARATION
from faceline.drawing.person import PosedFace, draw_person
from faceline.errors import InputError
from faceline.geometry.crops import Template, align_face
from faceline.geometry.face_model import rotation
from faceline.inference.bundle import SFACE, locate_bundle
from faceline.inference.onnx_embedder import OnnxEmbedder
from faceline.inference.runtime import EmbedderRuntime
from faceline.stand.camera.capture import DEMO
from faceline.stand.camera.demo_visitors import DemoScene, DemoVisitors
from faceline.stand.consent.likeness import LOOSEST, Likeness, OneThreshold
from faceline.stand.settings import BUNDLE, NOBODY, RATES
from faceline.types import Images

if TYPE_CHECKING:
    from faceline.stand.settings import Recognising

COLOURS: Final = Path(str(files("faceline.stand"))) / "demo" / "colours.onnx"
"""An embedder for the demo that tells drawn visitors apart by skin and hair colour; useless for people."""

_COLOURS_THRESHOLD: Final = 0.45
_FPIR: Final = "1pct"  # of a bundle that knows no more than thresholds of single frames
_DRAWN: Final = 8  # people, for the check of an embedder
_APART: Final = 2.0
"""Drawn people must be less alike than two pictures of one, by this many standard deviations.

The published SFace has 3.2, and 1.3 if it gets pixels in another range.
"""
_FAR: Final = 0.25
"""Alternatively they must be less alike by this cosine. SFace has 0.33, and 0.11 if it gets pixels in another range."""


@runtime_checkable
class Embedder(Protocol):
    """Turns aligned faces into vectors; those of one person lie near each other.

    Attributes:
        size: Edge of the faces in pixels.
        template: How faces are aligned.
    """

    size: int
    template: Template

    @property
    def version(self) -> str:
        """Return an id of this embedder: templates of different embedders cannot be compared."""
        ...

    def embed(self, faces: Images) -> Float[np.ndarray, "n e"]:
        """Return embeddings of RGB faces (n, size, size, 3)."""
        ...


def embedder_file(settings: "Recognising") -> Path | None:
    """Return the embedder file that the settings name; None turns recognition off.

    Without a setting, people get the embedder of the package, and the drawn visitors of the demo get colours.
    """
    if settings.embedder is None:
        return COLOURS if settings.source == DEMO else locate_bundle(SFACE)
    return None if settings.embedder == NOBODY else locate_bundle(settings.embedder)


def open_embedder(settings: "Recognising", file: Path) -> tuple[Embedder, Likeness]:
    """Open an embedder and the meaning of its similarities.

    Args:
        settings: Settings of the stand.
        file: A bundle, or an ONNX model such as the published ArcFace ones.

    Raises:
        InputError: The file is refused, its threshold is unknown, or it maps different faces to similar vectors.
    """
    if file.suffix == BUNDLE:
        runtime = EmbedderRuntime(file, settings.threads)
        known = runtime.manifest.calibration
        if known is not None:
            if settings.threshold is None:
                return runtime, known
            _refuse_loose(settings.threshold, known.threshold(LOOSEST), file)
        _refuse_rates(settings, file)
        return runtime, OneThreshold(_threshold(settings, runtime.manifest.thresholds.get(_FPIR), file))
    _refuse_rates(settings, file)
    embedder = _onnx(settings, file)
    return embedder, OneThreshold(_threshold(settings, _COLOURS_THRESHOLD if file == COLOURS else None, file))


def _refuse_alike(embedder: Embedder) -> None:
    """Refuse an embedder for which different drawn people look as alike as two pictures of one.

    Pixels in the wrong range cause that, or a network that embeds no faces. Such a stand would greet everybody.

    Raises:
        InputError: Different people look alike to this embedder.
    """
    found = embedder.embed(drawn_faces(embedder))
    unit = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    person = np.arange(len(unit)) // 2
    similar = unit @ unit.T
    same = person[:, None] == person[None]
    others, own = similar[~same], similar[same & ~np.eye(len(unit), dtype=bool)]
    apart = float((own.mean() - others.mean()) / max(float(others.std()), 1e-6))
    if apart < _APART and own.mean() - others.mean() < _FAR:
        raise InputError(
            f"different faces look alike to it (mean cosine {others.mean():.2f}, of one person "
            f"{own.mean():.2f}), so it would greet strangers; set embedder.preset, or embedder.mean, "
            "embedder.std, embedder.channels and embedder.template as its publisher says",
        )


def drawn_faces(embedder: Embedder) -> Images:
    """Draw two pictures of each of a few people, aligned for an embedder."""
    scene, rng = DemoScene(DemoVisitors(0)), np.random.default_rng(0)
    faces = []
    for number in range(_DRAWN):
        shape, looks, scenery = scene.person(number)
        for _ in range(2):
            yaw, pitch = rng.normal(0, 5, 2)
            image = np.full((300, 300, 3), 210, np.uint8)
            posed = PosedFace(shape, rotation(yaw, pitch, 0.0), 45.0, (150.0, 120.0))
            draw_person(image, posed, looks, scenery)
            landmarks = posed.to_pixels(posed.shape)[:, :2]
            faces.append(align_face(image, landmarks, embedder.size, template=embedder.template))
    return np.stack(faces)


def _onnx(settings: "Recognising", file: Path) -> OnnxEmbedder:
    try:
        embedder = OnnxEmbedder(
            str(file),
            settings.embedder_preset,
            settings.embedder_size,
            settings.embedder_channels,
            settings.embedder_layout,
            settings.embedder_mean,
            settings.embedder_std,
            settings.embedder_template,
            settings.threads,
        )
        if file != COLOURS:
            _refuse_alike(embedder)
    except InputError as error:  # it names the keys of a measurement
        key = (error.column or "").removeprefix("embedder.")
        column = f"embedder_{key}" if key in PREPARATION else "embedder"
        told = re.sub(rf"\bembedder\.({'|'.join(PREPARATION)})\b", r"embedder_\1", error.message)
        raise InputError(f"{file}: {told}", column=column) from None
    return embedder


def _refuse_rates(settings: "Recognising", file: Path) -> None:
    """Refuse rates of false greetings where one similarity decides, whatever they are."""
    for key in RATES:
        if (rate := getattr(settings, key)) is not None:
            told = f"expected no value with {file.name}, of which nobody knows how alike strangers are; got {rate:g}"
            raise InputError(f"{told}. Give threshold= instead", column=key)


def _refuse_loose(threshold: float, least: float, file: Path) -> None:
    if threshold < least:
        told = f"expected at least {least:.3f}, which one look in {1 / LOOSEST:g} at strangers reaches with {file.name}"
        raise InputError(f"{told}; got {threshold:g}", column="threshold")


def _threshold(settings: "Recognising", known: float | None, file: Path) -> float:
    threshold = known if settings.threshold is None else settings.threshold
    if threshold is None:
        raise InputError(
            f"missing, and {file} has none; give the lowest cosine similarity that recognises a person: faceline train "
            f"experiment=identification/sface embedder.onnx=FILE prints it as threshold_at_fpir_{_FPIR}",
            column="threshold",
        )
    return threshold
