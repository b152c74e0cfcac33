"""Fits the weights of `faceline.stand.recognition.presentation`, which tell a visitor from a flat photo.

python scripts/flat_photos.py data_root=FOLDER

Run it after every new landmark bundle: the signs depend on how its points tremble. Clips of the Udacity set, of the
people that `faceline benchmark recognition` leaves out, pass by a stand. So do two flat photos of each, one that is
moved and one that lies still. A logistic regression on the signs at the end of each visit gives weights and offset. The
stand judges by the mean score of a visit so far; the threshold is where 1 % of the real clips would be held back until
their end. The script prints what belongs into that
module. Then measure with that benchmark.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from faceline.benchmarks.flat_photos import flat_photo
from faceline.benchmarks.recognition import read_clips
from faceline.benchmarks.visits import Clip, Stage
from faceline.config.plain import read_settings
from faceline.inference.bundle import LandmarkManifest, read_bundle
from faceline.inference.runtime import EmbedderRuntime
from faceline.stand.recognition.presentation import Signs
from faceline.stand.settings import SETTINGS, BenchmarkRecognition

HELD_BACK = 0.01
STILL = 200_000  # added to the seeds of photos that lie still, so that they show other frames before other walls


def main() -> None:
    """Fit and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("settings", nargs="*", help="as of faceline benchmark recognition, such as people=30")
    given = asked.parse_args()
    settings = read_settings("benchmark_recognition", given.settings, SETTINGS["benchmark_recognition"])
    assert isinstance(settings, BenchmarkRecognition)
    clips = read_clips(settings, calibration=True)
    with Stage(settings, EmbedderRuntime()) as stage:
        real = seen(stage, clips)
        moved = seen(stage, [flat_photo(clip, seed) for seed, clip in enumerate(clips)])
        still = seen(stage, [flat_photo(clip, STILL + seed, 0.0) for seed, clip in enumerate(clips)])
    everything = (*real, *moved, *still)
    kinds = np.repeat(["real", "moved", "still"], [len(real), len(moved), len(still)])
    values, labels = np.array([signs[-1] for signs in everything]), kinds == "real"
    spread = values.std(axis=0)
    fitted = LogisticRegression(max_iter=1000).fit(values / spread, labels)
    best = np.array([_means(fitted.decision_function(np.array(signs) / spread)).max() for signs in everything])
    alive = float(np.quantile(best[labels], HELD_BACK))
    for name, column in zip(Signs._fields, values.T, strict=True):
        told = (f"{kind} {np.quantile(column[kinds == kind], [0.02, 0.5, 0.98]).round(2)}" for kind in np.unique(kinds))
        print(f"{name:<6}", *told)
    for kind in np.unique(kinds):
        judged = best[kinds == kind]
        print(f"{kind}: {len(judged)} of {len(clips)} could be judged, {(judged >= alive).mean():.3f} pass")
    print(f'FITTED_WITH: Final = "{read_bundle("default", LandmarkManifest).manifest.sha256[:12]}"')
    print(f"_WEIGHTS: Final = {tuple((fitted.coef_[0] / spread).round(3).tolist())}")
    print(f"_OFFSET: Final = {fitted.intercept_[0]:.3f}")
    print(f"_ALIVE: Final = {alive:.3f}")


def seen(stage: Stage, clips: Sequence[Clip]) -> list[list[Signs]]:
    """Return the signs of each visit that was long enough, one after the other."""
    visits = [stage.pass_by(clip) for clip in clips]
    signs = [list(dict.fromkeys(look.signs for look in visit.looks if look.signs is not None)) for visit in visits]
    return [each for each in signs if each]


def _means(scores: np.ndarray) -> np.ndarray:
    """Return the mean of each score and those before it."""
    return np.asarray(np.cumsum(scores) / np.arange(1, len(scores) + 1))


if __name__ == "__main__":
    main()
