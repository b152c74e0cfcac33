"""Labels that cannot be pixels of faces are refused with what they look like."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceline.data.cache import cached_frames
from faceline.data.index import BadRows, FrameRow, refuse_impossible, refuse_outside
from faceline.data.labels import list_labels
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError

SOURCE = SyntheticFaces(people=8, videos=2, frames=4, seed=1)
ROWS = SOURCE.rows(BadRows("raise"))
LANDMARKS = np.array([row.landmarks for row in ROWS])


def test_drawn_faces_and_missing_labels_pass() -> None:
    refuse_impossible(LANDMARKS)
    refuse_impossible(np.full((3, 68, 2), np.nan))
    refuse_impossible(np.round(LANDMARKS - 20))  # some lie outside of their frames


def test_shares_of_the_frame_are_no_pixels() -> None:
    with pytest.raises(InputError, match=r"look like shares of the frame, on \[0, 1\]; multiply x by the width"):
        refuse_impossible(LANDMARKS / 240)


@pytest.mark.parametrize("sign", [-1, 0, 9999])
def test_a_sign_for_missing_is_no_place(sign: float) -> None:
    labels = LANDMARKS.copy()
    labels[:5, 0] = sign
    with pytest.raises(
        InputError, match=rf"5 landmarks lie at \({sign}, {sign}\), which looks like a mark for missing"
    ):
        refuse_impossible(labels)


def moved(row: FrameRow) -> FrameRow:
    landmarks = row.landmarks.copy()
    landmarks[7] = (99_999, 40)
    return FrameRow(row.file, row.person, row.video, row.frame, row.part, landmarks, line=12)


class Spoiled(SyntheticFaces):
    def rows(self, bad: BadRows) -> list[FrameRow]:
        first, *others = super().rows(bad)
        return [moved(first), *others]


def test_a_landmark_far_from_its_face_is_an_error_of_its_row(tmp_path: Path) -> None:
    source = Spoiled(people=8, videos=2, frames=4, seed=1)
    with pytest.raises(InputError, match=r"row 12: .*landmark 7 at \(99999, 40\) lies 99,\d\d\d px from the middle"):
        list_labels(source)
    source.on_error = "skip"
    store = cached_frames(source, 16, tmp_path)
    assert len(store.images) == len(store.index) == len(ROWS) - 1 and len(store.index.rejected) == 1


def test_labels_of_other_frames_are_refused(tmp_path: Path) -> None:
    index = cached_frames(SyntheticFaces(people=2, videos=1, frames=2, test_frames=0), 32, tmp_path).index
    refuse_outside(index)
    refuse_outside(replace(index, landmarks=np.full_like(index.landmarks, np.nan)))
    with pytest.raises(InputError, match=r"\d\d% of the landmarks lie outside of their frames"):
        refuse_outside(replace(index, landmarks=index.landmarks * 2))
