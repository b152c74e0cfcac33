"""The 68-point markup (iBUG 300-W): regions, left/right pairs, eye corners.

Left and right are those of the image. Source: Sagonas et al., "300 Faces in-the-Wild Challenge", ICCVW 2013.
"""

from typing import Final

import numpy as np

N_LANDMARKS: Final = 68

REGIONS: Final[dict[str, tuple[int, ...]]] = {
    "jaw": tuple(range(17)),
    "brows": tuple(range(17, 27)),
    "nose": tuple(range(27, 36)),
    "eyes": tuple(range(36, 48)),
    "mouth": tuple(range(48, 68)),
}
"""Facial regions; together they hold every landmark once."""

OUTLINES: Final[tuple[tuple[int, ...], ...]] = (
    tuple(range(17)),
    tuple(range(17, 22)),
    tuple(range(22, 27)),
    tuple(range(27, 31)),
    tuple(range(31, 36)),
    (*range(36, 42), 36),
    (*range(42, 48), 42),
    (*range(48, 60), 48),
    (*range(60, 68), 60),
)
"""The lines that join the landmarks in a drawing; closed ones end where they begin."""

OUTER_EYE_CORNERS: Final = (36, 45)
"""The landmarks whose distance is the interocular distance."""

FLIP_PAIRS: Final[tuple[tuple[int, int], ...]] = (
    *((i, 16 - i) for i in range(8)),
    *((17 + i, 26 - i) for i in range(5)),
    *((31 + i, 35 - i) for i in range(2)),
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48 + i, 54 - i) for i in range(3)),
    *((55 + i, 59 - i) for i in range(2)),
    *((60, 64), (61, 63), (65, 67)),
)
"""Landmarks that change places in a mirror."""


def _flip_order() -> np.ndarray:
    order = np.arange(N_LANDMARKS)
    for left, right in FLIP_PAIRS:
        order[left], order[right] = right, left
    order.flags.writeable = False
    return order


FLIP_ORDER: Final = _flip_order()
"""After a mirroring, landmark i of the face is at ``landmarks[FLIP_ORDER[i]]``."""

LIDS_AND_LIPS: Final = (
    *((37, 41), (38, 40), (43, 47), (44, 46), (36, 39), (42, 45)),
    *((61, 67), (62, 66), (63, 65), (48, 54), (60, 64), (51, 57)),
)
"""Pairs of landmarks across the eyes and the mouth, whose distances tell of blinks, speech and smiles."""
