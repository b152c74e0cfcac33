#!/usr/bin/env python3
"""Draw two figures of docs/accuracy.md: faces of the test set, found by the model that ships and by the same untrained.

Faces are drawn by their points alone: the frames are other people's photographs.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.colors import to_rgb

import faceline
from faceline.geometry.coordinates import denormalise_landmarks
from faceline.inference.runtime import LandmarkRuntime
from faceline.metrics.landmark import nme_per_frame
from faceline.plot_style import GRID
from faceline.reports.contact_sheet import contact_sheet, pick_extremes
from faceline.tasks.landmarks import LandmarkTask, predict

COLUMNS = 4


def main() -> None:
    """Find the landmarks with both, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="folder of the Udacity set")
    parser.add_argument("--output", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    words = ["experiment=landmarks/everywhere", "model.start=null", "data=udacity", f"data.root={arguments.root}"]
    config, task = faceline.compose(words), LandmarkTask()
    frames = task.build_data(config).frames("test")
    index = frames.store.index.take(frames.rows)
    target, sizes = index.normalised(), index.sizes[:, None].astype(np.float32)
    torch.manual_seed(config["seed"])
    found = {
        "before": predict(task.build_model(config), frames),
        "after": predict(LandmarkRuntime("default"), frames),
    }
    target_px = denormalise_landmarks(target, sizes)
    nme = {when: nme_per_frame(denormalise_landmarks(preds, sizes), target_px) for when, preds in found.items()}
    picks = pick_extremes(nme["after"], COLUMNS).ravel()
    blank = np.full((len(picks), 8, 8, 3), np.multiply(to_rgb(GRID), 255).round(), dtype=np.uint8)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for when, preds in found.items():
        print(f"{when} training: NME {100 * nme[when].mean():.2f} % of {len(frames)} frames")
        figure = contact_sheet(
            blank,
            preds[picks],
            target[picks],
            nme[when][picks],
            labels=[""] * len(picks),
            sizes=index.sizes[picks],
            source=f"udacity · official · test · {len(frames)} frames",
        )
        figure.savefig(arguments.output / f"faces_{when}_training.png")


if __name__ == "__main__":
    main()
