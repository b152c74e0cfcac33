"""Which frames train, choose and judge a model.

A split is made from the index alone, seeded, before any model exists; its test part enters no choice.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from faceline.data.index import FrameIndex
from faceline.errors import InputError

Protocol = Literal["official", "frame_random", "video_disjoint", "person_disjoint"]
"""What the test part has not seen in training.

- ``official``: the publisher's test frames; validation are people held out of the publisher's training frames.
- ``frame_random``: other frames, of known videos (near copies of training frames: flattering).
- ``video_disjoint``: videos never seen, of people that have another video in training.
- ``person_disjoint``: people never seen.
"""


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of an index, ascending, in three parts that share no frame.

    Attributes:
        protocol: What the parts are disjoint in.
        train: Rows that gradients see.
        val: Rows that early stopping, checkpoint choice and sweeps see.
        test: Rows that only the final measurement sees.
    """

    protocol: Protocol
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    def parts(self) -> dict[str, np.ndarray]:
        """The three parts by name."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def fingerprint(self, index: FrameIndex) -> str:
        """Hex digest of which frame is in which part."""
        digest = hashlib.sha256(self.protocol.encode())
        for name, rows in self.parts().items():
            digest.update("\n".join([name, *index.files[rows].tolist()]).encode())
        return digest.hexdigest()[:16]


def make_split(
    index: FrameIndex,
    protocol: Protocol,
    seed: int = 0,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
) -> Split:
    """Divide the frames of an index.

    Args:
        index: The frames.
        protocol: What the parts are disjoint in.
        seed: Equal seeds give equal splits, whatever the order in which the index lists people.
        val_fraction: Share of the people, videos or frames that are left for training.
        test_fraction: Share of the people, videos or frames; ``official`` has its own test part.

    Raises:
        InputError: A part would be empty, or a setting is out of range.
    """
    for key, fraction in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 < fraction < 1:
            raise InputError(f"expected a number between 0 and 1, got {fraction}", column=f"split.{key}")
    rng = np.random.default_rng(np.random.SeedSequence([seed, *protocol.encode()]))
    if protocol == "official":
        test = index.parts == "test"
        val = ~test & _draw(index.persons, ~test, val_fraction, rng)
    elif protocol == "video_disjoint":
        test = _draw_videos(index, np.ones(len(index), dtype=bool), test_fraction, rng)
        val = _draw_videos(index, ~test, val_fraction, rng)
    else:
        units = index.persons if protocol == "person_disjoint" else index.files
        test = _draw(units, np.ones(len(index), dtype=bool), test_fraction, rng)
        val = ~test & _draw(units, ~test, val_fraction, rng)
    split = Split(protocol, np.flatnonzero(~test & ~val), np.flatnonzero(val), np.flatnonzero(test))
    for name, rows in split.parts().items():
        if not len(rows):
            raise InputError(
                f"the {name} part would be empty: {len(index)} frames of {len(set(index.persons))} people cannot be "
                f"divided this way; use more data or another protocol",
                column="split.protocol",
            )
    return split


def _draw(units: np.ndarray, among: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: the frames of a random share, rounded, of the units that occur among some frames."""
    names = np.unique(units[among])
    chosen = rng.permutation(names)[: round(fraction * len(names))]
    return np.isin(units, chosen)


def _draw_videos(index: FrameIndex, among: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: a random share of the videos, of people who keep at least one video outside of it."""
    videos, first = np.unique(np.where(among, index.videos, ""), return_index=True)
    owner = dict(zip(videos, index.persons[first], strict=True))
    owner.pop("", None)
    left = _count(list(owner.values()))
    target = round(fraction * len(owner))
    chosen: list[str] = []
    for video in rng.permutation(sorted(owner)):
        if len(chosen) < target and left[owner[video]] > 1:
            left[owner[video]] -= 1
            chosen.append(video)
    return among & np.isin(index.videos, chosen)


def _count(names: list[str]) -> dict[str, int]:
    values, counts = np.unique(names, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
