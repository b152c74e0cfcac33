#!/usr/bin/env python3
"""Times a training step with depthwise convolutions in float32 and in bfloat16, alternating, by least times.

Prints milliseconds of a step on one batch of random frames, as torch computes it in bfloat16, and with the convolutions
of `faceline.models.quick_depthwise`.
"""

import argparse
import time
from unittest.mock import patch

import torch

from faceline.models import landmark_nets
from faceline.models.landmark_detector import LandmarkDetector


def main() -> None:
    """Build both, step in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbones", nargs="*", default=["mobilenetv2_100", "efficientnet_b0"])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for backbone in arguments.backbones:
        with patch.object(landmark_nets, "quicken"):
            plain = LandmarkDetector(backbone)
        models = {"bfloat16": plain, "float32": LandmarkDetector(backbone)}
        least = dict.fromkeys(models, float("inf"))
        for _ in range(arguments.steps):
            for name, model in models.items():
                least[name] = min(least[name], _step_ms(model, arguments.size))
        ratio = least["bfloat16"] / least["float32"]
        print(f"{backbone}: {least['bfloat16']:.0f} ms, {least['float32']:.0f} ms, {ratio:.2f} times as fast")


def _step_ms(model: LandmarkDetector, size: int) -> float:
    images, landmarks = torch.rand(32, 3, size, size), torch.rand(32, 68, 2)
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16):
        loss = model.loss(model(images), landmarks)
    loss.backward()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
