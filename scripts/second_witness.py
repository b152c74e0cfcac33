#!/usr/bin/env python3
"""How much of a run's error is the labels'? What a network that learnt elsewhere from others misses in the same way.

A linear map, fitted on training frames, brings the points of MediaPipe's Face Mesh (``face_mesh_points.py``) to the 68
landmarks. Where it and the run err alike on validation frames, the label is what they have in common: the mean product
of their errors is that of the label's own error, and of what both get wrong of themselves. Validation frames only.
"""

import argparse
from pathlib import Path

import numpy as np

from faceline.metrics.landmark import nme_per_frame
from faceline.tracking.records import checkpoint, get_run
from faceline.tracking.store import connect
from faceline.types import Landmarks
from faceline.workflows.assembly import load_trained
from faceline.workflows.landmark_task import predict
from mesh_opinions import mapped, meshes_of

WEIGHTS = (0.0, 0.2, 0.3, 0.4, 0.5, 1.0)
DRAWS = 2000


def main() -> None:
    """Fit, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="id of a finished landmark run of the store in this folder")
    parser.add_argument("points", type=Path, help="what face_mesh_points.py wrote")
    arguments = parser.parse_args()
    trained = load_trained(checkpoint(get_run(connect(None, Path()), arguments.run), "best"))
    data = trained.task.build_data(trained.config)
    index, train, val = data.index, data.split.train, data.split.val
    labels = index.normalised() * index.sizes[:, None]
    try:
        mesh = meshes_of(index.files.tolist(), arguments.points)
    except KeyError as missing:
        parser.error(f"{arguments.points}: {missing.args[0]}, a frame of the run, is not in it")
    views = [mapped(view, labels, train) for view in mesh.swapaxes(0, 1)]
    sizes, label = index.sizes[val][:, None], labels[val]
    own = predict(trained.model, data.frames("val")) * sizes
    witness = np.nanmean([each[val] for each in views], axis=0)
    witness = np.where(np.isnan(witness), own, witness)
    for weight in WEIGHTS:
        mean = (1 - weight) * own + weight * witness
        nme, mse = nme_per_frame(mean, label).mean(), _mse(mean, mean, label, sizes).mean()
        print(f"{weight:.0%} of the witness: NME {nme:.2%}, MSE {mse:.3g}")
    alone, common = _mse(own, own, label, sizes), _mse(own, witness, label, sizes)
    for words, some in (("all frames", alone >= 0), ("all but the worst", alone < alone.max())):
        share = common[some].mean() / alone[some].mean()
        low, high = _interval(alone[some], common[some])
        print(f"{words}: {share:.0%} [{low:.0%}, {high:.0%}] of the MSE of the run is common to both")


def _mse(one: np.ndarray, other: np.ndarray, label: Landmarks, sizes: np.ndarray) -> np.ndarray:
    """(n,) mean products of two errors on [0, 1] of the frame; of one twice, its MSE."""
    return np.asarray(((one - label) * (other - label) / sizes**2).mean(axis=(1, 2)))


def _interval(alone: np.ndarray, common: np.ndarray) -> tuple[float, float]:
    """Of 95 % of the share, by bootstrap over frames."""
    draws = np.random.default_rng(0).integers(len(alone), size=(DRAWS, len(alone)))
    low, high = np.percentile(common[draws].mean(axis=1) / alone[draws].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


if __name__ == "__main__":
    main()
