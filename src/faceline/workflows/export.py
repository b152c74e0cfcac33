"""``faceline export``: a trained landmark model as one file that runs without torch."""

import re
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console

from faceline.config.check import plain
from faceline.data.datamodule import LandmarkData
from faceline.data.index import BadRows
from faceline.errors import InputError
from faceline.inference.bundle import Bundle, Check, Data, Input, Manifest, Split, digest, write_bundle
from faceline.inference.runtime import LandmarkRuntime
from faceline.metrics import landmark as metrics
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.onnx_export import to_onnx
from faceline.tracking.provenance import provenance
from faceline.transforms import Normalize, Pipeline, Rescale, ToTensor
from faceline.types import AnyImage
from faceline.workflows.assembly import Trained, prepare_process
from faceline.workflows.landmark_task import find_landmarks
from faceline.workflows.selection import chosen_model, on_data, run_tags
from faceline.workflows.task import Config

TOLERANCE = 1e-4
"""Greatest distance between the landmarks of graph and trained model, as a share of the width of the frame."""
REPEATS = 50


def main(cfg: DictConfig) -> None:
    """Build the graph, compare it with the model on real frames, measure it, and only then write the bundle."""
    config = plain(cfg)
    trained = chosen_model(config)
    pipeline = _pipeline(trained)
    prepare_process(0, threads=1)
    data = trained.task.build_data(on_data(config, trained.config))
    images = _frames(data, config["frames"])
    size = trained.config["data"]["size"]
    onnx = to_onnx(trained.model, size)
    manifest = _manifest(trained, data, onnx, size, run_tags(config))
    output = Path(config["output"] or _default_output(config, trained))
    runtime = LandmarkRuntime(Bundle(output, manifest, onnx, ""))
    check = _check(trained.model, pipeline, runtime, images)
    manifest = manifest.model_copy(update={"check": check, "metrics": _metrics(runtime, data)})
    write_bundle(output, manifest, onnx)
    Console(highlight=False, soft_wrap=True).print(
        f"{manifest.model}: test MSE {manifest.metrics['mse']:.3g}, NME {manifest.metrics['nme']:.2%}; "
        f"{check.latency_ms:.2f} ms a frame on one thread; differs by {check.difference:.1e} of the width from the "
        f"trained model on {check.frames} frames\nwritten to {output} ({output.stat().st_size / 1e6:.1f} MB)"
    )


def _default_output(config: Config, trained: Trained) -> Path:
    name = f"{trained.config['name']}-{trained.run_id[:8]}.faceline"
    return Path(config["tracking"]["root"], "mlruns", "bundles", name)


def _pipeline(trained: Trained) -> Pipeline:
    """What the model expects to be done to a frame, which must be what the runtime does.

    Raises:
        InputError: It is no landmark model, or its frames are not just resized.
    """
    if not isinstance(trained.model, LandmarkDetector):
        raise InputError(f"run {trained.run_id} is of a model that identifies people; give one that finds landmarks")
    pipeline: Pipeline = instantiate(trained.config["transforms"]["eval"])
    edge = trained.config["data"]["size"]
    kinds = [type(step) for step in pipeline.steps]
    first = pipeline.steps[0]
    if kinds != [Rescale, Normalize, ToTensor] or not isinstance(first, Rescale) or first.size != (edge, edge):
        raise InputError(
            f"a bundle resizes whole frames to {edge} x {edge} px and nothing else; the model expects "
            f"{', '.join(kind.__name__ for kind in kinds)}",
            column="transforms.eval",
        )
    return pipeline


def _frames(data: LandmarkData, count: int) -> list[AnyImage]:
    """Frames of the validation part in their own size, evenly over the part."""
    data.prepare_data()
    rows = {row.file: row for row in data.source.rows(BadRows("skip"))}
    files = data.index.files[data.split.val]
    chosen = files[np.linspace(0, len(files) - 1, min(count, len(files))).astype(int)]
    return [data.source.read(rows[file]) for file in chosen.tolist()]


def _manifest(trained: Trained, data: LandmarkData, onnx: bytes, size: int, tags: dict[str, str]) -> Manifest:
    """All that is known before the graph has run."""
    model, source = trained.model, data.source
    return Manifest(
        format=1,
        task="landmarks",
        model=trained.config["name"],
        markup="ibug-68",
        input=Input(size=size, channels="rgb", mean=model.mean.flatten().tolist(), std=model.std.flatten().tolist()),
        outputs=model.outputs,
        parameters=sum(p.numel() for p in model.parameters()),
        metrics={},
        data=Data(
            name=source.name,
            licence=getattr(source, "licence", "not stated"),
            fingerprint=data.index.fingerprint,
            split=Split(**data.split_settings),
        ),
        check=Check(frames=1, difference=0, latency_ms=0, cpu=""),
        run_id=trained.run_id,
        commit=tags.get("faceline.commit"),
        command=_without_folders(tags.get("command", "")),
        sha256=digest(onnx),
    )


def _without_folders(command: str) -> str:
    """The command of a run without the folders of the machine that it ran on."""
    return re.sub(r"(?<==)/\S*/", "…/", command)


def _check(model: LandmarkDetector, pipeline: Pipeline, runtime: LandmarkRuntime, images: list[AnyImage]) -> Check:
    """Compare and time the graph.

    Raises:
        InputError: Its landmarks are not those of the trained model.
    """
    apart = [
        float(np.abs(runtime.detect(image) - find_landmarks(model, pipeline, image)).max() / image.shape[1])
        for image in images
    ]
    if max(apart) > TOLERANCE:
        raise InputError(
            f"not written: the graph differs from the trained model by {max(apart):.1e} of the width of a frame, "
            f"allowed are {TOLERANCE:.0e}"
        )
    seconds = []
    for i in range(REPEATS):
        began = time.perf_counter()
        runtime.detect(images[i % len(images)])
        seconds.append(time.perf_counter() - began)
    cpu: Any = provenance()["machine"]["cpu"]
    latency = 1000 * statistics.median(seconds)
    return Check(frames=len(images), difference=max(apart), latency_ms=round(latency, 3), cpu=cpu)


def _metrics(runtime: LandmarkRuntime, data: LandmarkData) -> dict[str, float]:
    """The errors of the bundle itself on the test part."""
    index = data.index.take(data.split.test)
    preds, _ = runtime.predict(data.store.images[data.split.test])
    return metrics.evaluate(preds, index.normalised(), index.sizes).scalars
