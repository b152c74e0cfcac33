#!/usr/bin/env python3
"""What is left of the error of a landmark run, and what could still be taken off it? Train and validation frames only.

- The NME of training frames: what the network has not even learnt by heart.
- What of the error of a validation frame is that of the training frames of its video: labels of a video err together,
  and a longer training could learn how. At least so much: the network has partly learnt those frames by heart. It is
  known where validation was drawn by frames (``split.val_by=frame``) alone.
- What a prior on shapes would take off: points projected on the principal shapes of the training labels, after a
  similarity (Cootes et al., "Active Shape Models", CVIU 61, 1995).
- What looking at the mirror image too would take off (``model.flip_average=true``).
- What every label is off by from what a network says that knows no left and right, by the size of the face: where
  labels are not symmetric, and the network was not told which frames were mirrored (``model.mirror=true``).
- What the mean with other networks of the same split would take off, which is what they do not have in common.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from mlflow import MlflowClient

from faceline.data.index import FrameIndex
from faceline.errors import InputError
from faceline.geometry.crops import similarity
from faceline.geometry.label_cells import extent
from faceline.geometry.shape import generalised_procrustes
from faceline.metrics.landmark import nme_per_frame
from faceline.models.landmark_detector import LandmarkDetector
from faceline.tasks.assembly import Trained, load_trained
from faceline.tasks.landmarks import predict
from faceline.tracking.records import RunRecord, checkpoint, get_run
from faceline.tracking.store import connect
from faceline.types import Landmarks

COMPONENTS = (10, 20, 30, 60)
SHRINK = 2.0
"""Frames without an error that are counted beside those of a video, so that one frame alone is not believed."""


def main() -> None:
    """Read the run, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="id of a finished landmark run")
    parser.add_argument("--others", nargs="*", default=[], metavar="RUN", help="runs of the same split to average with")
    parser.add_argument(
        "--store", action="append", help="address of an MLflow store, once for each; by default that of this folder"
    )
    parser.add_argument("--output", type=Path, default=Path("docs/results/remaining_error.json"))
    arguments = parser.parse_args()
    clients = [connect(store, Path()) for store in arguments.store or [None]]
    run, trained = _trained(clients, arguments.run)
    trained.model.flip_average = False
    data = trained.task.build_data(trained.config)
    frames = {part: data.frames(part) for part in ("train", "val")}
    index = {part: data.index.take(each.rows) for part, each in frames.items()}
    target = {part: each.normalised() * each.sizes[:, None] for part, each in index.items()}
    found = {part: predict(trained.model, each) * index[part].sizes[:, None] for part, each in frames.items()}
    trained.model.flip_average = True
    both = {part: predict(trained.model, each) * index[part].sizes[:, None] for part, each in frames.items()}
    means = {"alone": [found["val"]], "mirrored": [both["val"]]}
    for other in arguments.others:
        _, beside = _trained(clients, other)
        their_data = beside.task.build_data(beside.config)
        theirs = their_data.frames("val")
        if their_data.index.take(theirs.rows).fingerprint != index["val"].fingerprint:
            parser.error(f"run {other} has other validation frames")
        for way, flip in (("alone", False), ("mirrored", True)):
            beside.model.flip_average = flip
            means[way].append(predict(beside.model, theirs) * index["val"].sizes[:, None])
    known = np.isin(index["val"].videos, index["train"].videos)
    rows = {
        "training frames": _nme(found["train"], target["train"]),
        "validation frames": _nme(found["val"], target["val"]),
        "with the mirror image": _nme(both["val"], target["val"]),
        "the same, less the usual miss of each landmark": _nme(_less_usual(both, target), target["val"]),
    }
    if arguments.others:
        rows["mean with the others"] = _nme(np.mean(means["alone"], axis=0), target["val"])
        rows["mean with the others and all mirror images"] = _nme(np.mean(means["mirrored"], axis=0), target["val"])
    for count, nme in _on_principal_shapes(found["val"], target).items():
        rows[f"on {count} principal shapes"] = nme
    if known.any():
        rows["validation frames of known videos"] = _nme(found["val"][known], target["val"][known])
        rows["less the error of their videos"] = _nme(_less_videos(index, found, target)[known], target["val"][known])
    for name, nme in rows.items():
        print(f"{nme:.2%}  {name}")
    report = {"run_id": run.id, "others": arguments.others, "commit": run.tags["faceline.commit"], "nme": rows}
    arguments.output.write_text(json.dumps(report, indent=2) + "\n")


def _trained(clients: list[MlflowClient], run_id: str) -> tuple[RunRecord, Trained]:
    """A run of one of the stores and its detector."""
    for client in clients:
        try:
            run = get_run(client, run_id)
        except InputError:
            continue
        trained = load_trained(checkpoint(run, "best"))
        if isinstance(trained.model, LandmarkDetector):
            return run, trained
    raise SystemExit(f"no landmark run {run_id} in these stores")


def _nme(found: Landmarks, target: Landmarks) -> float:
    return round(float(nme_per_frame(found, target).mean()), 5)


def _less_usual(found: dict[str, Landmarks], target: dict[str, Landmarks]) -> Landmarks:
    """Points of validation without what each landmark of the training frames misses by, a line over the face's size."""
    sizes = {part: np.stack([np.ones(len(each)), extent(each)], axis=1) for part, each in found.items()}
    missed = (found["train"] - target["train"]).reshape(len(target["train"]), -1)
    line = np.asarray(np.linalg.lstsq(sizes["train"], missed)[0])
    return np.asarray(found["val"] - (sizes["val"] @ line).reshape(found["val"].shape))


def _less_videos(index: dict[str, FrameIndex], found: dict[str, Landmarks], target: dict[str, Landmarks]) -> Landmarks:
    """Points of validation without what the training frames of their video miss by, in upright faces of one size."""
    middle = generalised_procrustes(target["train"])
    missed = {part: _upright(found[part], target[part], middle) for part in found}
    videos = index["train"].videos
    left = []
    for video, found_one, target_one in zip(index["val"].videos, found["val"], target["val"], strict=True):
        others = missed["train"][videos == video]
        usual = others.sum(axis=0) / (len(others) + SHRINK)
        left.append(found_one - usual @ np.linalg.inv(similarity(target_one, middle)[:, :2]).T)
    return np.stack(left)


def _upright(found: Landmarks, target: Landmarks, middle: np.ndarray) -> np.ndarray:
    turns = np.stack([similarity(each, middle)[:, :2] for each in target])
    return np.asarray((found - target) @ turns.transpose(0, 2, 1))


def _on_principal_shapes(found: Landmarks, target: dict[str, Landmarks]) -> dict[int, float]:
    """NME of points of validation that are projected on so many principal shapes of the training labels."""
    middle = generalised_procrustes(target["train"])
    shapes = np.stack([_moved(each, similarity(each, middle)) for each in target["train"]]).reshape(-1, middle.size)
    mean = shapes.mean(axis=0)
    modes = np.linalg.svd(shapes - mean, full_matrices=False)[2]
    there = [similarity(each, middle) for each in found]
    flat = np.stack([_moved(each, way) for each, way in zip(found, there, strict=True)]).reshape(len(found), -1) - mean
    figures = {}
    for count in COMPONENTS:
        near = (flat @ modes[:count].T @ modes[:count] + mean).reshape(found.shape)
        back = [(each - way[:, 2]) @ np.linalg.inv(way[:, :2]).T for each, way in zip(near, there, strict=True)]
        figures[count] = _nme(np.stack(back), target["val"])
    return figures


def _moved(points: np.ndarray, way: np.ndarray) -> np.ndarray:
    return np.asarray(points @ way[:, :2].T + way[:, 2])


if __name__ == "__main__":
    main()
