"""``faceline benchmark startup``: seconds until the command does something, each in a fresh process."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from PIL import Image as PillowImage

from faceline.benchmarks.measure import print_table, publish
from faceline.config.check import plain
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces

COMMAND = (sys.executable, "-m", "faceline")
TARGETS = {
    "faceline --help": 0.5,
    "import faceline.inference.runtime": 0.6,
    "faceline predict photo.png": None,
    "faceline train debug=fdr, nothing cached": 8.0,
    "faceline train debug=fdr, again": 8.0,
}
"""Commands to start, and the most seconds of each."""

FIRST_STEP = "epoch 1/"
"""Start of the line by which a training reports that its first step and a validation are done."""


def main(cfg: DictConfig) -> None:
    """Start each, print and write the seconds."""
    config = plain(cfg)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        drawn = SyntheticFaces(people=1, videos=1, frames=1, test_frames=0)
        PillowImage.fromarray(drawn.read(drawn.rows(BadRows("raise"))[0])).save(place / "photo.png")
        taken = {
            "faceline --help": _start(place, config["repeats"], *COMMAND, "--help"),
            "import faceline.inference.runtime": _start(
                place, config["repeats"], sys.executable, "-c", "import faceline.inference.runtime"
            ),
            "faceline predict photo.png": _start(place, config["repeats"], *COMMAND, "predict", "photo.png"),
            "faceline train debug=fdr, nothing cached": [_first_step(place)],
            "faceline train debug=fdr, again": [_first_step(place)],
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
    print_table("from the start of a fresh process to its end, of a training to its first step", rows)
    publish("startup", {"starts": rows}, Path(config["output"]))


def _start(place: Path, repeats: int, *command: str) -> list[float]:
    """Return the seconds of each start.

    Raises:
        CalledProcessError: The command failed.
    """
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return taken


def _first_step(place: Path) -> float:
    """Return the seconds until a training has made its first step.

    Raises:
        RuntimeError: The training ended before.
    """
    began = time.perf_counter()
    command = (*COMMAND, "train", "debug=fdr")
    with subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(FIRST_STEP):
                taken = time.perf_counter() - began
                process.communicate()
                return taken
    raise RuntimeError(f"{' '.join(command)} made no step")
