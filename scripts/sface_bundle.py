"""The embedder of the package: the published SFace network as a bundle, calibrated on people of validation.

python scripts/sface_bundle.py face_recognition_sface_2021dec_int8bq.onnx src/faceline/inference/sface.faceline

It needs FACELINE_DATA with the Udacity set. Faces are aligned by the landmark bundle of the package, as a stand has them. Nothing is trained: from the
validation people of person_disjoint come the centre of the embeddings, what similarities mean, and the thresholds of
single frames; the metrics are of its test people.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from onnx import load_from_string

from faceline.data.faces import FaceData
from faceline.data.index import evenly
from faceline.data.udacity import UdacityFaces
from faceline.export.parity import check
from faceline.export.sface import FACTOR, NUMBERS, OFFSET, SIZE, sface_graph
from faceline.inference.bundle import (
    FORMAT,
    Bundle,
    Calibration,
    Data,
    EmbedderManifest,
    Input,
    Origin,
    Split,
    digest,
    write_bundle,
)
from faceline.inference.runtime import EmbedderRuntime
from faceline.metrics.identification import FPIRS, threshold_at
from faceline.metrics.verification import Scale, measure_scale, visits_of
from faceline.tasks.faces import BundleFinder, FaceTask, as_bytes
from faceline.tracking.provenance import provenance
from faceline.transforms import Crop, Normalize, Pipeline, ToTensor

SPLIT = {"protocol": "person_disjoint", "seed": 0, "val_fraction": 0.25, "test_fraction": 0.3}
ORIGIN = Origin(
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
    asked.add_argument("onnx", type=Path)
    asked.add_argument("output", type=Path)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        data = aligned(Path(cache))
        raw = runtime(sface_graph(given.onnx), {}, data)
        centre, scale = calibrated(raw, data)
        onnx = sface_graph(given.onnx, centre)
        told = {"calibration": Calibration(**scale._asdict())}
        made = runtime(onnx, told, data)
        faces = data.faces(evenly(data.trial("val").probes, 64))
        told["check"] = check(
            lambda face: made.embed(as_bytes(face[None]))[0],
            lambda face: centred(raw.embed(as_bytes(face[None])), centre)[0],
            [faces[i][0] for i in range(len(faces))],
            unit=lambda _: 1.0,
        )
        scalars = FaceTask().measure(made, data, "test", "sface", data.source.name).scalars
    told["metrics"] = dict(scalars)
    told["thresholds"] = {name: scalars[threshold_at(name)] for name in FPIRS}
    write_bundle(given.output, manifest(onnx, told, data), onnx)
    print(f"{given.output}: {given.output.stat().st_size:,} bytes")
    print(told["calibration"])
    for name, value in scalars.items():
        print(f"{name:<25} {value:.4f}")


def aligned(cache: Path) -> FaceData:
    """Faces as a stand aligns them."""
    plain = Pipeline([Crop(SIZE, SIZE), Normalize(), ToTensor()])
    return FaceData(
        UdacityFaces(), SPLIT, {"train": plain, "eval": plain}, SIZE, 16, 4, 0, 0, cache, None,
        BundleFinder("default"), every=True,
    )  # fmt: skip


def calibrated(raw: EmbedderRuntime, data: FaceData) -> tuple[np.ndarray, Scale]:
    """The centre of the validation people, and the scale of their visits.

    People whose mean was taken off look less alike than others will. So the scale is measured on either half of the
    people with the centre of the other half, and the two are averaged.
    """
    rows = data.split.val
    faces = data.faces(rows)
    embeddings = np.concatenate([raw.embed(as_bytes(faces[i][0][None])) for i in range(len(faces))])
    persons, videos = data.index.persons[rows], data.index.videos[rows]
    people = np.random.default_rng(0).permutation(np.unique(persons))
    first = np.isin(persons, people[: len(people) // 2])
    scales = []
    for half in (first, ~first):
        visits, one = visits_of(centred(embeddings[half], embeddings[~half].mean(axis=0)), videos[half])
        scales.append(measure_scale(visits, persons[half][one]))
    mean, deviation, slope, offset = np.mean([scale[1:] for scale in scales], axis=0).tolist()
    return embeddings.mean(axis=0), Scale(len(people), mean, deviation, slope, offset)


def centred(embeddings: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The embeddings without what all faces have in common."""
    moved = embeddings - centre
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


def runtime(onnx: bytes, told: dict, data: FaceData) -> EmbedderRuntime:
    """The graph, ready to run."""
    return EmbedderRuntime(Bundle(Path("sface.faceline"), manifest(onnx, told, data), onnx, ""))


def manifest(onnx: bytes, told: dict, data: FaceData) -> EmbedderManifest:
    """What is known of it so far."""
    weights = load_from_string(onnx).graph.initializer
    known = {
        "format": FORMAT,
        "task": "embedding",
        "model": "sface",
        "input": Input(
            size=SIZE,
            channels="rgb",
            mean=(OFFSET / 255,) * 3,
            std=(1 / FACTOR / 255,) * 3,
        ),  # fmt: skip
        "parameters": sum(int(np.prod(each.dims)) for each in weights if each.name.endswith("_packed")),
        "metrics": {},
        "data": Data(
            name=data.source.name,
            licence=data.source.licence,
            fingerprint=data.index.fingerprint,
            split=Split(**SPLIT),
        ),
        "check": {"frames": 1, "difference": 0, "latency_ms": 0, "cpu": ""},
        "run_id": "published",
        "commit": provenance()["commit"],
        "command": "python scripts/sface_bundle.py face_recognition_sface_2021dec_int8bq.onnx sface.faceline",
        "sha256": digest(onnx),
        "outputs": ("embeddings",),
        "numbers": NUMBERS,
        "thresholds": {},
        "template": "arcface",
        "origin": ORIGIN,
    }
    return EmbedderManifest(**{**known, **told})


if __name__ == "__main__":
    main()
