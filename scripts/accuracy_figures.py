#!/usr/bin/env python3
"""Two figures of docs/accuracy.md: faces of the test set before and after the training of a run.

Faces are drawn by their points alone: the frames are other people's photographs.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from faceline.geometry.coordinates import denormalise_landmarks
from faceline.metrics.landmark import nme_per_frame
from faceline.reports.contact_sheet import contact_sheet, pick_extremes
from faceline.tasks.landmarks import LandmarkTask, predict
from faceline.tracking.records import checkpoint, download, get_run
from faceline.tracking.store import connect

COLUMNS = 6


def main() -> None:
    """Read the run, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="id of a finished landmark run of the store in this folder")
    parser.add_argument("--output", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    run = get_run(connect(None, Path()), arguments.run)
    config, task = run.config, LandmarkTask()
    frames = task.build_data(config).frames("test")
    index = frames.store.index.take(frames.rows)
    table = pd.read_csv(download(run, "test/frames.csv"))
    if table["file"].tolist() != index.files.tolist():
        parser.error("the data set is no longer the one that the run was measured on")
    target, sizes = index.normalised(), index.sizes[:, None].astype(np.float32)
    target_px = denormalise_landmarks(target, sizes)
    torch.manual_seed(config["seed"])
    model = task.build_model(config)
    untrained = predict(model, frames)
    state = torch.load(checkpoint(run, "best"), map_location="cpu", weights_only=True)["state_dict"]
    model.load_state_dict(state)
    trained = predict(model, frames)
    nme = {
        "before": nme_per_frame(denormalise_landmarks(untrained, sizes), target_px),
        "after": table["nme"].to_numpy(),
    }
    facts = (
        config["name"],
        run.tags["data"],
        run.tags["protocol"],
        "test",
        f"{len(table)} frames",
        f"run {run.id[:8]}",
    )
    source = " · ".join(facts)
    picks = pick_extremes(nme["after"], COLUMNS).ravel()
    blank = np.full((len(picks), 8, 8, 3), 255, dtype=np.uint8)
    drawn = {
        f"faces_{when}_training.png": contact_sheet(
            blank,
            preds[picks],
            target[picks],
            nme[when][picks],
            labels=index.videos[picks].tolist(),
            sizes=index.sizes[picks],
            source=source,
        )
        for when, preds in (("before", untrained), ("after", trained))
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        file = arguments.output / f"{config['name']}_{name}"
        figure.savefig(file)
        print(file)


if __name__ == "__main__":
    main()
