"""``faceline benchmark everywhere``: how bundles handle photos unlike those of the training set."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from faceline.benchmarks.everywhere_memory import memory_of
from faceline.benchmarks.everywhere_photos import VARIANTS, Photo, changed, crowd, three_people, turned, without_faces
from faceline.benchmarks.measure import print_table, publish
from faceline.config.check import plain
from faceline.data.index import BadRows, FrameRow, FrameSource, evenly
from faceline.data.labels import list_labels
from faceline.data.splits import make_split
from faceline.geometry.markup import OUTER_EYE_CORNERS
from faceline.geometry.measures import measure
from faceline.inference.detection import DetectedFace, FaceDetector
from faceline.inference.faces import Face, YuNet
from faceline.inference.runtime import LandmarkRuntime
from faceline.tasks.assembly import prepare_process
from faceline.types import Image, Landmarks, Shape

OFF: Final = 0.10
"""NME above which a face counts as missed."""

ROLLS: Final = (20, 45, 90, 180)
MEASURES: Final = ("eye_opening", "mouth_opening", "smile", "brow_raise", "yaw")

Row = dict[str, Any]


class _Remembering(YuNet):
    """Searches a photo once for all bundles."""

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[Image, list[Face]] | None = None

    def find(self, image: Image) -> list[Face]:
        """Return the faces of `YuNet.find`, from memory if known."""
        if self._last is None or self._last[0] is not image:
            self._last = (image, super().find(image))
        return self._last[1]


def main(cfg: DictConfig) -> None:
    """Measure every bundle on the same photos; print tables and write a JSON file."""
    config = plain(cfg)
    threads = prepare_process(config["seed"], config["threads"])
    cv2.setNumThreads(1)
    source: FrameSource = instantiate(config["data"]["source"])
    rows = source.rows(BadRows("skip"))
    split = make_split(list_labels(source), **config["split"])
    chosen = [rows[i] for i in evenly(split.val, config["frames"])]
    frames = [Photo(source.read(row), [row.landmarks.astype(np.float64)]) for row in chosen]
    runtimes = {name: LandmarkRuntime(name, threads) for name in config["bundles"]}
    finder = _Remembering()
    detectors = {
        name: FaceDetector(runtime.detect_batch, runtime.size, finder=finder) for name, runtime in runtimes.items()
    }
    seed, half = config["seed"], frames[:: 2 if len(frames) > 1 else 1]
    kinds: dict[str, Iterable[Photo]] = {name: changed(frames, name, seed) for name in VARIANTS}
    kinds |= {f"photo turned by {degrees} degrees": turned(half, degrees) for degrees in ROLLS}
    if len(frames) > 3:
        kinds["three people"] = three_people(frames, config["photos"], seed)
    kinds["crowd of 300"] = [crowd(frames)]
    kinds["no face"] = without_faces(frames, config["faceless"], seed)
    found = [row for kind, photos in kinds.items() for row in _rows(kind, photos, detectors)]
    print_table("faces found and landmarks; off: missed, or by more than 10 % of the eye distance", found)
    test = [rows[i] for i in split.test]
    slopes = [_whole(name, runtime, source, test) for name, runtime in runtimes.items()]
    print_table("the test set, whole frames: error, and slopes of measured on labelled values", slopes)
    moves = [passed_on(name, detector, frames, seed) for name, detector in detectors.items()]
    print_table("another expression: share of the known movement that is passed on", moves)
    memory = memory_of(frames)
    print_table("peak memory of faceline predict", memory)
    report = {"split": config["split"], "photos": found, "test_part": slopes, "moves": moves, "memory": memory}
    publish("everywhere", report, Path(config["output"]))


def _rows(kind: str, photos: Iterable[Photo], detectors: dict[str, FaceDetector]) -> list[Row]:
    """Measure one kind of photo; return a row for each bundle."""
    errors: dict[str, list[float]] = {name: [] for name in detectors}
    pairs: dict[str, list[tuple[Shape, Shape]]] = {name: [] for name in detectors}
    told = dict.fromkeys(detectors, 0)
    count = 0
    for photo in photos:
        count += 1
        for name, detector in detectors.items():
            faces = detector.detect(photo.image).faces
            told[name] += bool(faces)
            for person in photo.people:
                error, landmarks = _nearest(person, faces)
                errors[name].append(error)
                if error <= OFF:
                    pairs[name].append((landmarks, person))
    return [_row(kind, name, count, errors[name], pairs[name], told[name]) for name in detectors]


def _row(kind: str, bundle: str, count: int, errors: list[float], pairs: list[tuple[Shape, Shape]], told: int) -> Row:
    row: Row = {"photos_of": kind, "bundle": bundle, "photos": count, "with_points": told / max(count, 1)}
    seen = [error for error in errors if np.isfinite(error)]
    row |= {
        "faces": len(errors),
        "missed": float(np.mean(~np.isfinite(errors))) if errors else None,
        "off": float(np.mean(np.array(errors) > OFF)) if errors else None,
        "nme": float(np.mean(seen)) if seen else None,
    }
    slopes = _slopes(*map(np.stack, zip(*pairs, strict=True))) if len(pairs) > 2 else {}
    return row | {name: slopes.get(name) for name in ("eye_opening", "mouth_opening", "smile", "mouth_width")}


def _nearest(person: Shape, faces: Sequence[DetectedFace]) -> tuple[float, Shape]:
    """Return NME and landmarks of the face nearest to a person; the NME is infinite if none is near."""
    left, right = OUTER_EYE_CORNERS
    apart = float(np.linalg.norm(person[left] - person[right]))
    best = (np.inf, person)
    for face in faces:
        error = float(np.linalg.norm(face.landmarks - person, axis=1).mean()) / apart
        if error < best[0]:
            best = (error, face.landmarks.astype(np.float64))
    return best if best[0] < 1 else (np.inf, person)


def _whole(name: str, runtime: LandmarkRuntime, source: FrameSource, rows: Sequence[FrameRow]) -> Row:
    """Measure the unchanged frames of the test set."""
    found = [runtime.detect(source.read(row)).astype(np.float64) for row in rows]
    target = np.stack([row.landmarks for row in rows]).astype(np.float64)
    left, right = OUTER_EYE_CORNERS
    apart = np.linalg.norm(target[:, left] - target[:, right], axis=1)
    errors = np.linalg.norm(np.stack(found) - target, axis=2).mean(axis=1) / apart
    return {"bundle": name, "frames": len(rows), "nme": float(errors.mean()), **_slopes(np.stack(found), target)}


def passed_on(name: str, detector: FaceDetector, frames: Sequence[Photo], seed: int) -> Row:
    """Measure how much of the movement from a face to the same face with another expression a bundle passes on.

    Unlike the slope over many faces, noise of the labels does not lower it: it is the same before and after.
    """
    before, after, seen_before, seen_after = [], [], [], []
    for frame, moved in zip(frames, changed(frames, "another expression", seed), strict=True):
        found = [_nearest(photo.people[0], detector.detect(photo.image).faces) for photo in (frame, moved)]
        if all(error <= OFF for error, _ in found):
            before.append(frame.people[0])
            after.append(moved.people[0])
            seen_before.append(found[0][1])
            seen_after.append(found[1][1])
    row: Row = {"bundle": name, "faces": len(before)}
    if not before:
        return row
    start, end, first, second = (measures(np.stack(each)) for each in (before, after, seen_before, seen_after))
    for each in ("eye_opening", "mouth_opening", "smile", "mouth_width", "brow_raise"):
        known, answer = end[each] - start[each], second[each] - first[each]
        row[each] = float(known @ answer / (known @ known)) if known.any() else None
    return row


def _slopes(found: Landmarks, target: Landmarks) -> dict[str, float]:
    """Return the slope of each measure on its label: 1 passes a movement on, 0 nothing of it."""
    seen, true = measures(found), measures(target)
    return {name: float(np.polyfit(true[name], seen[name], 1)[0]) for name in (*MEASURES, "mouth_width")}


def measures(points: Landmarks) -> dict[str, np.ndarray]:
    """Return the measures of faces (n, 68, 2), and the width of the mouth in distances of the outer eye corners."""
    left, right = OUTER_EYE_CORNERS
    eyes = np.linalg.norm(points[:, left] - points[:, right], axis=1)
    return {**measure(points), "mouth_width": np.linalg.norm(points[:, 48] - points[:, 54], axis=1) / eyes}
