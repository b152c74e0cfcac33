"""Lay the Udacity facial landmarks set out for faceline, from a zip or a folder that you have.

The published zip (MIT licence):
https://s3.amazonaws.com/video.udacity-data.com/topher/2018/May/5aea1b91_train-test-data/train-test-data.zip

    python scripts/fetch_udacity.py --from train-test-data.zip --root data/udacity
    python scripts/fetch_udacity.py --url https://… --root data/udacity
"""

import argparse
import shutil
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from faceline.data.index import BadRows
from faceline.data.udacity import UdacityFaces
from faceline.errors import InputError


def members(source: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of each file of a folder or a zip."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file():
                with path.open("rb") as file:
                    yield path.relative_to(source).as_posix(), file
        return
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                yield name, file


def place(name: str) -> PurePosixPath | None:
    """Return the place of a member below the root; only its last two names count, so none can leave it."""
    path = PurePosixPath(name)
    if path.name in ("training_frames_keypoints.csv", "test_frames_keypoints.csv"):
        return PurePosixPath(path.name)
    is_frame = path.suffix == ".jpg" and path.name[0] != "." and path.parent.name in ("training", "test")
    return PurePosixPath(path.parent.name, path.name) if is_frame else None


def lay_out(source: Path, root: Path) -> None:
    """Copy, validate, and only then give the folder its name."""
    if root.exists():
        raise InputError("is there already; choose another --root or remove it", file=root)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as temporary:
        unfinished = Path(temporary, "udacity")
        for name, content in members(source):
            target = place(name)
            if target is not None:
                (unfinished / target).parent.mkdir(parents=True, exist_ok=True)
                with (unfinished / target).open("wb") as file:
                    shutil.copyfileobj(content, file)
        rows = UdacityFaces(unfinished).rows(BadRows("raise"))
        unfinished.replace(root)
    print(f"{root}: {len(rows)} labelled frames; use it with data.root={root}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(usage=__doc__)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--from", dest="source", type=Path, help="zip or folder that you downloaded")
    given.add_argument("--url", help="address of the zip")
    parser.add_argument("--root", type=Path, required=True, help="folder to make")
    args = parser.parse_args()
    try:
        lay_out(args.source or Path(urllib.request.urlretrieve(args.url)[0]), args.root)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
