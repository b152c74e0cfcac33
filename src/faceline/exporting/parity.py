"""Shared parts of all bundles: their origin, and the comparison with their model."""

import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from faceline.errors import InputError
from faceline.inference.bundle import PLAIN_FORMAT, Check, DataOrigin, Input, SplitSettings, digest
from faceline.tasks.assembly import Trained
from faceline.tracking.provenance import provenance
from faceline.types import AnyImage

TOLERANCE = 1e-4
"""Largest difference allowed between graph and trained model."""

REPEATS = 50

Picture = TypeVar("Picture")


def origin(trained: Trained, data: Any, onnx: bytes, tags: Mapping[str, str], *, sizes: bool = False) -> dict[str, Any]:
    """Return what every manifest contains, except for measurements of the graph.

    Args:
        trained: Model of a run.
        data: Its training data.
        onnx: Bytes of its graph.
        tags: Tags of its run.
        sizes: Whether the graph needs the original sizes of frames.
    """
    model, source = trained.model, data.source
    mean, std = (np.broadcast_to(np.asarray(each, dtype=float).ravel(), 3).tolist() for each in (model.mean, model.std))
    return {
        "format": PLAIN_FORMAT,
        "model": trained.config["name"],
        "input": Input(
            size=trained.config["data"]["size"],
            channels="rgb",
            mean=mean,
            std=std,
            sizes=sizes,
        ),
        "parameters": sum(p.numel() for p in model.parameters()),
        "metrics": {},
        "data": DataOrigin(
            name=source.name,
            licence=getattr(source, "licence", "not stated"),
            fingerprint=data.index.fingerprint,
            split=SplitSettings(**data.split_settings),
        ),
        "check": Check(frames=1, difference=0, latency_ms=0, cpu=""),
        "run_id": trained.run_id,
        "commit": tags.get("faceline.commit"),
        "command": without_folders(tags.get("command", "")),
        "sha256": digest(onnx),
    }


def check(
    graph: Callable[[Picture], np.ndarray],
    model: Callable[[Picture], np.ndarray],
    pictures: Sequence[Picture],
    unit: Callable[[Picture], float],
    tolerance: float = TOLERANCE,
) -> Check:
    """Compare graph and model, and time the graph.

    Args:
        graph: Function from a picture to the bundle's results.
        model: Function from a picture to the trained model's results.
        pictures: Pictures of the validation set.
        unit: Unit of the differences.
        tolerance: Largest difference allowed.

    Raises:
        InputError: The difference is larger.
    """
    apart = [float(np.abs(graph(each) - model(each)).max() / unit(each)) for each in pictures]
    if max(apart) > tolerance:
        raise InputError(
            f"not written: the graph differs from the trained model by {max(apart):.1e}, allowed are {tolerance:.0e} "
            f"(of the width of a frame, or of the length of an embedding)"
        )
    seconds = []
    for i in range(REPEATS):
        began = time.perf_counter()
        graph(pictures[i % len(pictures)])
        seconds.append(time.perf_counter() - began)
    cpu: Any = provenance()["machine"]["cpu"]
    latency = 1000 * statistics.median(seconds)
    return Check(frames=len(pictures), difference=max(apart), latency_ms=round(latency, 3), cpu=cpu)


def width(image: AnyImage) -> float:
    """Return the width of a frame in pixels: differences between landmarks are shares of it."""
    return float(image.shape[1])


def without_folders(command: str) -> str:
    """Return the command of a run without folders of its machine, and without names and passwords in addresses."""
    command = re.sub(r"""(sqlite:///|file://)/[^"'\s]*/""", r"\1…/", command)
    command = re.sub(r"""://[^/@\s"']+@""", "://…@", command)
    command = re.sub(r"""(["'])/[^"']*/""", r"\1…/", command)  # quoted ones may have spaces
    return re.sub(r"""(?<![\w.…:/}~])/[^\s"',\]]*/""", "…/", command)
