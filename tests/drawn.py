"""Drawn faces in the forms in which users have theirs."""

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.geometry.crops import ARCFACE
from faceline.types import Landmarks


def publish(root: Path, source: SyntheticFaces) -> dict[str, list[str]]:
    """Write faces as the Udacity set is published; returns the lines of both tables."""
    for part in ("training", "test"):
        (root / part).mkdir(parents=True)
    tables: dict[str, list[str]] = {part: [",".join(["", *map(str, range(136))])] for part in ("training", "test")}
    for row in source.rows(BadRows("raise")):
        person, video, frame = re.findall(r"\d+", row.file)
        part = "test" if row.part == "test" else "training"
        name = f"Person_{int(person)}_{int(video)}{int(frame)}.jpg"
        Image.fromarray(source.read(row)).save(root / part / name, "JPEG", quality=90)
        tables[part].append(",".join([name, *(f"{value:.1f}" for value in row.landmarks.ravel())]))
    for part, lines in tables.items():
        (root / f"{part}_frames_keypoints.csv").write_text("\n".join(lines) + "\n")
    return tables


def write_pts(root: Path, source: SyntheticFaces) -> None:
    """Write photos with .pts files as 300-W has them, in folders of training and test."""
    for number, row in enumerate(source.rows(BadRows("raise"))):
        folder = root / ("testset" if number % 4 == 0 else "trainset")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(source.read(row)).save(folder / f"photo{number}.png")
        lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in row.landmarks + 1)
        (folder / f"photo{number}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")


def write_people(root: Path, source: SyntheticFaces) -> None:
    """Write a folder for each person, one for each video in it, and the landmarks of a frame as JSON beside it."""
    for row in source.rows(BadRows("raise")):
        file = root / row.person / row.video.replace("/", "-") / f"{row.frame:04d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(source.read(row)).save(file)
        file.with_suffix(".json").write_text(json.dumps({"landmarks": row.landmarks.tolist()}))


def write_table(root: Path, source: SyntheticFaces, *, five: bool = False) -> None:
    """Write images with one table labels.csv of 68 points, or of five."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", *(f"{axis}{i}" for i in range(5 if five else 68) for axis in "xy")])
        for number, row in enumerate(source.rows(BadRows("raise"))):
            Image.fromarray(source.read(row)).save(root / f"{number}.png")
            points: Landmarks = ARCFACE.of(row.landmarks) if five else row.landmarks
            table.writerow([f"{number}.png", *points.ravel().round(2)])


def write_film(file: Path, source: SyntheticFaces) -> None:
    """Write the faces as a film of 128 pixels and ten frames a second."""
    film = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 10, (128, 128))
    for row in source.rows(BadRows("raise")):
        film.write(cv2.resize(np.ascontiguousarray(source.read(row)[..., ::-1]), (128, 128)))
    film.release()
