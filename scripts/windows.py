#!/usr/bin/env python3
"""Draws the windows around faces: cut from frames stretched to squares, and in the frames' own proportions.

Draws the landmarks of training frames, from the narrowest to the widest frame, and prints how far frames are stretched.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from faceline.data.cache import cached_frames
from faceline.data.udacity import UdacityFaces
from faceline.models.coarse_stage import CoarseStage
from faceline.models.landmark_nets import SmallCNN
from faceline.plot_style import PALETTE, new_figure, panel_title

FACES = 5


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder of the Udacity set; by default below FACELINE_DATA")
    parser.add_argument("--output", type=Path, default=Path("docs/results/windows.png"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = cached_frames(UdacityFaces(arguments.root), 32, Path(folder)).index
    index = index.take(np.flatnonzero(index.parts == "train"))
    stretch = index.sizes[:, 1] / index.sizes[:, 0]  # of widths over heights, in the square
    shares = (5, 50, 95)
    told = [f"{value:.2f} ({share} %)" for share, value in zip(shares, np.percentile(stretch, shares), strict=True)]
    print(f"{len(index)} training frames: width over height in the square, over that in the frame: {', '.join(told)}")
    rows = np.argsort(-stretch)
    chosen = index.take(rows[(np.linspace(0.005, 0.995, FACES) * len(rows)).astype(int)])
    landmarks = torch.from_numpy(chosen.normalised())
    sizes = torch.from_numpy(chosen.sizes.astype(np.float32))
    figure = new_figure(
        8, 4.4, "Windows cut in the square frame, above, and in the frame as it was", "landmarks of training frames"
    )
    axes = figure.subplots(2, FACES)
    for row, proportions in zip(axes, (False, True), strict=True):
        look = CoarseStage(SmallCNN(16), proportions=proportions)
        inside = look.windows(landmarks, sizes).from_frame(landmarks).numpy()
        for axis, points, (width, height) in zip(row, inside, chosen.sizes, strict=True):
            axis.scatter(*points.T, s=7, color=PALETTE[int(proportions)])
            axis.set(xlim=(0, 1), ylim=(1, 0), aspect="equal", xticks=[], yticks=[])
            panel_title(axis, "" if proportions else f"{width} x {height} px")
    figure.savefig(arguments.output)


if __name__ == "__main__":
    main()
