"""Reads the user's own landmarks as COCO key points: one JSON file and a folder of images."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from faceline.data import own_frames
from faceline.data.index import BadRows, FrameRow, OnError
from faceline.errors import InputError, first_line
from faceline.geometry.markup import Markup
from faceline.types import Image


class CocoFaces:
    """Faces with key points in the COCO format; each face is a frame, cut out around its box if it has one.

    A key point that is not labelled is learned and measured nowhere. A face without any, or without the two that errors
    are measured by, is left out.

    Source: https://cocodataset.org/#format-data, "Keypoint Detection".

    Args:
        root: Folder with the images.
        annotations: JSON file, relative to the root or to the current folder.
        on_error: ``raise`` at the first face that cannot be used, or ``skip`` such faces.
        markup: Meaning of the key points.
        names: Template of file names, such as ``{person}_{video}{frame}``.
        name: Name of the data set.

    Raises:
        InputError: The folder or file is missing, or the file holds no COCO key points.
    """

    licence = "unknown"

    def __init__(
        self,
        root: str | Path | None,
        annotations: str | Path | None,
        on_error: OnError = "raise",
        markup: Markup | None = None,
        names: str | None = None,
        name: str = "coco",
    ) -> None:
        self.name, self.on_error = name, BadRows(on_error).on_error
        self.root = own_frames.own_root(root)
        if not annotations:
            raise InputError("give the JSON, as in data.annotations=faces.json", column="data.annotations")
        places = (self.root / annotations, Path(annotations))
        self.file = next((place for place in places if place.is_file()), places[0])
        if not self.file.is_file():
            raise InputError("no such file", file=self.file, column="data.annotations")
        self.pattern, self._names = own_frames.template(names), names
        self._boxes: dict[str, np.ndarray | None] = {}
        first = next((each for each in self._content["annotations"] if each.get("keypoints")), None)
        if first is None:
            raise InputError("has no annotation with keypoints", file=self.file)
        self.markup = own_frames.markup_for(len(first["keypoints"]) // 3, markup)

    @cached_property
    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise InputError(f"is no JSON ({first_line(error)})", file=self.file) from None
        right = isinstance(content, dict) and all(
            isinstance(content.get(key), list) for key in ("images", "annotations")
        )
        if not right:
            raise InputError("is no COCO file: expected the lists images and annotations", file=self.file)
        return content  # type: ignore[no-any-return]

    @cached_property
    def _images(self) -> dict[Any, dict[str, Any]]:
        return {image.get("id"): image for image in self._content["images"] if isinstance(image, dict)}

    def key(self) -> str:
        """Return a hex digest of the JSON, the settings and all images that it names."""
        files = [self.root / str(image.get("file_name")) for image in self._images.values()]
        settings = repr((self._names, self.markup.name, "masked"))
        return own_frames.digest_of(files, self.file.read_bytes(), settings.encode())

    def describe(self) -> list[str]:
        """Describe in lines how the file was read."""
        faces, points = len(self._content["annotations"]), self.markup.points
        return [f"annotations   {self.file.name}: {faces} faces in {len(self._images)} images, {points} key points"]

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """List the faces in the order of the file; unusable ones go to ``bad``."""
        found: list[FrameRow] = []
        for number, annotation in enumerate(self._content["annotations"]):
            try:
                row = self._row(number, annotation)
                if own_frames.has_labels(row, bad):
                    found.append(row)
            except InputError as error:
                bad.add(error)
        return found

    def _row(self, number: int, annotation: dict[str, Any]) -> FrameRow:
        label = f"annotations[{number}]"
        image = self._images.get(annotation.get("image_id"))
        if image is None:
            raise InputError(
                f"there is no image {annotation.get('image_id')!r}", file=self.file, column=f"{label}.image_id"
            )
        values = np.array(annotation.get("keypoints", []), dtype=float)
        if values.size != self.markup.points * 3:
            expected = f"{self.markup.points} key points of three numbers"
            raise InputError(
                f"expected {expected}, got {values.size} numbers", file=self.file, column=f"{label}.keypoints"
            )
        points, seen = values.reshape(-1, 3)[:, :2], values.reshape(-1, 3)[:, 2]
        points = np.where(seen[:, None] == 0, np.nan, points)
        file = own_frames.image_file(self.root, str(image.get("file_name", "")))
        relative = file.relative_to(self.root)
        own_frames.size_of(file)
        person, video, frame = own_frames.names_of(relative, self.pattern, number)
        box = np.array(annotation["bbox"], dtype=float) if len(annotation.get("bbox", ())) == 4 else None
        if box is not None and not (box[2:] > 0).all():
            box = None
        name = f"{relative.as_posix()}#{annotation.get('id', number)}"
        self._boxes[name] = box
        # the keypoints of COCO count from the corner of the first pixel, ours from its middle
        return own_frames.whole(FrameRow(name, person, video, frame, "train", points), points - 0.5, box)

    def unlabelled(self) -> int:
        """Count the images without an annotation."""
        labelled = {annotation.get("image_id") for annotation in self._content["annotations"]}
        return sum(each not in labelled for each in self._images)

    def read(self, row: FrameRow) -> Image:
        """Read the pixels of one face."""
        if row.file not in self._boxes:
            self.rows(BadRows("skip"))
        return own_frames.read_cut(
            own_frames.image_file(self.root, row.file.rpartition("#")[0]), self._boxes.get(row.file)
        )
