"""Write drawn faces in the form in which YouTube Faces with facial keypoints is downloaded: a CSV and npz files.

python scripts/write_youtube_faces.py OUT --people 20 --videos 3 --frames 12
python scripts/write_youtube_faces.py OUT --like youtube_faces_with_keypoints_full.csv --images flat

With --like the people, videos, lengths and frame sizes are those of a published table, up to all 2,194 videos and
260,399 frames; drawn faces are scaled into its frames. Flat images are one grey tone: the landmarks are what the full
scale is for, and drawing it would take hours.

Published landmarks are what an alignment network said. --label-error E (in distances of the outer eye corners) makes
these as imperfect: each landmark of a video is off by a constant of standard deviation E, and in every frame by E / 2
more. Files that are there are kept, so an interrupted run goes on; none is ever half there.
"""

import argparse
import csv
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceline.data.synthetic import SyntheticFaces
from faceline.data.youtube_faces import FOLDERS, SYNTHETIC, TABLE
from faceline.errors import InputError
from faceline.files import write_whole
from faceline.geometry.markup import OUTER_EYE_CORNERS

HEADER = (
    "videoID",
    "personName",
    "imageHeight",
    "imageWidth",
    "videoDuration",
    "averageFaceSize",
    "numVideosForPerson",
)


@dataclass(frozen=True)
class Plan:
    """One video to write.

    Attributes:
        id: Name of the video.
        name: Name of the person.
        person: Number of the person.
        video: Number among the person's videos.
        frames: Number of frames.
        size: Width and height of its frames; None for those of the drawing.
    """

    id: str
    name: str
    person: int
    video: int
    frames: int
    size: tuple[int, int] | None


def main(arguments: list[str]) -> int:
    """Write the set; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--videos", type=int, default=3, help="of each person")
    parser.add_argument("--frames", type=int, default=12, help="of each video")
    parser.add_argument("--like", type=Path, metavar="CSV", help="a published table to take people and videos from")
    parser.add_argument("--images", choices=("drawn", "flat"), default="drawn")
    parser.add_argument("--form", choices=("doubled", "folder", "zip"), default="doubled", help="how it is unpacked")
    parser.add_argument("--label-error", type=float, default=0.02, metavar="E")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        plans = _published(options.like) if options.like else _plain(options)
        _write(plans, options)
    except (InputError, OSError) as error:
        print(f"write_youtube_faces: error: {error}", file=sys.stderr)
        return 2
    return 0


def _plain(options: argparse.Namespace) -> list[Plan]:
    if min(options.people, options.videos, options.frames, options.jobs) < 1 or options.label_error < 0:
        raise InputError("expected people, videos, frames and jobs from 1 and a label error from 0")
    return [
        Plan(f"Person_{person:04d}_{video}", f"Person_{person:04d}", person, video, options.frames, None)
        for person in range(options.people)
        for video in range(options.videos)
    ]


def _published(table: Path) -> list[Plan]:
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    people = {name: number for number, name in enumerate(dict.fromkeys(row["personName"] for row in rows))}
    seen: Counter[str] = Counter()
    plans = []
    for row in rows:
        name, number = row["personName"], people[row["personName"]]
        size = (int(float(row["imageWidth"])), int(float(row["imageHeight"])))
        drawn = f"Person_{number:04d}"  # names of real people do not belong to drawn ones
        plans.append(Plan(f"{drawn}_{seen[name]}", drawn, number, seen[name], int(float(row["videoDuration"])), size))
        seen[name] += 1
    return plans


def _write(plans: list[Plan], options: argparse.Namespace) -> None:
    folders = [options.out / f / f if options.form == "doubled" else options.out / f for f in FOLDERS]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    (options.out / SYNTHETIC).write_text("Drawn faces, written by scripts/write_youtube_faces.py: no real person.\n")
    videos = 1 + max(plan.video for plan in plans)
    source = SyntheticFaces(
        people=1 + max(plan.person for plan in plans),
        videos=videos,
        frames=max(plan.frames for plan in plans),
        test_frames=0,
        seed=options.seed,
    )
    jobs = [(source, plan, folders[i * 4 // len(plans)], options) for i, plan in enumerate(plans)]
    rows = []
    for done, row in enumerate(_in_order(jobs, options.jobs), start=1):
        rows.append(row)
        print(f"\rvideo {done} of {len(plans)}", end="" if done < len(plans) else "\n", file=sys.stderr, flush=True)
    counts = Counter(row["personName"] for row in rows)
    with (options.out / TABLE).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, HEADER)
        table.writeheader()
        table.writerows({**row, "numVideosForPerson": float(counts[row["personName"]])} for row in rows)
    if options.form == "zip":
        _archive(folders)


def _in_order(
    jobs: "list[tuple[SyntheticFaces, Plan, Path, argparse.Namespace]]", processes: int
) -> Iterator[dict[str, object]]:
    if processes == 1:
        yield from map(_video, jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_video, jobs, chunksize=4)


def _video(job: tuple[SyntheticFaces, Plan, Path, argparse.Namespace]) -> dict[str, object]:
    """Write one npz file; what the table says of it."""
    source, plan, folder, options = job
    faces = [source.face(plan.person, plan.video, frame) for frame in range(plan.frames)]
    solid = np.stack([face.to_pixels(face.shape) for face in faces])  # (frames, 68, 3)
    drawn = source.size(plan.person, plan.video)
    width, height = plan.size or drawn
    zoom = min(width / drawn[0], height / drawn[1])
    middle = np.array([(width - zoom * drawn[0]) / 2, (height - zoom * drawn[1]) / 2, 0.0])
    corner = np.array([0.5, 0.5, 0.0])  # of a pixel, from its centre
    solid = (solid + corner) * zoom + middle - corner
    solid += _label_error(solid, options.label_error, np.random.default_rng([options.seed, plan.person, plan.video]))
    low, high = solid[..., :2].min(axis=1), solid[..., :2].max(axis=1)  # (frames, 2)
    boxes = np.stack([low, np.stack([high[:, 0], low[:, 1]], 1), np.stack([low[:, 0], high[:, 1]], 1), high], axis=1)
    file = folder / f"{plan.id}.npz"
    if not file.exists():
        with write_whole(file) as part, part.open("wb") as stream:
            np.savez_compressed(
                stream,
                colorImages=_images(source, plan, options.images, (width, height), zoom),
                boundingBox=np.moveaxis(boxes, 0, 2),
                landmarks2D=np.moveaxis(solid[..., :2], 0, 2),
                landmarks3D=np.moveaxis(solid, 0, 2),
            )
    facts = (plan.id, plan.name, float(height), float(width), float(plan.frames), float((high - low).mean()))
    return dict(zip(HEADER, facts, strict=False))


def _label_error(solid: np.ndarray, error: float, rng: np.random.Generator) -> np.ndarray:
    left, right = OUTER_EYE_CORNERS
    unit = float(np.median(np.linalg.norm(solid[:, left] - solid[:, right], axis=1)))
    constant = rng.normal(size=(1, *solid.shape[1:]))
    return error * unit * (constant + 0.5 * rng.normal(size=solid.shape))


def _images(source: SyntheticFaces, plan: Plan, kind: str, size: tuple[int, int], zoom: float) -> np.ndarray:
    """(h, w, 3, frames): drawn frames scaled into the middle, their edges drawn out; or one grey tone."""
    width, height = size
    if kind == "flat":
        return np.full((height, width, 3, plan.frames), 128, dtype=np.uint8)
    frames = []
    for frame in range(plan.frames):
        image = source.read(source.row(plan.person, plan.video, frame))
        if plan.size is not None:
            image = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)[:height, :width]
            top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
            bottom, right = height - image.shape[0] - top, width - image.shape[1] - left
            image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REPLICATE)
        frames.append(image)
    return np.stack(frames, axis=3)


def _archive(folders: list[Path]) -> None:
    """Pack each folder as it is published and take it away."""
    for folder in folders:
        with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(folder.glob("*.npz")):
                archive.write(file, f"{folder.name}/{file.name}")
                file.unlink()
        folder.rmdir()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
