"""How much of a known movement a bundle passes on: a detector that halves movements is told from one that does not."""

import numpy as np
import pytest

from faceline.benchmarks.everywhere import passed_on
from faceline.benchmarks.everywhere_photos import Photo, changed
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.inference.detection import Detected, DetectedFace, FaceDetector

SEED = 3


class Knowing(FaceDetector):
    """Knows the landmarks of every photo, and passes on a share of what moves from the first half to the second."""

    def __init__(self, photos: list[Photo], share: float) -> None:
        half = len(photos) // 2
        self.answers = {}
        for start, end in zip(photos[:half], photos[half:], strict=True):
            before, after = start.people[0], end.people[0]
            self.answers[start.image.tobytes()] = before
            self.answers[end.image.tobytes()] = before + share * (after - before)

    def detect(self, image: np.ndarray) -> Detected:
        points = self.answers[image.tobytes()]
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        return Detected([DetectedFace(points.astype(np.float32), box, 0.9)])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_a_known_movement_is_found(share: float) -> None:
    drawn = SyntheticFaces(people=6, videos=1, frames=1, test_frames=0, min_width=150, max_width=180, seed=1)
    rows = drawn.rows(BadRows("raise"))
    frames = [Photo(np.asarray(drawn.read(row)), [row.landmarks.astype(np.float64)]) for row in rows]
    detector = Knowing([*frames, *changed(frames, "another expression", SEED)], share)
    row = passed_on("known", detector, frames, SEED)
    assert row["faces"] == len(frames)
    for name in ("eye_opening", "mouth_opening", "smile", "mouth_width", "brow_raise"):
        assert row[name] == pytest.approx(share, abs=0.06), name
