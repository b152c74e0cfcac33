"""Names the group of expressions, as found by ``faceline cluster``, that a face belongs to."""

import json
from pathlib import Path

import numpy as np

from faceline.errors import InputError, first_line
from faceline.files import why_no_file
from faceline.geometry.measures import STEPS


class ExpressionClusters:
    """The groups of a cluster model.

    Args:
        file: The ``clusters.json`` of a run of ``faceline cluster``.

    Raises:
        InputError: The file is missing, or it does not come from such a run.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            told = f"{file}: {why_no_file(file)}; expected clusters.json of a run of faceline cluster"
            raise InputError(told, column="clusters")
        try:
            groups = json.loads(file.read_text(encoding="utf-8"))["groups"]
            self.words = [str(group["words"]) for group in groups]
            self._middles = np.array([[float(group[name]) for name in STEPS] for group in groups])
            if not len(groups) or not np.isfinite(self._middles).all():
                raise ValueError("expected groups with finite measures")
        except (OSError, ValueError, KeyError, TypeError) as error:
            told = f"{file}: expected clusters.json of a run of faceline cluster ({first_line(error)})"
            raise InputError(told, column="clusters") from None
        self._steps = np.array(list(STEPS.values()))

    def nearest(self, measures: dict[str, float]) -> str:
        """Return the name of the nearest group; each measure is scaled by the step that changes how a face looks."""
        now = np.array([measures[name] for name in STEPS])
        return self.words[int(np.argmin((((self._middles - now) / self._steps) ** 2).sum(axis=1)))]
