"""Divides frames into training, validation and test sets.

A split depends on the index and a seed alone, before any model exists; its test set takes part in no choice.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from faceline.data.index import FrameIndex, LabelIndex
from faceline.errors import InputError

ValidationUnit = Literal["person", "frame"]
"""How the validation set of ``official`` is drawn: whole people, or frames of people in the training set, as the
publishers of some data sets draw the test set."""

Protocol = Literal["official", "frame_random", "video_disjoint", "person_disjoint", "all"]
"""What is new in the test set.

- ``official``: the publisher's test frames; validation comes from the publisher's training frames.
- ``frame_random``: other frames of known videos (near copies of training frames, so results flatter).
- ``video_disjoint``: new videos of people who have another video in training.
- ``person_disjoint``: new people.
- ``all``: every frame is a test frame, and the other sets are empty: the data set only measures.
"""


@dataclass(frozen=True, eq=False)
class Split:
    """Ascending rows of an index in three sets that share no frame.

    Attributes:
        protocol: What the sets do not share.
        train: Rows of the training set, for gradients.
        val: Rows of the validation set, for early stopping, checkpoint choice and sweeps.
        test: Rows of the test set, for the final measurement only.
    """

    protocol: Protocol
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    def parts(self) -> dict[str, np.ndarray]:
        """The three sets by name."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def fingerprint(self, index: LabelIndex) -> str:
        """Return a hex digest of which frame is in which set."""
        digest = hashlib.sha256(self.protocol.encode())
        for name, rows in self.parts().items():
            digest.update("\n".join([name, *index.files[rows].tolist()]).encode())
        return digest.hexdigest()[:16]


def make_split(
    index: LabelIndex,
    protocol: Protocol,
    seed: int = 0,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    val_by: ValidationUnit = "person",
) -> Split:
    """Divide the frames of an index.

    Args:
        index: The frames to divide.
        protocol: What the sets must not share.
        seed: Equal seeds give equal splits, whatever the order in which the index lists people.
        val_fraction: Share of the people, videos or frames that remain for training.
        test_fraction: Share of the people, videos or frames; ``official`` has its own test set.
        val_by: Unit of validation in ``official``; other protocols define their own.

    Raises:
        InputError: A set would be empty, or a setting is out of range.
    """
    for key, fraction in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 < fraction < 1:
            raise InputError(f"expected a number between 0 and 1, got {fraction}", column=f"split.{key}")
    if val_by != "person" and protocol != "official":
        raise InputError(
            "only the protocol official can draw validation frames; set it to person", column="split.val_by"
        )
    if protocol == "all":
        nothing = np.empty(0, dtype=np.int64)
        return Split(protocol, nothing, nothing, np.arange(len(index)))
    rng = np.random.default_rng(np.random.SeedSequence([seed, *protocol.encode()]))
    if protocol == "official":
        test = index.parts == "test"
        if not test.any():
            raise InputError(
                "official wants test frames of the data set's own, and it names none; choose person_disjoint or "
                f"video_disjoint, or with data=pts and a folder testset/: data.split_by=folder; {_EVALUATE}",
                column="split.protocol",
            )
        units = index.files if val_by == "frame" else index.persons
        val = ~test & _draw(units, ~test, val_fraction, rng)
    elif protocol == "video_disjoint":
        test = _draw_videos(index, np.ones(len(index), dtype=bool), test_fraction, rng)
        val = _draw_videos(index, ~test, val_fraction, rng)
    else:
        units = index.persons if protocol == "person_disjoint" else index.files
        test = _draw(units, np.ones(len(index), dtype=bool), test_fraction, rng)
        val = ~test & _draw(units, ~test, val_fraction, rng)
    train = ~test & ~val
    split = Split(protocol, np.flatnonzero(train), np.flatnonzero(val), np.flatnonzero(test))
    for name, rows in split.parts().items():
        if not len(rows):
            other = "person_disjoint" if protocol == "video_disjoint" else "another protocol"
            raise InputError(
                f"the {name} set would be empty: {len(index)} frames of {len(set(index.persons))} people cannot be "
                f"divided this way; use more data or {other}; {_EVALUATE}",
                column="split.protocol",
            )
    return split


_EVALUATE = "faceline evaluate measures all frames with part=all"


@dataclass(frozen=True, eq=False)
class GalleryAndProbes:
    """Who is enrolled with which frames, and which frames are to be identified.

    Attributes:
        gallery: Rows of the frames that enrol people.
        probes: Rows of the frames to identify. Under ``person_disjoint`` some show strangers, who have no frame in the
            gallery.
    """

    gallery: np.ndarray
    probes: np.ndarray


def gallery_and_probes(
    index: LabelIndex, split: Split, part: Literal["val", "test"], seed: int = 0
) -> GalleryAndProbes:
    """Return the identification task of one set of a split.

    Under protocols with known people, everyone is enrolled with all frames of earlier sets: training for validation,
    training and validation for test. Under ``person_disjoint`` nobody of the set was trained on. Half of its people,
    among those with two videos, are enrolled with all their videos but one and probed with that one. The others are
    strangers, and all their frames are probes.

    Args:
        index: The frames.
        split: The split of these frames.
        part: Set to use, ``val`` or ``test``.
        seed: Seed that draws who is enrolled, and with which videos.

    Raises:
        InputError: Nobody could be enrolled, or nobody would be a stranger.
    """
    rows = split.parts()[part]
    if split.protocol != "person_disjoint":
        return GalleryAndProbes(split.train if part == "val" else np.union1d(split.train, split.val), rows)
    rng = np.random.default_rng(np.random.SeedSequence([seed, *part.encode()]))
    people = np.unique(index.persons[rows])
    videos = {person: np.unique(index.videos[rows][index.persons[rows] == person]) for person in people}
    able = rng.permutation([person for person in people if len(videos[person]) > 1])
    enrolled = able[: len(people) // 2]
    if not len(enrolled) or len(enrolled) == len(people):
        raise InputError(
            f"the {part} set has {len(people)} people, {len(able)} of them with two videos: an open-set trial "
            "needs someone to enrol and a stranger; use more data or another protocol",
            column="split.protocol",
        )
    asked = [rng.choice(videos[person]) for person in enrolled]
    of_enrolled, of_probe = np.isin(index.persons[rows], enrolled), np.isin(index.videos[rows], asked)
    return GalleryAndProbes(rows[of_enrolled & ~of_probe], rows[~of_enrolled | of_probe])


def refuse_unknown_people(settings: Mapping[str, Any]) -> None:
    """Refuse settings of `make_split` whose validation set has nobody whom `gallery_and_probes` could enrol.

    With such settings every method would find nobody, and none could be chosen.

    Raises:
        InputError: The settings are of that kind.
    """
    if settings["protocol"] == "official" and settings.get("val_by", "person") == "person":
        raise InputError(
            "official would validate on people whom nobody has enrolled; set it to frame, or choose another "
            "split.protocol",
            column="split.val_by",
        )


def refuse_one_person(people: np.ndarray, source: str) -> None:
    """Refuse a training set in which nobody can be told apart.

    Args:
        people: Names of the people in the training set.
        source: Name of the data set.

    Raises:
        InputError: There are fewer than two people.
    """
    if len(people) < 2:
        raise InputError(
            f"{source} has {len(people)} person in the training set; telling people apart needs at least two",
            column="data",
        )


def columns_of(persons: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Return (n,) positions of people in a sorted list of names, -1 for those who are missing."""
    place = np.searchsorted(people, persons).clip(max=len(people) - 1)
    return np.where(people[place] == persons, place, -1)


def limited(split: Split, limit: int | None, seed: int) -> Split:
    """Keep at most so many frames of each set, the first of a seeded shuffle."""
    if limit is None:
        return split
    rng = np.random.default_rng(seed)
    parts = {name: np.sort(rng.permutation(rows)[:limit]) for name, rows in split.parts().items()}
    return Split(split.protocol, **parts)


def unseen(digests: np.ndarray, index: FrameIndex, split: Split) -> np.ndarray:
    """Return (n,) bool: which frames do not have the same pixels as a validation or test frame.

    Args:
        digests: (n,) pixel digests of additional frames that could be trained on.
        index: The frames of the split.
        split: The split of these frames.
    """
    return ~np.isin(digests, index.digests[np.concatenate([split.val, split.test])])


def _draw(units: np.ndarray, among: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Draw (n,) bool frames: a rounded random share of the units that occur among some frames."""
    names = np.unique(units[among])
    chosen = rng.permutation(names)[: round(fraction * len(names))]
    return np.isin(units, chosen)


def _draw_videos(index: LabelIndex, among: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Draw (n,) bool frames: a random share of the videos, from people who keep at least one video."""
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
