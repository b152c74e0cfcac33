"""The embedder of the package: the published SFace network as a bundle, calibrated on people of validation.

python scripts/sface_bundle.py face_recognition_sface_2021dec_int8bq.onnx src/faceline/inference/sface.faceline
python scripts/sface_bundle.py src/faceline/inference/sface.faceline new.faceline   # measures it anew

It needs FACELINE_DATA with the Udacity set. Faces are aligned by the landmark bundle of the package, as a stand has
them. No network is trained: the centre of the embeddings comes from the training people of a person_disjoint split,
what similarities mean, and so the thresholds by false-match rate, from its validation people, the metrics from its
test people. With a bundle in place of the network the graph stays, so that templates of enrolled people stay valid:
that is the step after a new landmark bundle.
Two thirds of all people are left for the test, so that 200 can be enrolled in faceline benchmark recognition.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from onnx import load_from_string

from faceline.data.faces import FaceData
from faceline.data.index import evenly
from faceline.data.udacity import UdacityFaces
from faceline.exporting.embedder import calibration_of, embed_rows
from faceline.exporting.parity import check
from faceline.exporting.sface import FACTOR, NUMBERS, OFFSET, SIZE, sface_graph
from faceline.inference.bundle import (
    PLAIN_FORMAT,
    Bundle,
    DataOrigin,
    EmbedderManifest,
    Input,
    PublishedBy,
    SplitSettings,
    digest,
    read_bundle,
    write_bundle,
)
from faceline.inference.runtime import EmbedderRuntime
from faceline.tasks.faces import BundleFinder, FaceTask, as_bytes
from faceline.tracking.provenance import provenance
from faceline.transforms import Crop, Normalize, Pipeline, ToTensor

SPLIT = {"protocol": "person_disjoint", "seed": 0, "val_fraction": 0.43, "test_fraction": 0.69}
FALSE_MATCH = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""Shares of the comparisons of different people at which thresholds are told."""

PUBLISHED = PublishedBy(
    publisher="OpenCV Zoo, models/face_recognition_sface",
    file="face_recognition_sface_2021dec_int8bq.onnx",
    licence="Apache-2.0",
    changes="batch norms folded into 8-bit weights, PReLU rewritten, any batch, uint8 RGB in, centred embeddings of "
    "length 1 out",
    training="Millions of pictures of public people; its publishers do not say which. They may include people of "
    "YouTube Faces, whose frames the Udacity set holds: figures on these data may flatter it.",
)


def main() -> None:
    """Write the bundle."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("network", type=Path, help="the published ONNX file, or a bundle whose graph is kept")
    asked.add_argument("output", type=Path)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        data = aligned(Path(cache))
        told: dict[str, Any]
        if given.network.suffix == ".faceline":
            before = read_bundle(given.network, EmbedderManifest)
            onnx, told = before.onnx, {"check": before.manifest.check}
        else:
            onnx, told = folded(given.network, data)
        made = runtime(onnx, told, data)
        told["calibration"] = calibration_of(embed_rows(made, data, data.split.val), data)
        scalars = FaceTask().measure(made, data, "test", "sface", data.source.name).scalars
    told["metrics"] = {name: value for name, value in scalars.items() if "fpir" not in name}
    told["thresholds"] = {f"{rate:g}": told["calibration"].threshold(rate) for rate in FALSE_MATCH}
    write_bundle(given.output, manifest(onnx, told, data, given.network.name), onnx)
    print(f"{given.output}: {given.output.stat().st_size:,} bytes")
    print(told["calibration"])
    for name, value in told["metrics"].items():
        print(f"{name:<25} {value:.4f}")


def folded(network: Path, data: FaceData) -> tuple[bytes, dict[str, Any]]:
    """The published network without the centre of its embeddings, and how it compares with the published one."""
    raw = runtime(sface_graph(network), {}, data)
    centre = embed_rows(raw, data, data.split.train).mean(axis=0)
    onnx = sface_graph(network, centre)
    made = runtime(onnx, {}, data)
    faces = data.faces(evenly(data.trial("val").probes, 64))
    checked = check(
        lambda face: made.embed(face)[0],
        lambda face: centred(raw.embed(face), centre)[0],
        [as_bytes(faces[i][0][None]) for i in range(len(faces))],
        unit=lambda _: 1.0,
    )
    return onnx, {"check": checked}


def aligned(cache: Path) -> FaceData:
    """Faces as a stand aligns them."""
    plain = Pipeline([Crop(SIZE, SIZE), Normalize(), ToTensor()])
    return FaceData(
        UdacityFaces(), SPLIT, {"train": plain, "eval": plain}, SIZE, 16, 4, 0, 0, cache, None,
        BundleFinder("default"), every=True,
    )  # fmt: skip


def centred(embeddings: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The embeddings without what all faces have in common."""
    moved = embeddings - centre
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


def runtime(onnx: bytes, told: dict[str, Any], data: FaceData) -> EmbedderRuntime:
    """The graph, ready to run."""
    return EmbedderRuntime(Bundle(Path("sface.faceline"), manifest(onnx, told, data, ""), onnx, ""))


def manifest(onnx: bytes, told: dict[str, Any], data: FaceData, network: str) -> EmbedderManifest:
    """What is known about the bundle so far."""
    weights = load_from_string(onnx).graph.initializer
    known = {
        "format": PLAIN_FORMAT,
        "task": "embedding",
        "model": "sface",
        "input": Input(
            size=SIZE,
            channels="rgb",
            mean=(OFFSET / 255,) * 3,
            std=(1 / FACTOR / 255,) * 3,
        ),
        "parameters": sum(int(np.prod(each.dims)) for each in weights if each.name.endswith("_packed")),
        "metrics": {},
        "data": DataOrigin(
            name=data.source.name,
            licence=UdacityFaces.licence,
            fingerprint=data.index.fingerprint,
            split=SplitSettings.model_validate(SPLIT),
        ),
        "check": {"frames": 1, "difference": 0, "latency_ms": 0, "cpu": ""},
        "run_id": "published",
        "commit": provenance()["commit"],
        "command": f"python scripts/sface_bundle.py {network} sface.faceline",
        "sha256": digest(onnx),
        "outputs": ("embeddings",),
        "numbers": NUMBERS,
        "thresholds": {},
        "template": "arcface",
        "published": PUBLISHED,
    }
    return EmbedderManifest(**{**known, **told})


if __name__ == "__main__":
    main()
