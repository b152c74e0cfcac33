"""``faceline benchmark startup``: seconds until the command does something, each in a fresh process."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from PIL import Image as PillowImage

from faceline.config.check import plain
from faceline.workflows.benchmarking import print_table, publish

COMMAND = (sys.executable, "-m", "faceline")
TARGETS = {
    "faceline --help": 0.5,
    "import faceline.inference.runtime": 0.6,
    "faceline predict photo.png": None,
    "faceline train debug=fdr, nothing cached": 8.0,
    "faceline train debug=fdr, again": 8.0,
}
"""What is started, and in how many seconds it shall be done; a training is done after its first step and validation."""


def main(cfg: DictConfig) -> None:
    """Start each, print and write the seconds."""
    config = plain(cfg)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        PillowImage.fromarray(np.full((240, 320, 3), 127, dtype=np.uint8)).save(place / "photo.png")
        taken = {
            "faceline --help": _start(place, config["repeats"], *COMMAND, "--help"),
            "import faceline.inference.runtime": _start(
                place, config["repeats"], sys.executable, "-c", "import faceline.inference.runtime"
            ),
            "faceline predict photo.png": _start(place, config["repeats"], *COMMAND, "predict", "photo.png"),
            "faceline train debug=fdr, nothing cached": _start(place, 1, *COMMAND, "train", "debug=fdr"),
            "faceline train debug=fdr, again": _start(place, 1, *COMMAND, "train", "debug=fdr"),
        }
    rows: list[dict[str, Any]] = [
        {
            "start": name,
            "seconds": statistics.median(seconds),
            "target": TARGETS[name],
            "share_of_the_target": statistics.median(seconds) / target if (target := TARGETS[name]) else None,
            "repeats": len(seconds),
        }
        for name, seconds in taken.items()
    ]
    print_table("from the start of a fresh process to its end (files in the system's cache)", rows)
    publish({"starts": rows}, Path(config["output"]))


def _start(place: Path, repeats: int, *command: str) -> list[float]:
    """Seconds of each start.

    Raises:
        CalledProcessError: It failed.
    """
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return taken
