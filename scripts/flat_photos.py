"""Fits the weights of `faceline.stand.recognition.presentation`, which tell a visitor from a flat photo.

python scripts/flat_photos.py [--clips 200]

It needs FACELINE_DATA with the Udacity set. Clips of the people that `faceline benchmark recognition` leaves out, and
flat photos made of them, pass by a stand. A logistic regression on the signs gives weights and offset; the threshold is
where 2 % of the real clips would be held back. The script prints them, as they stand in that module.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from faceline.benchmarks.flat_photos import flat_photo
from faceline.benchmarks.visits import Clip, Stage, clips_of, read_clip
from faceline.config.plain import read_settings
from faceline.data.labels import list_labels
from faceline.data.splits import make_split
from faceline.data.udacity import UdacityFaces
from faceline.inference.runtime import EmbedderRuntime
from faceline.stand.recognition.presentation import Signs
from faceline.stand.settings import SETTINGS, BenchmarkRecognition

HELD_BACK = 0.02


def main() -> None:
    """Fit and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--clips", type=int, default=10_000)
    asked.add_argument("settings", nargs="*", help="as of faceline benchmark recognition, such as detector=FILE")
    given = asked.parse_args()
    settings = read_settings("benchmark_recognition", given.settings, SETTINGS["benchmark_recognition"])
    assert isinstance(settings, BenchmarkRecognition)
    clips = calibration_clips(given.clips)
    with Stage(settings, EmbedderRuntime()) as stage:
        real = seen(stage, clips)
        flat = seen(stage, [flat_photo(clip, seed) for seed, clip in enumerate(clips)])
    values, labels = np.array([*real, *flat]), np.arange(len(real) + len(flat)) < len(real)
    spread = values.std(axis=0)
    fitted = LogisticRegression().fit(values / spread, labels)
    scores = fitted.decision_function(values / spread)
    alive = float(np.quantile(scores[labels], HELD_BACK))
    print(f"{len(real)} clips and {len(flat)} photos of {len(clips)} could be judged")
    for name, one, other in zip(Signs._fields, values[labels].T, values[~labels].T, strict=True):
        low, high = (np.quantile(each, [0.02, 0.5, 0.98]).round(2) for each in (one, other))
        print(f"{name:<6} real {low} flat {high}")
    print(f"_WEIGHTS: Final = {tuple((fitted.coef_[0] / spread).round(3).tolist())}")
    print(f"_OFFSET: Final = {fitted.intercept_[0]:.3f}")
    print(f"_ALIVE: Final = {alive:.3f}  # {(scores[~labels] >= alive).mean():.3f} of the photos pass")


def calibration_clips(most: int) -> list[Clip]:
    """Clips of those whom the benchmark leaves out."""
    index = list_labels(UdacityFaces())
    split = make_split(index, "person_disjoint", seed=0, val_fraction=0.43, test_fraction=0.69)
    names = set(np.unique(index.persons[np.concatenate([split.train, split.val])]).tolist())
    source = UdacityFaces(unlabelled=True)
    rows = [rows for rows in clips_of(source).values() if rows[0].person in names]
    order = np.random.default_rng(0).permutation(len(rows))[:most]
    return [read_clip(source, rows[i]) for i in order]


def seen(stage: Stage, clips: Sequence[Clip]) -> list[Signs]:
    """The signs at the end of each visit that was long enough."""
    visits = [stage.pass_by(clip) for clip in clips]
    return [visit.looks[-1].signs for visit in visits if visit.looks and visit.looks[-1].signs is not None]


if __name__ == "__main__":
    main()
