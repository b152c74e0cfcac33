"""Embeds a face of a photo, and tells from which similarity on two faces count as one person."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from faceline.errors import InputError
from faceline.geometry.crops import align_face
from faceline.geometry.markup import N_LANDMARKS
from faceline.inference.bundle import SFACE
from faceline.inference.detection import DetectedFace, check_image
from faceline.inference.runtime import EmbedderRuntime

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
        InputError: The image or the landmarks have another shape or type, or the bundle cannot be used.
    """
    check_image(image)
    landmarks = face.landmarks if isinstance(face, DetectedFace) else face
    if not (isinstance(landmarks, np.ndarray) and landmarks.shape == (N_LANDMARKS, 2) and landmarks.dtype.kind in "fi"):
        got = f"{landmarks.dtype} {landmarks.shape}" if isinstance(landmarks, np.ndarray) else type(landmarks).__name__
        raise InputError(f"face: expected a face of detect_faces, or landmarks ({N_LANDMARKS}, 2), got {got}")
    runtime = _runtime(str(bundle))
    aligned = align_face(image, landmarks.astype(np.float32), runtime.size, template=runtime.template)
    embedding: Embedding = runtime.embed(aligned[None])[0]
    return embedding


def match_threshold(false_match: float = 0.001, bundle: str | Path = SFACE) -> float:
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
    if not (isinstance(false_match, int | float) and 0 < false_match < 1):
        raise InputError(f"false_match: expected a share above 0 and below 1, got {false_match}")
    runtime = _runtime(str(bundle))
    if runtime.manifest.calibration is None:
        raise InputError(
            "was not calibrated, so what its similarities mean is unknown; give sface, or export a run of "
            "split.protocol=person_disjoint",
            file=runtime.bundle.file,
        )
    return runtime.manifest.calibration.threshold(false_match)


@lru_cache(maxsize=4)
def _runtime(bundle: str) -> EmbedderRuntime:
    return EmbedderRuntime(bundle)
