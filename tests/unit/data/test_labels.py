"""The file of labels: the second start equals the first, and damage is made good."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceline.data.index import BadRows, FrameRow, LabelIndex
from faceline.data.labels import list_labels, read_labels
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError


class Crowd(SyntheticFaces):
    """Counts how often its rows are listed."""

    listed = 0

    def rows(self, bad: BadRows) -> list[FrameRow]:
        Crowd.listed += 1
        return super().rows(bad)


class Flat(Crowd):
    """Without depth, and with one bad row."""

    name = "flat"

    def rows(self, bad: BadRows) -> list[FrameRow]:
        bad.add(InputError("is bad", file="frame"))
        return [replace(row, landmarks3d=None) for row in super().rows(bad)]


class Half(Crowd):
    """Lists frames that nobody has labelled."""

    name = "half"

    def rows(self, bad: BadRows) -> list[FrameRow]:
        first, *others = super().rows(bad)
        return [replace(first, landmarks=np.full((68, 2), np.nan)), *others]


class Nothing(Crowd):
    name = "nothing"

    def rows(self, bad: BadRows) -> list[FrameRow]:
        return []


def crowd(kind: type[Crowd] = Crowd, **changes) -> Crowd:
    return kind(**({"people": 2, "videos": 2, "frames": 2, "test_frames": 1} | changes))


def assert_equal(one: LabelIndex, other: LabelIndex) -> None:
    assert one.fingerprint == other.fingerprint
    assert (one.dataset, one.unlabelled, one.rejected) == (other.dataset, other.unlabelled, other.rejected)
    for name in ("files", "persons", "videos", "frames", "parts", "landmarks", "landmarks3d"):
        a, b = getattr(one, name), getattr(other, name)
        if a is None or b is None:
            assert a is b
        else:
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype, name


@pytest.mark.parametrize("kind", [Crowd, Flat])
def test_the_second_start_equals_the_first_and_lists_nothing(kind: type[Crowd], tmp_path: Path) -> None:
    source = crowd(kind, on_error="skip")
    first = read_labels(source, tmp_path / "new" / "cache")
    Crowd.listed = 0
    second = read_labels(source, tmp_path / "new" / "cache")
    assert Crowd.listed == 0
    assert_equal(first, second)
    assert_equal(first, list_labels(source))
    assert len(first.rejected) == (1 if kind is Flat else 0)


@pytest.mark.parametrize("damage", [b"", b"PAR1 and nothing", None], ids=["empty", "garbage", "cut"])
def test_a_damaged_file_is_made_again(damage: bytes | None, tmp_path: Path) -> None:
    first = read_labels(crowd(), tmp_path)
    (file,) = tmp_path.glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-100] if damage is None else damage)
    assert_equal(read_labels(crowd(), tmp_path), first)
    assert_equal(read_labels(crowd(), tmp_path), first)


def test_another_set_has_another_file(tmp_path: Path) -> None:
    assert read_labels(crowd(), tmp_path).fingerprint != read_labels(crowd(seed=1), tmp_path).fingerprint
    left = [file for file in tmp_path.iterdir() if file.name != ".lock"]
    assert [file.suffix for file in left] == [".parquet"] * 2


def test_a_bad_row_stops_where_it_is_asked_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is bad"):
        read_labels(crowd(Flat), tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


def test_a_source_without_a_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing has no usable label"):
        read_labels(crowd(Nothing), tmp_path)


def test_frames_without_landmarks_are_refused_by_a_later_start_too(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(InputError, match=r"half lists frames without landmarks.*data\.source\.unlabelled=false"):
            read_labels(crowd(Half), tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="the cache cannot be written"):
        read_labels(crowd(), tmp_path / "file" / "cache")
