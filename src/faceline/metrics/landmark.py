"""The errors of a landmark detector, each defined once.

A landmark without a label is NaN in the target and counts nowhere. Nothing else is averaged away: empty input, a
prediction that is not finite, and a face without an eye distance all raise.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from faceline.errors import InputError
from faceline.geometry.markup import IBUG68, Markup
from faceline.types import Landmarks, PerFrame, Sizes

OwnMetric = Callable[[Landmarks, Landmarks], PerFrame]
"""Computes one number for each frame from predicted and true landmarks in pixels."""


class LandmarkErrors(NamedTuple):
    """The result of one evaluation.

    Attributes:
        scalars: ``mse``, ``nme``, ``auc_8``, ``auc_10``, ``failure_8``, ``failure_10``, and ``nme_<region>`` for each
            region that any frame has labels in. All are fractions: an NME of 0.05 is 5 %.
        frames: (n,) ``mse``, ``nme`` and ``nme_<region>`` of each frame, in the order of the input; NaN for a region in
            which the frame has no label.
    """

    scalars: dict[str, float]
    frames: dict[str, np.ndarray]


def mse_per_frame(preds: Landmarks, target: Landmarks) -> PerFrame:
    """Return the mean squared error of each frame over all its coordinates that have a label.

    Args:
        preds: Predicted landmarks on [0, 1] of the frame.
        target: True landmarks on [0, 1] of the frame.

    Raises:
        ValueError: There are no frames, the shapes differ, a coordinate is not finite, or a frame has no label.
    """
    preds, target = _checked(preds, target)
    return np.asarray(np.nanmean((preds - target) ** 2, axis=(1, 2)))


def mse(preds: Landmarks, target: Landmarks) -> float:
    """Return the mean of ``mse_per_frame``, the figure of the reference study."""
    return float(mse_per_frame(preds, target).mean())


def interocular_distance(target_px: Landmarks, markup: Markup = IBUG68) -> PerFrame:
    """Return the distance of the outer eye corners of each face, or another markup's normaliser, in pixels.

    Raises:
        ValueError: There are no frames, a coordinate is not finite, or a distance is zero or unknown.
    """
    _checked_shape("target", target_px, target_px)
    left, right = (target_px[:, corner].astype(np.float64) for corner in markup.normaliser)  # (n, 2) each
    distance = np.linalg.norm(left - right, axis=1)
    if not (distance > 0).all():
        what = "outer eye corners" if markup == IBUG68 else "a normaliser"
        frame = int((distance > 0).argmin())
        raise ValueError(
            f"expected {what} (landmarks {markup.normaliser[0]} and {markup.normaliser[1]}) that lie apart, "
            f"got a distance of {distance[frame]:g} in target frame {frame}"
        )
    return np.asarray(distance)


def nme_per_frame(preds_px: Landmarks, target_px: Landmarks, markup: Markup = IBUG68) -> PerFrame:
    """Return the interocular NME of each frame: mean point distance over the distance of the outer eye corners.

    Source: Sagonas et al., "300 Faces in-the-Wild Challenge", ICCVW 2013, section 4.

    Args:
        preds_px: Predicted landmarks in pixels of the original frame; on [0, 1] a frame that is not square would
            distort the distances.
        target_px: True landmarks in pixels of the original frame.
        markup: Meaning of the landmarks.

    Raises:
        ValueError: There are no frames, the shapes differ, a coordinate is not finite, or an eye distance is zero.
    """
    return np.asarray(np.nanmean(_relative_distances(preds_px, target_px, markup), axis=1))


def nme(preds_px: Landmarks, target_px: Landmarks) -> float:
    """Return the mean of ``nme_per_frame`` as a fraction: 0.05 is 5 %."""
    return float(nme_per_frame(preds_px, target_px).mean())


def nme_per_region(preds_px: Landmarks, target_px: Landmarks, markup: Markup = IBUG68) -> dict[str, np.ndarray]:
    """Return (n,) NMEs for each facial region, all divided by the interocular distance.

    A frame without a label in a region has NaN there; a region in which no frame has one is left out.

    Raises:
        ValueError: The input is invalid, as for ``nme_per_frame``.
    """
    distances = _relative_distances(preds_px, target_px, markup)  # (n, p)
    regions = {region: _known_mean(distances[:, list(points)]) for region, points in markup.regions.items()}
    return {region: errors for region, errors in regions.items() if not np.isnan(errors).all()}


def auc(nme_per_frame: PerFrame, threshold: float = 0.08) -> float:
    """Return the area under the cumulative error curve from 0 to the threshold, over the threshold: 1 is perfect.

    The curve is a step function, so the area is exact: a frame of error e adds ``max(0, threshold - e)``.
    Source: Yang et al., "An Empirical Study of Recent Face Alignment Methods", 2015 (AUC_alpha).

    Raises:
        ValueError: There are no frames, an error is negative or not finite, or the threshold is not positive.
    """
    errors = _checked_errors(nme_per_frame, threshold)
    return float(np.clip(1 - errors / threshold, 0, None).mean())


def failure_rate(nme_per_frame: PerFrame, threshold: float = 0.08) -> float:
    """Return the fraction of the frames whose NME is above the threshold.

    Raises:
        ValueError: The input is invalid, as for ``auc``.
    """
    return float((_checked_errors(nme_per_frame, threshold) > threshold).mean())


def evaluate(
    preds: Landmarks,
    target: Landmarks,
    sizes: Sizes,
    markup: Markup = IBUG68,
    own: Mapping[str, OwnMetric] | None = None,
) -> LandmarkErrors:
    """Compute every error.

    Args:
        preds: Predicted landmarks on [0, 1] of each frame.
        target: True landmarks on [0, 1] of each frame.
        sizes: Width and height of the original frames, in pixels.
        markup: Meaning of the landmarks.
        own: The user's own metrics, by name; their means over the frames become scalars too. They get the target with
            NaN where there is no label.

    Raises:
        ValueError: The input is invalid, as for ``nme_per_frame``, or a size is not positive.
        InputError: A metric of the user's own does not return one finite number for each frame.
    """
    if sizes.shape != (len(preds), 2) or (sizes <= 0).any():
        raise ValueError(f"expected ({len(preds)}, 2) positive widths and heights, got {sizes.shape}, {sizes}")
    preds, target = _checked(preds, target)
    preds_px, target_px = preds * sizes[:, None, :], target * sizes[:, None, :]  # (n, p, 2)
    frames = {"mse": mse_per_frame(preds, target), "nme": nme_per_frame(preds_px, target_px, markup)}
    frames |= {f"nme_{region}": errors for region, errors in nme_per_region(preds_px, target_px, markup).items()}
    frames |= {name: _own(name, metric, preds_px, target_px) for name, metric in (own or {}).items()}
    scalars = {name: float(np.nanmean(errors)) for name, errors in frames.items()}
    for percent in (8, 10):
        scalars[f"auc_{percent}"] = auc(frames["nme"], percent / 100)
        scalars[f"failure_{percent}"] = failure_rate(frames["nme"], percent / 100)
    return LandmarkErrors(scalars, frames)


def scalar_names(markup: Markup = IBUG68) -> frozenset[str]:
    """Return the names of all scalars of `evaluate`, without those of the user's own metrics."""
    points = np.random.default_rng(0).random((1, markup.points, 2))
    return frozenset(evaluate(points, points, np.array([[1, 1]]), markup).scalars)


def _own(name: str, metric: OwnMetric, preds_px: Landmarks, target_px: Landmarks) -> PerFrame:
    values = np.asarray(metric(preds_px, target_px), dtype=np.float64)
    if values.shape != (len(preds_px),) or not np.isfinite(values).all():
        raise InputError(
            f"expected one finite number for each of {len(preds_px)} frames, got an array {values.shape}"
            + (" with others; landmarks without a label are NaN" if np.isnan(target_px).any() else ""),
            column=f"task.metrics.{name}",
        )
    return values


def _known_mean(distances: np.ndarray) -> np.ndarray:
    """Return the mean of each row over what is not NaN; NaN where nothing else is."""
    known = ~np.isnan(distances)
    counts = known.sum(axis=1)
    sums = np.where(known, distances, 0).sum(axis=1)
    return np.asarray(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0))


def _relative_distances(preds_px: Landmarks, target_px: Landmarks, markup: Markup) -> np.ndarray:
    """Return (n, p) distances of each point from its true place, over the interocular distance; NaN without a label."""
    preds_px, target_px = _checked(preds_px, target_px)
    distances = np.linalg.norm(preds_px - target_px, axis=2)
    return np.asarray(distances / interocular_distance(target_px, markup)[:, None])


def _checked(preds: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check both and convert them to double precision, so that sums over many frames lose nothing.

    A target may be NaN where there is no label, but not in the whole of a frame.
    """
    for name, points in (("preds", preds), ("target", target)):
        _checked_shape(name, points, target)
        finite = np.isfinite(points)  # (n, p, 2)
        if name == "target":
            finite |= (np.isnan(points).any(axis=2) & finite.any(axis=(1, 2))[:, None])[:, :, None]
        whole = finite.all(axis=(1, 2))
        if not whole.all():
            raise ValueError(f"expected finite {name}, got NaN or infinity in frame {int(whole.argmin())}")
    if len(preds) != len(target):
        raise ValueError(f"expected as many preds as targets, got {len(preds)} and {len(target)}")
    return preds.astype(np.float64), target.astype(np.float64)


def _checked_shape(name: str, points: np.ndarray, target: np.ndarray) -> None:
    if points.ndim != 3 or points.shape[2] != 2 or not points.size or points.shape[1:] != target.shape[1:]:
        shape = f"(n, {target.shape[1] if target.ndim == 3 else 'p'}, 2)"
        raise ValueError(f"expected {name} of shape {shape} with n > 0, got {points.shape}")


def _checked_errors(nme_per_frame: np.ndarray, threshold: float) -> np.ndarray:
    if nme_per_frame.ndim != 1 or len(nme_per_frame) == 0:
        raise ValueError(f"expected one error for each of n > 0 frames, got shape {nme_per_frame.shape}")
    good = np.isfinite(nme_per_frame) & (nme_per_frame >= 0)
    if not good.all():
        frame = int(good.argmin())
        raise ValueError(f"expected finite errors of 0 or more, got {nme_per_frame[frame]} in frame {frame}")
    if not (np.isfinite(threshold) and threshold > 0):
        raise ValueError(f"expected a positive threshold, got {threshold}")
    return nme_per_frame.astype(np.float64)
