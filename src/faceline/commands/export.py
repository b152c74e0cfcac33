"""``faceline export``: writes a trained model as one file that runs without torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig

from faceline.config.check import plain
from faceline.errors import InputError
from faceline.exporting.detector import export_detector
from faceline.exporting.embedder import export_embedder
from faceline.inference.bundle import Bundle, write_bundle
from faceline.models.face_embedder import FaceEmbedder
from faceline.models.landmark_detector import LandmarkDetector
from faceline.outputs import check_output
from faceline.tasks.assembly import Trained, prepare_process, tell_skipped
from faceline.tasks.selection import chosen_model, on_data, run_tags
from faceline.tasks.task import Config

_EXPORTS: Final[dict[type, Callable[..., Bundle[Any]]]] = {
    LandmarkDetector: export_detector,
    FaceEmbedder: export_embedder,
}


def main(cfg: DictConfig) -> None:
    """Run `export` with a config of Hydra's."""
    export(plain(cfg))


def export(config: Config) -> tuple[Path, str]:
    """Build the graph, compare it with the model on real frames, measure it, and only then write the bundle.

    Returns:
        The bundle, and the task that it is for.

    Raises:
        InputError: There is no such model, no bundle can be made of it, or the bundle would differ from it.
    """
    trained = chosen_model(config)
    make = next((make for kind, make in _EXPORTS.items() if isinstance(trained.model, kind)), None)
    if make is None:
        raise InputError(
            f"run {trained.run_id} is of {trained.config['name']}, of which no bundle can be made; give a model that "
            f"finds landmarks or embeds faces",
            column="run_id",
        )
    output = Path(config["output"] or _default_output(config, trained))
    if output.suffix.lower() == ".onnx":
        told = "a bundle is no ONNX file, but holds one: name it .faceline, and unzip its model.onnx"
        raise InputError(told, file=output, column="output")
    check_output(output, "output", begins=[b"PK"], inputs=[Path(config["ckpt_path"])] if config["ckpt_path"] else [])
    prepare_process(0, threads=1)
    data = trained.task.build_data(on_data(config, trained.config))
    data.prepare_data()
    tags = run_tags(config, trained)
    if tags.get("data_fingerprint", data.index.fingerprint) != data.index.fingerprint:
        raise InputError(
            f"not written: run {trained.run_id} was trained on other frames (fingerprint "
            f"{tags['data_fingerprint']}, not {data.index.fingerprint}); give its own data, or leave it out",
            column="data",
        )
    tell_skipped(data.index, "faceline data check")
    bundle = make(trained, data, config, tags, output)
    write_bundle(output, bundle.manifest, bundle.onnx)
    check, other = bundle.manifest.check, "its graph in float32" if config["int8"] else "the trained model"
    print(
        f"{bundle.manifest.model}: test {trained.task.verdict(bundle.manifest.metrics)}; {check.latency_ms:.2f} ms a "
        f"frame on one thread; differs by {check.difference:.1e} from {other} on {check.frames} frames\n"
        f"written to {output} ({output.stat().st_size / 1e6:.1f} MB)"
    )
    return output, bundle.manifest.task


def _default_output(config: Config, trained: Trained) -> Path:
    name = f"{trained.config['name']}-{trained.run_id[:8]}.faceline"
    return Path(config["tracking"]["root"], "mlruns", "bundles", name)
