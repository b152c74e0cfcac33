"""What tells faces apart at a stand, and from which similarity on it may name somebody."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from faceline.errors import InputError
from faceline.inference.onnx_embedder import OnnxEmbedder
from faceline.inference.runtime import EmbedderRuntime
from faceline.stand.recognition.recogniser import Embedder

if TYPE_CHECKING:
    from faceline.stand.settings import Stand

COLOURS: Final = Path(str(files("faceline.stand"))) / "demo" / "colours.onnx"
"""Tells drawn visitors apart by the colours of skin and hair, for the demo; of no use for people."""

_COLOURS_THRESHOLD: Final = 0.45
_BUNDLE: Final = ".faceline"
_FPIR: Final = "1pct"  # share of the strangers who may be taken for somebody, unless a threshold is given


def open_embedder(settings: "Stand", file: Path) -> tuple[Embedder, float]:
    """The embedder of a file, and the least cosine similarity at which somebody is recognised.

    Args:
        settings: Of the stand.
        file: A bundle, or an ONNX model such as the published ArcFace ones.

    Raises:
        InputError: The file is refused, or nobody knows a threshold.
    """
    if file.suffix == _BUNDLE:
        bundle = EmbedderRuntime(file, settings.threads)
        return bundle, _threshold(settings, bundle.manifest.thresholds.get(_FPIR), file)
    try:
        embedder = OnnxEmbedder(str(file), settings.embedder_size, settings.embedder_channels)
    except InputError as error:
        told = error.message.replace("embedder.size", "embedder_size")  # it names the keys of a training
        raise InputError(f"{file}: {told}", column="embedder") from None
    return embedder, _threshold(settings, _COLOURS_THRESHOLD if file == COLOURS else None, file)


def _threshold(settings: "Stand", known: float | None, file: Path) -> float:
    threshold = known if settings.threshold is None else settings.threshold
    if threshold is None:
        raise InputError(
            f"missing, and {file} knows none; give the least cosine similarity at which somebody is recognised. "
            f"faceline train experiment=identification/embedder split.protocol=person_disjoint tells it as "
            f"threshold_at_fpir_{_FPIR}, with embedder.onnx=FILE also of a ready model",
            column="threshold",
        )
    return threshold
