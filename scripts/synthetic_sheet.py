"""Draw a contact sheet of the synthetic faces: people in rows, videos and frames in columns, points on the last row."""

import argparse
from pathlib import Path

import cv2
import numpy as np

from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.geometry.markup import OUTLINES


def tile(faces: SyntheticFaces, number: int, side: int, points: bool) -> np.ndarray:
    """One frame, fitted into a square, with its landmarks if asked."""
    row = faces.rows(BadRows("raise"))[number]
    picture = faces.read(row)
    h, w = picture.shape[:2]
    zoom = side / max(h, w)
    size = round(w * zoom), round(h * zoom)
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    if points:
        landmarks = np.round(((row.landmarks + 0.5) * zoom - 0.5) * 16).astype(np.int32)
        for outline in OUTLINES:
            cv2.polylines(picture, [landmarks[list(outline)]], False, (60, 230, 120), 1, cv2.LINE_AA, 4)
        for x, y in landmarks.tolist():
            cv2.circle(picture, (x, y), 20, (255, 240, 60), -1, cv2.LINE_AA, 4)
    square = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = picture
    return square


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/synthetic_faces.jpg"))
    parser.add_argument("--people", type=int, default=6, help="rows without points")
    parser.add_argument("--columns", type=int, default=9, help="frames in a row: three of each video")
    parser.add_argument("--side", type=int, default=150, help="pixels of a tile")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faces = SyntheticFaces(
        people=options.people + options.columns, videos=3, frames=8, test_frames=2, seed=options.seed
    )
    lines = []
    for person in range(options.people):
        frames = [person * 24 + (i // 3) % 3 * 8 + (i % 3) * 3 for i in range(options.columns)]
        lines.append(np.hstack([tile(faces, number, options.side, False) for number in frames]))
    others = [(options.people + i) * 24 for i in range(options.columns)]
    lines.append(np.hstack([tile(faces, number, options.side, True) for number in others]))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.out), np.vstack(lines)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
