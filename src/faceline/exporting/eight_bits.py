"""Bundles with weights and activations of 8 bits: about a quarter of the size, and on many processors twice as fast."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from faceline.data.datamodule import LandmarkData
from faceline.errors import InputError
from faceline.exporting.onnx_int8 import to_int8
from faceline.exporting.parity import check, width
from faceline.inference.bundle import Bundle, LandmarkManifest, digest
from faceline.inference.runtime import LandmarkRuntime
from faceline.metrics import landmark as metrics
from faceline.types import AnyImage

LOSS: Final = 0.001
"""Most NME on the validation set that 8 bits may cost: 0.1 points."""

CALIBRATION: Final = 128
"""Number of training frames whose activations set the scales."""


def in_eight_bits(
    bundle: Bundle[LandmarkManifest], data: LandmarkData, images: Sequence[AnyImage]
) -> Bundle[LandmarkManifest]:
    """Return the same model with convolutions in 8 bits, compared with the original.

    Args:
        bundle: Bundle with a graph in float32.
        data: Its training data at the size of its input.
        images: Images of the validation set, for the comparison.

    Raises:
        InputError: 8 bits lose too much.
    """
    graph = quantised(bundle, data)
    manifest = bundle.manifest.model_copy(update={"weights": "int8", "sha256": digest(graph)})
    small = replace(bundle, manifest=manifest, onnx=graph)
    before, after = LandmarkRuntime(bundle), LandmarkRuntime(small)
    lost = nme_of_validation(after, data) - nme_of_validation(before, data)
    if lost >= LOSS:
        raise InputError(
            f"not written: 8 bits raise the validation NME by {100 * lost:.2f} points, and less than "
            f"{100 * LOSS:.1f} is allowed; export in float32",
            column="int8",
        )
    checked = check(after.detect, before.detect, images, unit=width, tolerance=math.inf)
    return replace(small, manifest=manifest.model_copy(update={"check": checked}))


def quantised(bundle: Bundle[LandmarkManifest], data: LandmarkData) -> bytes:
    """Return the bundle's graph in 8 bits, with scales from training frames."""
    rows = data.split.train[:: max(1, len(data.split.train) // CALIBRATION)]
    inputs = {"images": np.asarray(data.store.images[rows])}
    if bundle.manifest.input.sizes:
        inputs["sizes"] = data.index.sizes[rows].astype(np.float32)
    return to_int8(bundle.onnx, inputs)


def nme_of_validation(runtime: LandmarkRuntime, data: LandmarkData) -> float:
    """Return the NME on the validation set, which decides about 8 bits."""
    index = data.index.take(data.split.val)
    preds, _ = runtime.predict(data.store.images[data.split.val], index.sizes)
    return metrics.evaluate(preds, index.normalised(), index.sizes, index.markup).scalars["nme"]
