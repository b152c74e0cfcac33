"""How large the annotator of the YouTube Faces labels had cut out each face, and labels as if it had cut all alike.

By all that its labels show, that annotator is a network behind dlib's face detector (Bulat and Tzimiropoulos, "How far
are we from solving the 2D & 3D face alignment problem?", ICCV 2017). The detector looks for faces of 80 pixels in
pictures each of which is 5/6 of the one before, so its boxes come in steps of 1.2, and a face of a size between them
gets one or the other. The network sees the box scaled to a heatmap of 64 pixels, to whose pixels its landmarks are
rounded: they tell which it was. A face that is larger in its box does not get landmarks that are as much larger, so the
labels of two like frames differ by up to 7 % of the face's width. From the frame alone the box cannot be told; a
network that is trained on the labels learns by heart what it can of it.
"""

from typing import Final

import numpy as np

from faceline.geometry.label_cells import extent
from faceline.types import Landmarks, PerFrame

EDGES: Final = 2.561 * 1.2 ** np.arange(-4, 9)
"""Edges of a cell in pixels that a box can give; 80 pixels 2.561, as measured on the labels, 0.1 % under what the
annotator's code says (160 * 200 / 195 / 64)."""

TOO_SMALL: Final = (0.42, 0.19)
"""By how much labels are too narrow and too low, a unit of the logarithm of the face's size in its box. Measured on the
training part of the Udacity set, against what networks find that were trained on the other half of it
(``scripts/annotator_boxes.py``)."""

_CELLS: Final = (54.0, 73.0)  # width plus height of a shape in its box
_CLEAR: Final = 6.0  # of points strewn by chance the better of two edges is as clear in one frame of a hundred


def crop_edges(landmarks: Landmarks) -> PerFrame:
    """(n,) edge in pixels of the cells of each frame, one of `EDGES`; NaN where the labels tell none.

    The clearness of an edge is that of `faceline.geometry.label_cells.cell_edges`; as at most two boxes are possible,
    it is told of faces too that are so small that rounding to whole pixels hides their cells.

    Args:
        landmarks: In pixels of the frame that was annotated.
    """
    clearness = np.stack([(np.abs(np.exp(2j * np.pi * landmarks / e).mean(axis=1)) ** 2).sum(axis=1) for e in EDGES])
    cells = extent(landmarks) / EDGES[:, None]
    clearness[(cells < _CELLS[0]) | (cells > _CELLS[1])] = 0
    told = landmarks.shape[1] * clearness.max(axis=0, initial=0) > _CLEAR
    return np.where(told, EDGES[clearness.argmax(axis=0)], np.nan)


def at_one_crop(landmarks: Landmarks) -> Landmarks:
    """Labels as they would be if all of the annotator's boxes had been as large beside the faces as in the mean.

    Each is stretched about its middle; the mean size does not change. Where no box is told, labels stay as they are.

    Args:
        landmarks: In pixels of the frame that was annotated.

    Raises:
        ValueError: Most labels tell no box, so they are of another annotator.
    """
    filled = np.log(extent(landmarks) / crop_edges(landmarks))
    if np.isnan(filled).mean() > 0.5:
        raise ValueError("expected labels that tell how their annotator cut the faces out")
    more = np.nan_to_num(filled - np.nanmean(filled))
    middle = landmarks.mean(axis=1, keepdims=True)
    return np.asarray(landmarks + more[:, None, None] * np.array(TOO_SMALL) * (landmarks - middle))
