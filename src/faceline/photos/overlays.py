"""Copies photos and films with the faces drawn on them: points, boxes, numbers and confidences."""

import errno
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from faceline.errors import InputError
from faceline.files import write_whole
from faceline.geometry.markup import N_LANDMARKS, OUTLINES
from faceline.inference.detection import DetectedFace
from faceline.types import AnyImage, Image

_ENLARGED_TO: Final = 512  # pixels of the longer edge, at least: points of a small frame could not be told apart
_WHITE: Final = (255, 255, 255)
_ORANGE: Final = (255, 122, 26)
_DARK: Final = (40, 40, 40)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_BITS: Final = 4  # of sub-pixel


def draw_faces(image: Image, faces: Sequence[tuple[int, DetectedFace]]) -> AnyImage:
    """Return a copy of an image with its faces drawn on it; small images are enlarged.

    Args:
        image: RGB photo or frame.
        faces: Faces with their numbers, in pixels of the image.
    """
    zoom = max(1, round(_ENLARGED_TO / max(image.shape[:2])))
    canvas = np.ascontiguousarray(cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC))
    thickness = max(1, round(max(canvas.shape[:2]) / 800))
    for number, face in faces:
        _draw_box(canvas, face, zoom, thickness, f"{number}  {face.confidence:.2f}")
    for _, face in faces:
        _draw_landmarks(canvas, face, zoom)
    return canvas


def write_overlay(file: Path, image: Image, faces: Sequence[tuple[int, DetectedFace]]) -> None:
    """Write a photo with its faces drawn on it as PNG."""
    written, content = cv2.imencode(".png", draw_faces(image, faces)[..., ::-1])
    assert written
    with write_whole(file) as part:
        part.write_bytes(content.tobytes())


class _Unfinished(Exception):  # noqa: N818  # it is no error, and nobody sees it
    """A film that is not kept."""


class OverlayFilm:
    """A copy of a film with the faces of each frame drawn on it, as MP4 without sound.

    The file appears when it is complete, not before.

    Args:
        file: File to write.
        rate: Frames a second.

    Raises:
        InputError: The file cannot be written.
    """

    def __init__(self, file: Path, rate: float) -> None:
        self.file, self.rate = file, rate
        self._writer: cv2.VideoWriter | None = None
        self._whole = ExitStack()
        self._size, self._part, self._frames = (0, 0), Path(), 0

    def add(self, image: Image, faces: Sequence[tuple[int, DetectedFace]]) -> None:
        """Add the next frame with its faces."""
        canvas = draw_faces(image, faces)
        if self._writer is None:
            self._size = (canvas.shape[1] // 2 * 2, canvas.shape[0] // 2 * 2)  # the format wants even edges
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._part = self._whole.enter_context(write_whole(self.file, suffix=".mp4"))
            self._writer = cv2.VideoWriter(str(self._part), cv2.CAP_FFMPEG, code, self.rate, self._size)
            if not self._writer.isOpened():
                raise InputError("an overlay film of this size cannot be written", file=self.file)
        if canvas.shape[1::-1] != self._size:
            canvas = cv2.resize(canvas, self._size)
        self._writer.write(np.ascontiguousarray(canvas[..., ::-1]))
        self._frames += 1

    def close(self, complete: bool = True) -> None:
        """End the film; an incomplete one is removed.

        Raises:
            OSError: The disk is full.
        """
        if self._writer is None:
            return
        self._writer.release()
        with suppress(_Unfinished), self._whole:
            if not complete:
                raise _Unfinished
            written = cv2.VideoCapture(str(self._part), cv2.CAP_FFMPEG).get(cv2.CAP_PROP_FRAME_COUNT)
            if written < self._frames:  # the writer itself tells nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.file))


def _draw_box(canvas: AnyImage, face: DetectedFace, zoom: int, thickness: int, label: str) -> None:
    left, top, right, bottom = (round((value + 0.5) * zoom - 0.5) for value in face.box.tolist())
    cv2.rectangle(canvas, (left, top), (right, bottom), _ORANGE, thickness, cv2.LINE_AA)
    scale = max(0.4, 0.4 * max(canvas.shape[:2]) / 800)
    (width, height), under = cv2.getTextSize(label, _FONT, scale, thickness)
    x = min(max(left, 0), max(canvas.shape[1] - width - 6, 0))
    y = top if top > height + under + 4 else min(max(top, 0) + height + under + 4, canvas.shape[0])
    cv2.rectangle(canvas, (x, y - height - under - 4), (x + width + 6, y), _ORANGE, -1)
    cv2.putText(canvas, label, (x + 3, y - under - 1), _FONT, scale, _DARK, thickness, cv2.LINE_AA)


def _draw_landmarks(canvas: AnyImage, face: DetectedFace, zoom: int) -> None:
    """Draw the outlines in white and the points in orange, as large as the face allows."""
    pixels = np.round(((face.landmarks + 0.5) * zoom - 0.5) * 2**_BITS).astype(np.int32)
    size = float(np.ptp(face.landmarks, axis=0).max()) * zoom
    line, dot = max(1, round(size / 250)), max(1.0, size / 110)
    for outline in OUTLINES if len(pixels) == N_LANDMARKS else ():
        cv2.polylines(canvas, [pixels[list(outline)]], False, _WHITE, line, cv2.LINE_AA, shift=_BITS)
    for x, y in pixels.tolist():
        cv2.circle(canvas, (x, y), round(dot * 2**_BITS), _ORANGE, -1, cv2.LINE_AA, shift=_BITS)
