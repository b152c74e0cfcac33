"""A network that starts from its exported graph computes what that computes, and can be trained on."""

import cv2
import numpy as np
import pytest
import torch

import faceline
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError
from faceline.exporting.onnx_export import to_onnx
from faceline.inference.bundle import LandmarkManifest, read_bundle
from faceline.inference.runtime import LandmarkRuntime
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import SmallCNN
from faceline.models.warm_start import start_from
from faceline.tasks.landmarks import LandmarkTask


def _detector(width: int = 16) -> LandmarkDetector:
    torch.manual_seed(width)
    model = LandmarkDetector(SmallCNN(width))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)
            torch.nn.init.normal_(module.running_mean, std=0.2)
    return model.eval()


def test_it_starts_where_the_bundle_stands() -> None:
    model, images = _detector(), torch.rand(6, 3, 64, 64)
    graph = to_onnx(model, 64)
    torch.manual_seed(1)
    fresh = LandmarkDetector(SmallCNN(16)).eval()
    with torch.inference_mode():
        wanted = model(images)
        assert (fresh(images) - wanted).abs().max() > 1e-3
        start_from(fresh, graph, lambda: fresh.find(images))
        torch.testing.assert_close(fresh(images), wanted, atol=1e-4, rtol=0)
    fresh.train()  # with the statistics of the very images that are trained on, nothing jumps
    assert (fresh(images) - wanted).abs().max() < 0.05
    other = LandmarkDetector(SmallCNN(24)).eval()
    with pytest.raises(InputError, match="of another model"):
        start_from(other, graph, lambda: other.find(images))


def test_the_recipe_of_the_shipped_model_starts_where_its_bundle_stands() -> None:
    source = SyntheticFaces(people=4, videos=1, frames=1, test_frames=0, min_width=180, max_width=192, seed=5)
    images = np.stack([cv2.resize(source.read(row), (192, 192)) for row in source.rows(BadRows("raise"))])
    runtime = LandmarkRuntime("default", threads=1)
    wanted, _ = runtime.predict(images, np.full((len(images), 2), 192))
    model = LandmarkTask().build_model(faceline.compose(["experiment=landmarks/everywhere"], verb="train")).eval()
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        start_from(model, read_bundle("default", LandmarkManifest).onnx, lambda: model.find(tensors))
        found = model(tensors).numpy()
    for eye in (range(36, 42), range(42, 48)):  # both are seen by the same layers
        assert np.abs(found - wanted)[:, list(eye)].max() < 0.03
    assert np.abs(found - wanted).mean() < 0.005  # 8 bits against 32
