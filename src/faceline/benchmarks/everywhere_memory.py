"""Measures how much memory ``faceline predict`` needs for large photos."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from faceline.benchmarks.everywhere_photos import CROWD, Photo, crowd
from faceline.types import AnyImage

_HUGE = (8_400, 12_000)
"""Rows and columns of a photo of 100 megapixels."""
_COMMAND = """
import sys
from pathlib import Path
from faceline.cli import main
code = main(["predict", *sys.argv[1:]])
print(Path("/proc/self/status").read_text())
sys.exit(code)
"""
"""The command, and what its process took: the figures of a parent would hold the parent's memory too."""


def memory_of(frames: Sequence[Photo]) -> list[dict[str, Any]]:
    """Return a row for each of three photos: megapixels, faces in it, faces found and peak memory in MB."""
    huge = np.full((*_HUGE, 3), 120, np.uint8)
    huge[: _HUGE[0] // 2, : _HUGE[0] // 2] = cv2.resize(frames[0].image, (_HUGE[0] // 2, _HUGE[0] // 2))
    photos = {"one frame": (frames[0].image, 1), "100 megapixels": (huge, 1), "crowd": (crowd(frames).image, CROWD)}
    return [{"photo": name, "faces": faces, **_predict(image)} for name, (image, faces) in photos.items()]


def _predict(image: AnyImage) -> dict[str, Any]:
    """Run the command on one photo in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        photo, table = Path(folder, "photo.jpg"), Path(folder, "landmarks.csv")
        cv2.imwrite(str(photo), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        command = [sys.executable, "-c", _COMMAND, f"input={photo}", f"output={table}"]
        status = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = len(table.read_text().splitlines()) - 1 if table.exists() else 0
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    megapixels = round(image.shape[0] * image.shape[1] / 1e6, 1)
    return {"megapixels": megapixels, "found": found, "peak_mb": round(peak * 1024 / 1e6)}
