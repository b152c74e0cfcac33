"""``faceline benchmark infer``: milliseconds from a frame to its landmarks, one by one and over a folder."""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image as PillowImage

from faceline.benchmarks.measure import own_memory, print_table, publish
from faceline.config.check import plain
from faceline.data.datamodule import LandmarkData
from faceline.data.index import evenly
from faceline.data.photos import read_photo
from faceline.exporting.eight_bits import LOSS, nme_of_validation, quantised
from faceline.exporting.onnx_export import to_onnx
from faceline.geometry.resize import resize_image
from faceline.inference.bundle import DEFAULT, Bundle, LandmarkManifest, digest, read_bundle
from faceline.inference.runtime import LandmarkRuntime
from faceline.inference.stream import ahead
from faceline.models.landmark_detector import LandmarkDetector
from faceline.tasks.assembly import prepare_process
from faceline.tasks.landmarks import LandmarkTask, find_landmarks
from faceline.tasks.selection import chosen_model
from faceline.tasks.task import Config
from faceline.timing import milliseconds, seconds_of
from faceline.types import AnyImage, Shape

FRAMES = 64
"""Number of real frames that alternate, so that no processor cache knows the frame."""

FLOAT, INT8 = "onnxruntime", "onnxruntime int8"

Row = dict[str, Any]


@dataclass(frozen=True)
class _Contestant:
    """A model in every form that it has here."""

    name: str
    bundle: Bundle[LandmarkManifest]
    trained: bool
    eager: Callable[[AnyImage], Shape] | None = None


def main(cfg: DictConfig) -> None:
    """Time every model in every form; print tables and write a JSON file."""
    config = plain(cfg)
    threads = prepare_process(config["seed"], config["threads"])
    cv2.setNumThreads(1)
    data = LandmarkTask().build_data(config)
    data.prepare_data()
    images = data.originals(evenly(data.split.val, FRAMES))
    rows = [row for each in _contestants(config) for row in _forms(each, images, data, config)]
    print_table(f"one frame, {threads} thread, from its pixels to its landmarks", rows)
    report: dict[str, Any] = {"scale": {"data": data.source.name, "threads": threads}, "one_frame": rows}
    if config["folder"]:
        runtime = LandmarkRuntime(config["bundles"][0], threads)
        folders = [_folder(runtime, images, config["folder"], height) for height in config["folder_heights"]]
        print_table("a folder of frames, decoded by one thread and computed by another", folders)
        report["folders"] = folders
    publish("infer", report, Path(config["output"]))


def _contestants(config: Config) -> Iterator[_Contestant]:
    for name in config["bundles"]:
        bundle = read_bundle(name, LandmarkManifest)
        yield _Contestant(f"{bundle.manifest.model} ({name})", bundle, trained=True)
    template = read_bundle(DEFAULT, LandmarkManifest).manifest
    for run_id in config["run_ids"]:
        trained = chosen_model({**config, "run_id": run_id, "ckpt_path": None})
        yield _of_model(trained.config["name"], trained.model, trained.config["data"]["size"], template, trained=True)
    for backbone in config["backbones"]:
        model = instantiate({**config["model"], "backbone": backbone}).eval()
        yield _of_model(backbone, model, config["size"], template, trained=False)


def _of_model(
    name: str, model: LandmarkDetector, size: int, template: LandmarkManifest, *, trained: bool
) -> _Contestant:
    """Time a torch model beside its graph."""
    steps = [{"_target_": f"faceline.transforms.{step}"} for step in ("Rescale", "Normalize", "ToTensor")]
    steps[0] |= {"height": size, "width": size}  # type: ignore[dict-item]
    pipeline = instantiate({"_target_": "faceline.transforms.Pipeline", "steps": steps})
    wanted = {"input": template.input.model_copy(update={"size": size, "sizes": model.wants_sizes})}
    plain = template.model_copy(update={"outputs": ("landmarks",), "weights": "float32", **wanted})
    bundle = _with_graph(plain, to_onnx(model, size))
    return _Contestant(name, bundle, trained, lambda image: find_landmarks(model, pipeline, image))


def _with_graph(template: LandmarkManifest, onnx: bytes) -> Bundle[LandmarkManifest]:
    """Return a bundle in memory with only what the runtime needs."""
    return Bundle(Path("memory"), template.model_copy(update={"sha256": digest(onnx)}), onnx, "")


def _forms(each: _Contestant, images: list[AnyImage], data: LandmarkData, config: Config) -> list[Row]:
    """Eager, ONNX Runtime, and with 8-bit weights."""
    runtime = LandmarkRuntime(each.bundle, config["threads"])
    rows = [] if each.eager is None else [_row(each.name, runtime.size, "torch", each.eager, images, config)]
    form = INT8 if each.bundle.manifest.weights == "int8" else FLOAT
    rows.append(_row(each.name, runtime.size, form, runtime.detect, images, config))
    if each.trained:
        sized = _sized(data, runtime.size)
        rows[-1]["nme"] = nme_of_validation(runtime, sized)
        if config["int8"] and form == FLOAT:
            graph = quantised(each.bundle, sized)
            small = LandmarkRuntime(_with_graph(each.bundle.manifest, graph), config["threads"])
            row = _row(each.name, runtime.size, INT8, small.detect, images, config)
            row["nme"] = nme_of_validation(small, sized)
            row["kept"] = _verdict(row, rows[-1])
            rows.append(row)
    return [{**row, "times_as_fast": rows[0]["median_ms"] / row["median_ms"]} for row in rows]


def _row(
    name: str, size: int, form: str, detect: Callable[[AnyImage], Shape], images: list[AnyImage], config: Config
) -> Row:
    turns = itertools.cycle(images)
    taken = milliseconds(seconds_of(lambda: detect(next(turns)), config["repeats"], warmup=5))
    return {"model": name, "size": size, "form": form, **taken, "nme": None, "kept": None}


def _verdict(small: Row, whole: Row) -> str:
    """Say whether 8-bit weights are worth it: faster, and nearly as accurate."""
    if small["nme"] - whole["nme"] >= LOSS:
        return "no: NME"
    return "yes" if small["median_ms"] < whole["median_ms"] else "no: slower"


def _sized(data: LandmarkData, size: int) -> LandmarkData:
    """Return the same frames at the size of another model."""
    if size == data.size:
        return data
    return LandmarkData(
        data.source,
        data.split_settings,
        data.pipelines,
        size,
        data.batch_size,
        0,
        data.seed,
        data.cache_dir,
        data.limit,
    )


def _folder(runtime: LandmarkRuntime, images: list[AnyImage], count: int, height: int | None) -> Row:
    """Measure a folder of files in seconds, decoding alone and with landmarks, and the memory."""
    with tempfile.TemporaryDirectory() as name:
        files = _write(Path(name), [_enlarged(image, height) for image in images], count)
        began = time.perf_counter()
        for file in files:
            read_photo(file)
        decoding = time.perf_counter() - began
        memory = []
        began = time.perf_counter()
        for i, image in enumerate(ahead(read_photo(file).image for file in files)):
            runtime.detect(image)
            if i in (count // 10, count - 1):
                memory.append(own_memory())
        seconds = time.perf_counter() - began
    return {
        "height": height,
        "frames": count,
        "decoding_seconds": decoding,
        "seconds": seconds,
        "times_decoding": seconds / decoding,
        "frames_per_second": count / seconds,
        "memory_mb_at_a_tenth": memory[0],
        "memory_mb_at_the_end": memory[-1],
    }


def _enlarged(image: AnyImage, height: int | None) -> AnyImage:
    """Enlarge a frame to the size of a camera's frames."""
    return image if height is None else resize_image(image, round(image.shape[1] * height / image.shape[0]), height)


def _write(folder: Path, images: list[AnyImage], count: int) -> list[Path]:
    """JPEG files, few of them real and the rest links to these."""
    real = [folder / f"real_{i}.jpg" for i in range(len(images))]
    for file, image in zip(real, images, strict=True):
        PillowImage.fromarray(image).save(file, quality=90)
    links = [folder / f"frame_{i:06d}.jpg" for i in range(count)]
    for i, link in enumerate(links):
        link.symlink_to(real[i % len(real)])
    return links
