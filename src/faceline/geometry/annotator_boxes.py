"""In what box the annotator of the YouTube Faces labels saw each face, and labels as if all boxes had been alike.

By all that its labels show, that annotator is a network behind dlib's face detector (Bulat and Tzimiropoulos, "How far
are we from solving the 2D & 3D face alignment problem?", ICCV 2017). The detector looks for faces of 80 pixels in
pictures each of which is 5/6 of the one before, so its boxes come in steps of 1.2, and a face of a size between them
gets one or the other. The network sees the box scaled to a heatmap of 64 pixels, to whose pixels its landmarks are
rounded: the cells of the labels tell which box it was. A face that is larger in its box does not get landmarks that are
as much larger, so the labels of two like frames differ by up to 7 % of the face's width. Frames hardly tell the box.
"""

from typing import Final

import numpy as np

from faceline.geometry.label_cells import clearness, extent
from faceline.types import Landmarks, PerFrame

STEP: Final = 1.2
"""A box is so many times as large as the next smaller one."""

BOX_CELLS: Final = 2.561 * STEP ** np.arange(-4, 9)
"""Edges in pixels of the cells that come with each box; that of 80 pixels has 2.561, as measured on the labels, 0.1 %
under what the annotator's code says (160 * 200 / 195 / 64)."""

FACE_IN_BOX: Final = 63.0
"""Width plus height of a face in cells, as it usually fills its box."""

TOO_SMALL: Final = (0.42, 0.19)
"""By how much labels are too narrow and too low, a unit of the logarithm of the face's size in its box. Measured on the
training part of the Udacity set, against what networks find that were trained on the other half of it
(``scripts/annotator_boxes.py``)."""

_FACES_IN_BOXES: Final = (54.0, 73.0)  # all that there are: one box or two are possible for a face
_CLEAR: Final = 6.0  # of points strewn by chance the better of two edges is as clear in three frames of a hundred


def box_cells(landmarks: Landmarks) -> PerFrame:
    """(n,) edge in pixels of the cells of each frame, one of `BOX_CELLS`; NaN where the labels tell none.

    As at most two boxes are possible, it is told of faces too whose cells rounding to whole pixels hides from
    `faceline.geometry.label_cells.cell_edges`, because they are small.

    Args:
        landmarks: In pixels of the frame that was annotated.
    """
    clear = np.stack([clearness(landmarks, np.full(len(landmarks), edge)) for edge in BOX_CELLS])
    face = extent(landmarks) / BOX_CELLS[:, None]
    clear[(face < _FACES_IN_BOXES[0]) | (face > _FACES_IN_BOXES[1])] = 0
    return np.where(clear.max(axis=0) > _CLEAR, BOX_CELLS[clear.argmax(axis=0)], np.nan)


def boxed_alike(landmarks: Landmarks, cells: PerFrame) -> Landmarks:
    """Labels as they would be if all of the annotator's boxes had been as large beside the faces as in the mean.

    They are stretched about their middles; their mean size does not change. Where no box is known, they stay.

    Args:
        landmarks: In pixels of the frame that was annotated.
        cells: What `box_cells` gives of them; at least one is known.
    """
    filled = np.log(extent(landmarks) / cells)
    more = np.nan_to_num(filled - np.nanmean(filled))
    middle = landmarks.mean(axis=1, keepdims=True)
    return np.asarray(landmarks + more[:, None, None] * np.array(TOO_SMALL) * (landmarks - middle))
