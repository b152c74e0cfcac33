"""The graph computes what the network computes, for any number of frames."""

import numpy as np
import onnxruntime
import pytest
import torch

from faceline.exporting.onnx_export import to_onnx
from faceline.models.heads import HeatmapHead, RegressionHead, SimCCHead, VotingHead
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import SmallCNN


@pytest.mark.parametrize(
    "head",
    [VotingHead, RegressionHead, *(pytest.param(head, marks=pytest.mark.slow) for head in (HeatmapHead, SimCCHead))],
)
def test_the_graph_takes_pixels_and_gives_the_points_of_the_network(head: type) -> None:
    torch.manual_seed(0)
    mean, std = [0.4, 0.5, 0.6], [0.1, 0.2, 0.1]
    model = LandmarkDetector(SmallCNN(32), head=head, mean=mean, std=std, flip_average=True).eval()
    for parameter in model.head.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # so that points depend on pixels
    coarse = np.random.default_rng(0).integers(0, 256, (5, 2, 2, 3), dtype=np.uint8)
    images = coarse.repeat(32, axis=1).repeat(32, axis=2)
    session = onnxruntime.InferenceSession(to_onnx(model, 64), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = model(torch.from_numpy(images).permute(0, 3, 1, 2) / 255).numpy()
    spread = expected.std(axis=0).mean()
    assert spread > 1e-3  # of the points, from image to image
    for n in (1, 5):
        (points,) = session.run(["landmarks"], {"images": images[:n]})
        np.testing.assert_allclose(points, expected[:n], atol=1e-3 * spread)
