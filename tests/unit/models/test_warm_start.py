"""A network that starts from its exported graph computes what that computes, and can be trained on."""

import pytest
import torch

from faceline.errors import InputError
from faceline.exporting.onnx_export import to_onnx
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import SmallCNN
from faceline.models.warm_start import start_from


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
