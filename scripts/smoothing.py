#!/usr/bin/env python3
"""Measures ``smooth=true``: jitter of a still face against lag of a moving one, at 30 frames a second.

The landmarks of a mean face of 100 pixels get noise of 0.5 pixels, as predictions of a still face have. Still, it
measures how much they move from frame to frame; moving across the frame, how far the smoothed ones lie behind.
"""

import argparse

import numpy as np

from faceline.geometry.face_model import neutral_shape
from faceline.photos.tracks import BETA, MIN_CUTOFF, OneEuroFilter

RATE, SECONDS, SIZE, NOISE = 30.0, 4.0, 100.0, 0.5


def run(speed: float, min_cutoff: float, beta: float) -> tuple[float, float, float]:
    """Jitter before and after, in pixels, and the lag in pixels.

    Args:
        speed: Speed of the face in its sizes a second.
        min_cutoff: Lowest cutoff of the filter in Hz.
        beta: Speed coefficient of the filter, in Hz for each size a second.
    """
    rng = np.random.default_rng(0)
    shape = neutral_shape()[:, :2]
    face = (shape - shape.min(axis=0)) * SIZE / np.ptp(shape, axis=0).max()
    times = np.arange(0, SECONDS, 1 / RATE)
    truth = face + (speed * SIZE * times)[:, None, None] * [1.0, 0.0]  # (t, 68, 2)
    noisy = (truth + rng.normal(0, NOISE, truth.shape)).astype(np.float32)
    smooth = OneEuroFilter(min_cutoff, beta)
    out = np.stack([smooth(landmarks, time) for landmarks, time in zip(noisy, times.tolist(), strict=True)])
    late = slice(round(RATE), None)
    before, after = (float(np.std(np.diff(each[late] - truth[late], axis=0))) for each in (noisy, out))
    return before, after, float((truth[late] - out[late])[..., 0].mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--min-cutoff", type=float, default=MIN_CUTOFF, help="Hz")
    parser.add_argument("--beta", type=float, default=BETA, help="Hz for each size of the face a second")
    arguments = parser.parse_args()
    for speed in (0.0, 0.1, 0.3, 1.0, 3.0):
        before, after, lag = run(speed, arguments.min_cutoff, arguments.beta)
        told = f"{1000 * lag / (speed * SIZE):.0f} ms" if speed else "-"
        print(f"| {speed:g} | {before:.2f} | {after:.2f} | {lag:.2f} | {told} |", flush=True)


if __name__ == "__main__":
    main()
