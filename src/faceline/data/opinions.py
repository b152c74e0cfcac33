"""Second opinions: landmarks that another annotator gives frames, to learn the mean of them and of the labels."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from faceline.data.cache import FrameStore
from faceline.data.index import FrameIndex
from faceline.data.splits import Split
from faceline.errors import InputError
from faceline.geometry.markup import N_LANDMARKS
from faceline.types import Shape

COLUMNS: Final = ("file", *(f"{axis}{i}" for i in range(N_LANDMARKS) for axis in "xy"))
"""Those of a table of landmarks, which may have others too."""

_KEY: Final = "task.opinions"


@dataclass(frozen=True, eq=False)
class Opinions:
    """What another annotator says of frames.

    Labels have noise, and a network that sees them often learns it by heart. An annotator who has learnt from other
    labels has noise of another kind, so their mean has less. Source: Hinton et al., "Distilling the knowledge in a
    neural network", NIPS workshop 2014, with a teacher that learnt elsewhere.

    Attributes:
        landmarks: By name of the frame, in its pixels.
        weight: Of the opinion in the mean; the label has the rest.
    """

    landmarks: dict[str, Shape]
    weight: float

    def refuse_held_out(self, index: FrameIndex, split: Split) -> None:
        """Refuse opinions on frames that are validated or tested on: they were made for another split, and know these.

        Raises:
            InputError: There are some, or none on any frame that is trained on.
        """
        held_out = [file for rows in (split.val, split.test) for file in index.files[rows].tolist()]
        if known := [file for file in held_out if file in self.landmarks]:
            raise InputError(
                f"has opinions on {len(known)} frames that are validated or tested on, such as {known[0]}; "
                "take those out, and see that whoever gave the others never learnt from them",
                column=_KEY,
            )
        if not any(file in self.landmarks for file in index.files[split.train].tolist()):
            raise InputError("names no frame that is trained on", column=_KEY)

    def heard(self, store: FrameStore) -> FrameStore:
        """Frames with the mean of their landmarks and of the opinion on them; where there is none, with their own."""
        landmarks = store.index.landmarks.astype(np.float64)
        for row, file in enumerate(store.index.files.tolist()):
            if file in self.landmarks:
                landmarks[row] += self.weight * (self.landmarks[file] - landmarks[row])
        return FrameStore(replace(store.index, landmarks=landmarks), store.images)


def read_opinions(file: Path, weight: float) -> Opinions:
    """Opinions from a CSV with a column ``file``, as the data set names its frames, and ``x0``, ``y0`` to ``y67``.

    Args:
        file: The table.
        weight: Of an opinion, on [0, 1].

    Raises:
        InputError: The weight is beyond; the table cannot be read, lacks a column, names a frame twice or has a cell
            that is no number.
    """
    if not 0 <= weight <= 1:
        raise InputError(f"expected 0 to 1, got {weight}", column="task.opinion_weight")
    try:
        types = {name: pa.float64() for name in COLUMNS[1:]} | {"file": pa.string()}
        table = pyarrow.csv.read_csv(file, convert_options=pyarrow.csv.ConvertOptions(column_types=types))
    except OSError as error:
        raise InputError("cannot be opened; expected a CSV of landmarks", file=file, column=_KEY) from error
    except pa.ArrowInvalid as error:
        raise InputError(f"is no table of landmarks: {error}", file=file, column=_KEY) from error
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise InputError(f"lacks a column; expected {COLUMNS[0]}, x0, y0 to y67", file=file, column=missing[0])
    files = table["file"].to_pylist()
    if (most := Counter(files).most_common(1)) and most[0][1] > 1:
        raise InputError(f"has {most[0][1]} rows of {most[0][0]}; expected one", file=file, column="file")
    points = np.stack([table[name].to_numpy() for name in COLUMNS[1:]], axis=1).reshape(-1, N_LANDMARKS, 2)
    if not (fine := np.isfinite(points).all(axis=(1, 2))).all():
        row = int(np.argmin(fine))
        raise InputError("a coordinate is empty or no number; leave the row out", file=file, row=row + 2)
    return Opinions(dict(zip(files, points, strict=True)), weight)
