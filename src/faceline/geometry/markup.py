"""Defines markups: number of landmarks, facial regions, and pairs that a mirror swaps.

The constants are those of the 68 points of iBUG 300-W. Left and right are those of the image. Source: Sagonas et al.,
"300 Faces in-the-Wild Challenge", ICCVW 2013. Other markups are files of ``conf/markup``.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from faceline.errors import InputError

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


@cache
def _flip_order(points: int, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    order = np.arange(points)
    for left, right in pairs:
        order[left], order[right] = right, left
    order.flags.writeable = False
    return order


FLIP_ORDER: Final = _flip_order(N_LANDMARKS, FLIP_PAIRS)
"""After a mirroring, landmark i of the face is at ``landmarks[FLIP_ORDER[i]]``."""

FIVE_POINTS: Final = (tuple(range(36, 42)), tuple(range(42, 48)), (30,), (48,), (54,))
"""Eye centres, tip of the nose and corners of the mouth."""

LIDS_AND_LIPS: Final = (
    *((37, 41), (38, 40), (43, 47), (44, 46), (36, 39), (42, 45)),
    *((61, 67), (62, 66), (63, 65), (48, 54), (60, 64), (51, 57)),
)
"""Pairs of landmarks across the eyes and the mouth, whose distances tell of blinks, speech and smiles."""

UPPER_LIDS: Final = (37, 38, 43, 44)
LOWER_LIDS: Final = (41, 40, 47, 46)
"""The landmarks of the lids; those at the same place of both lie above each other."""

UPPER_LID_SHARE: Final = 0.85
"""Share of a blink that the upper lid does; the lower lid does the rest."""


class Markup(BaseModel):
    """A set of landmarks.

    Attributes:
        name: Name of the set.
        points: Number of landmarks.
        normaliser: Two landmarks whose distance is the unit of errors, such as the outer eye corners.
        regions: Landmarks of each region of the face.
        flip_pairs: Pairs of landmarks that a mirror swaps.
        outlines: Lines that join landmarks in a drawing; landmarks without a line are drawn as dots.
        ibug68: Landmark nearest to each of the 68 of iBUG; empty if unknown.
        five: Landmarks whose means are the centres of the eyes, the tip of the nose and the corners of the mouth, those
            on the image's left first; empty if unknown.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    points: int
    normaliser: tuple[int, int]
    regions: dict[str, tuple[int, ...]]
    flip_pairs: tuple[tuple[int, int], ...]
    outlines: tuple[tuple[int, ...], ...] = ()
    ibug68: tuple[int, ...] = ()
    five: tuple[tuple[int, ...], ...] = ()

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Name and number of points tell markups apart; all points would fill a page of ``help``."""
        return [("name", self.name), ("points", self.points)]

    @property
    def flip_order(self) -> np.ndarray:
        """Order after a mirroring: landmark i of the face is at ``landmarks[flip_order[i]]``."""
        return _flip_order(self.points, self.flip_pairs)

    def as_ibug68(self, landmarks: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, 68, d) nearest to those of iBUG, from (n, p, d) of this markup.

        Raises:
            InputError: The markup does not name them.
        """
        if not self.ibug68:
            raise InputError(
                f"this needs the 68 points of iBUG, and {self.name} does not say which of its {self.points} landmarks "
                "are nearest to them; give it ibug68",
                column="markup.ibug68",
            )
        return landmarks[:, list(self.ibug68)]


IBUG68: Final = Markup(
    name="ibug-68",
    points=N_LANDMARKS,
    normaliser=OUTER_EYE_CORNERS,
    regions=REGIONS,
    flip_pairs=FLIP_PAIRS,
    outlines=OUTLINES,
    ibug68=tuple(range(N_LANDMARKS)),
    five=FIVE_POINTS,
)
"""The default markup."""


def markup(
    name: str,
    points: int,
    normaliser: Sequence[int],
    regions: Mapping[str, Any],
    flip_pairs: Sequence[Any] = (),
    outlines: Sequence[Any] = (),
    ibug68: Any = (),
    five: Sequence[Any] = (),
) -> Markup:
    """Return a markup from the keys of its file in ``conf/markup``.

    Args:
        name: Letters, digits, hyphens and underscores.
        points: Number of landmarks.
        normaliser: Two landmarks whose distance is the unit of errors.
        regions: Landmarks of each region, as a list or as text such as ``0-16 20``.
        flip_pairs: Pairs as ``[left, right]``, or two runs of the same length as text such as ``0-7 16-9``.
        outlines: Lines, as lists or as text.
        ibug68: The landmark nearest to each of the 68 of iBUG, as a list or as text.
        five: Landmarks of each eye, of the tip of the nose and of each corner of the mouth, as lists or as text.

    Raises:
        InputError: A number is no landmark, a landmark is in two pairs, a region is empty, or the number of points is
            wrong.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
        raise InputError(f"expected letters, digits, - and _, got {name!r}", column="markup.name")
    if points < 2:
        raise InputError(f"expected at least 2, got {points}", column="markup.points")
    pairs = [pair for each in flip_pairs for pair in _pairs(each, points)]
    paired = [point for pair in pairs for point in pair]
    if len(set(paired)) != len(paired):
        twice = next(point for point in paired if paired.count(point) > 1)
        raise InputError(f"landmark {twice} is in two pairs, or is its own partner", column="markup.flip_pairs")
    two = _numbers(normaliser, points, "normaliser")
    if len(two) != 2 or two[0] == two[1]:
        raise InputError(f"expected two different landmarks, got {list(two)}", column="markup.normaliser")
    mapped = _numbers(ibug68, points, "ibug68")
    if len(mapped) not in (0, N_LANDMARKS):
        raise InputError(f"expected {N_LANDMARKS} landmarks or none, got {len(mapped)}", column="markup.ibug68")
    aligned = tuple(_numbers(each if isinstance(each, str | Sequence) else [each], points, "five") for each in five)
    if len(aligned) not in (0, len(FIVE_POINTS)) or not all(aligned):
        raise InputError(f"expected {len(FIVE_POINTS)} points or none, got {len(aligned)}", column="markup.five")
    made = Markup(
        name=name,
        points=points,
        normaliser=(two[0], two[1]),
        regions={str(region): _region(region, each, points) for region, each in regions.items()},
        flip_pairs=tuple(pairs),
        outlines=tuple(_numbers(each, points, "outlines") for each in outlines),
        ibug68=mapped,
        five=aligned,
    )
    return IBUG68 if made == IBUG68.model_copy(update={"ibug68": (), "five": ()}) else made


def _region(name: str, value: Any, points: int) -> tuple[int, ...]:
    numbers = _numbers(value, points, f"regions.{name}")
    if not numbers or not re.fullmatch(r"\w+", str(name)):
        raise InputError("expected a name of letters and digits, and its landmarks", column=f"markup.regions.{name}")
    return numbers


def _pairs(value: Any, points: int) -> list[tuple[int, int]]:
    if isinstance(value, str):
        words = value.split()
        runs = [_numbers(word, points, "flip_pairs") for word in words]
        if len(runs) != 2 or len(runs[0]) != len(runs[1]):
            raise InputError(
                f"expected two runs of one length, as in 0-7 16-9, got {value!r}", column="markup.flip_pairs"
            )
        return list(zip(*runs, strict=True))
    numbers = _numbers(value, points, "flip_pairs")
    if len(numbers) != 2:
        raise InputError(f"expected pairs [left, right], got {list(numbers)}", column="markup.flip_pairs")
    return [(numbers[0], numbers[1])]


def _numbers(value: Any, points: int, key: str) -> tuple[int, ...]:
    """Read landmark numbers: a list, or text in which ``3-6`` is 3 4 5 6 and ``6-3`` is 6 5 4 3."""
    words = value.split() if isinstance(value, str) else [str(each) for each in value]
    numbers: list[int] = []
    for word in words:
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
        if match is None:
            raise InputError(f"expected numbers, or runs such as 0-16, got {word!r}", column=f"markup.{key}")
        first, last = int(match[1]), int(match[2] or match[1])
        step = 1 if last >= first else -1
        numbers += range(first, last + step, step)
    if wrong := [number for number in numbers if number >= points]:
        raise InputError(f"there is no landmark {wrong[0]} among {points} (0 to {points - 1})", column=f"markup.{key}")
    return tuple(numbers)
