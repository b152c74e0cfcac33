"""``faceline predict``: landmarks for images, folders and videos of the user's own."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from omegaconf import DictConfig

from faceline.config.check import plain
from faceline.data.images import read_any
from faceline.errors import InputError
from faceline.files import write_whole
from faceline.geometry.markup import N_LANDMARKS, OUTLINES
from faceline.inference.bundle import DEFAULT
from faceline.inference.faces import FaceFirst
from faceline.inference.runtime import LandmarkRuntime
from faceline.inference.stream import ahead
from faceline.outputs import check_output, csv_cell
from faceline.threads import usable_threads
from faceline.types import AnyImage, Image, Shape

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"}

Frame = tuple[str, int, Image]
"""Name of the file, number of the frame in it, pixels."""


FindLandmarks = Callable[[AnyImage], Shape]
"""Landmarks of the one face in a frame, in its pixels."""


def main(cfg: DictConfig) -> None:
    """As `predict`, with a config of Hydra's."""
    predict(plain(cfg))


def predict(config: dict[str, Any]) -> None:
    """Predict every frame of the input; write the table and, if asked, the overlays."""
    source, output = Path(config["input"]), Path(config["output"])
    overlays = Path(config["overlays"]) if config["overlays"] else None
    if not source.exists():
        raise InputError("no such file or folder", file=source, column="input")
    check_output(output, "output", begins=[b"file,frame,"], inputs=[source])
    if output.suffix.lower() in IMAGES | VIDEOS:
        raise InputError("is the name of an image or film; give that of a CSV file", file=output, column="output")
    detect = _detector(config)
    if config["find_face"]:
        detect = FaceFirst(detect)
    count = 0
    with write_whole(output) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        for name, number, image in ahead(_frames(source)):
            points = detect(image)
            if not count:
                table.writerow(["file", "frame", *(f"{axis}{i}" for i in range(len(points)) for axis in "xy")])
            table.writerow([csv_cell(name), number, *(f"{value:.3f}" for value in points.ravel())])
            if overlays is not None:
                _write_overlay(overlays / f"{name}_{number:05d}.png", image, points)
            count += 1
    print(f"landmarks of {count} {'frame' if count == 1 else 'frames'} written to {output}")


def _detector(config: dict[str, Any]) -> FindLandmarks:
    """What finds the landmarks: the model of a run, which needs torch, or a bundle."""
    if config["run_id"] is None and config["ckpt_path"] is None:
        cv2.setNumThreads(0)  # one frame is too little work to share
        return LandmarkRuntime(config["bundle"] or DEFAULT, usable_threads(config["threads"])).detect
    if config["bundle"] is not None:
        raise InputError("give bundle=FILE, or run_id=RUN or ckpt_path=FILE, and not both", column="bundle")
    from faceline.tasks.selection import chosen_detector  # noqa: PLC0415  # it imports torch

    return chosen_detector(config)


def _frames(source: Path) -> Iterator[Frame]:
    if source.is_dir():
        files = sorted(path for path in source.iterdir() if path.suffix.lower() in IMAGES)
        if not files:
            raise InputError(f"no images in this folder (looked for {' '.join(sorted(IMAGES))})", file=source)
        for path in files:
            yield path.name, 0, read_any(path)
    elif source.suffix.lower() in VIDEOS:
        yield from _video(source)
    else:
        yield source.name, 0, read_any(source)


def _video(source: Path) -> Iterator[Frame]:
    video, number = cv2.VideoCapture(str(source)), 0
    try:
        while True:
            more, frame = video.read()
            if not more:
                break
            yield source.name, number, np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8)
            number += 1
    finally:
        video.release()
    if number == 0:
        raise InputError("not a video that can be decoded", file=source, column="input")


def _write_overlay(file: Path, image: Image, points: Shape) -> None:
    """A copy of the frame with the face outlined, large enough to see the points."""
    zoom = max(1, round(512 / max(image.shape[:2])))
    canvas = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    pixels = np.round(((points + 0.5) * zoom - 0.5) * 16).astype(np.int32)  # 4 bits of sub-pixel
    thickness = max(1, round(max(canvas.shape[:2]) / 400))
    for outline in OUTLINES if len(points) == N_LANDMARKS else ():
        cv2.polylines(canvas, [pixels[list(outline)]], False, (255, 255, 255), thickness, cv2.LINE_AA, shift=4)
    for x, y in pixels:
        cv2.circle(canvas, (int(x), int(y)), 16 * (thickness + 2), (255, 122, 26), -1, cv2.LINE_AA, shift=4)
    written, content = cv2.imencode(".png", cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
    assert written
    with write_whole(file) as part:
        part.write_bytes(content.tobytes())
