"""Embeds a face of a photo, and tells from which similarity on two faces count as one person."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from faceline.errors import InputError
from faceline.geometry.crops import align_face
from faceline.geometry.markup import N_LANDMARKS
from faceline.inference.bundle import SFACE
from faceline.inference.detection import DetectedFace
from faceline.inference.rgb import check_image
from faceline.inference.runtime import EmbedderRuntime

_LEAST_FACE = 4
"""Pixels from the first landmark of a face to the last, below which nobody can be seen in it."""

Embedding = Float32[np.ndarray, " numbers"]


def embed_face(image: np.ndarray, face: DetectedFace | np.ndarray, bundle: str | Path = SFACE) -> Embedding:
    """Embed a face: return a vector that lies near those of other pictures of the same person.

    Both vectors have length 1, so ``one @ other`` is their cosine. From `match_threshold` on they count as one person.
    An embedding identifies somebody: ask for consent before you keep one.

    Args:
        image: (h, w, 3) uint8, RGB. OpenCV's images are BGR: give ``image[..., ::-1]``.
        face: A face that `detect_faces` found in this image, or its landmarks (68, 2) in pixels.
        bundle: The file of another embedder, as ``faceline export`` writes it. By default the one that ships, SFace.

    Returns:
        The embedding; that of SFace has 128 numbers. Those of different embedders cannot be compared.

    Raises:
        InputError: The image or the landmarks have another shape or type, the landmarks are not of this image, or
            the bundle cannot be used.
    """
    check_image(image)
    landmarks = face.landmarks if isinstance(face, DetectedFace) else face
    if not (isinstance(landmarks, np.ndarray) and landmarks.shape == (N_LANDMARKS, 2) and landmarks.dtype.kind in "fi"):
        got = f"{landmarks.dtype} {landmarks.shape}" if isinstance(landmarks, np.ndarray) else type(landmarks).__name__
        raise InputError(f"face: expected a face of detect_faces, or landmarks ({N_LANDMARKS}, 2), got {got}")
    _check_place(image, landmarks)
    runtime = _runtime(str(bundle))
    aligned = align_face(image, landmarks.astype(np.float32), runtime.size, template=runtime.template)
    embedding: Embedding = runtime.embed(aligned[None])[0]
    return embedding


def _check_place(image: np.ndarray, landmarks: np.ndarray) -> None:
    """Refuse landmarks that show nothing of an image: all such embeddings are alike, so strangers would match."""
    height, width = image.shape[:2]
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    if (high < 0).any() or (low > (width - 1, height - 1)).any():
        raise InputError(f"face: it lies outside of this image of {width} x {height}; give the image it was found in")
    if 0 < (high - low).max() < _LEAST_FACE:
        raise InputError(f"face: its landmarks span less than {_LEAST_FACE} pixels; give them in pixels of the image")


def match_threshold(false_match: float | np.floating = 0.001, bundle: str | Path = SFACE) -> float:
    """Return the lowest cosine of two embeddings that counts as one person.

    It follows from how alike the people were on whom the embedder was calibrated; check it on photos of your own. To
    search among n people, ask for a share n times smaller.

    Args:
        false_match: Share of the comparisons of different people that may reach it.
        bundle: The embedder, as for `embed_face`.

    Raises:
        InputError: The share is not between 0 and 1, or the bundle cannot be used or was not calibrated.

    Examples:
        >>> round(match_threshold(0.001), 2), round(match_threshold(0.00001), 2)
        (0.32, 0.44)
    """
    if not (isinstance(false_match, int | float | np.floating) and 0 < false_match < 1):
        raise InputError(f"false_match: expected a share above 0 and below 1, got {false_match!r}")
    runtime = _runtime(str(bundle))
    if runtime.manifest.calibration is None:
        raise InputError(
            "was not calibrated, so what its similarities mean is unknown; give sface, or export a run of "
            "split.protocol=person_disjoint",
            file=runtime.bundle.file,
        )
    return runtime.manifest.calibration.threshold(float(false_match))


@lru_cache(maxsize=4)
def _runtime(bundle: str) -> EmbedderRuntime:
    return EmbedderRuntime(bundle)
