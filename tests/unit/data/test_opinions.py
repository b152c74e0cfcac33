"""Training learns the mean of labels and of an annotator's opinions; nothing that is measured hears them."""

from pathlib import Path

import numpy as np
import pytest

from faceline.data.datamodule import LandmarkData
from faceline.data.opinions import COLUMNS, Opinions, read_opinions
from faceline.data.udacity import UdacityFaces
from faceline.errors import InputError
from faceline.transforms import Normalize, Pipeline, Rescale, ToTensor

PLAIN = {name: Pipeline([Rescale(32, 32), Normalize(), ToTensor()]) for name in ("train", "eval")}


class Corner:
    """A teacher that sees all landmarks in the corner of the frame."""

    size = 16

    def predict(self, squares: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, None]:
        return np.zeros((len(squares), 68, 2), dtype=np.float32), None


def data(root: Path, cache: Path) -> LandmarkData:
    return LandmarkData(
        source=UdacityFaces(root, on_error="skip"),
        split={"protocol": "official", "val_fraction": 0.25},
        transforms=PLAIN,
        size=32,
        batch_size=1,
        workers=0,
        seed=0,
        cache_dir=cache,
    )


def trained(frames: LandmarkData) -> np.ndarray:
    """The landmarks on [0, 1] that the first epoch sees, in its order."""
    return np.concatenate([landmarks.numpy() for _, landmarks, _ in frames.train_dataloader()])


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_training_sees_the_mean_and_validation_and_test_their_labels(
    udacity_like: Path, tmp_path: Path, weight: float
) -> None:
    plain, heard = data(udacity_like, tmp_path), data(udacity_like, tmp_path)
    index, split = heard.index, heard.split
    files = index.files[split.train].tolist()
    moved = {str(index.files[row]): index.landmarks[row] + index.sizes[row] * [0.2, 0.1] for row in split.train}
    assert heard.listen_to(Opinions(moved, weight)) == files
    assert np.allclose(trained(heard), trained(plain) + weight * np.array([0.2, 0.1]), atol=1e-5)
    for part in ("val", "test"):
        assert np.array_equal(heard.frames(part).landmarks, plain.frames(part).landmarks)
    assert heard.index.fingerprint == plain.index.fingerprint


def test_a_frame_that_nobody_speaks_of_keeps_its_label(udacity_like: Path, tmp_path: Path) -> None:
    frames = data(udacity_like, tmp_path)
    first = str(frames.index.files[frames.split.train[0]])
    opinions = Opinions({first: np.zeros((68, 2)), "training/Nobody_00.jpg": np.zeros((68, 2))}, 1.0)
    assert frames.listen_to(opinions) == [first]
    heard = opinions.heard(frames.store).index.landmarks
    other = frames.index.files != first
    assert (heard[~other] == 0).all() and np.array_equal(heard[other], frames.index.landmarks[other])


def test_what_a_teacher_says_is_averaged_with_opinions_too(udacity_like: Path, tmp_path: Path) -> None:
    table = udacity_like / "training_frames_keypoints.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *(row for i, row in enumerate(rows) if i % 3)]) + "\n")
    frames = data(udacity_like, tmp_path)
    taught = frames.learn_from(Corner())
    known = str(frames.index.files[frames.split.train[0]])
    where = np.full((68, 2), 10.0)
    assert frames.listen_to(Opinions({known: where, taught[0]: where}, 0.5)) == [known, taught[0]]
    assert frames.taught is not None and frames.opinions is not None
    heard = frames.opinions.heard(frames.taught.store).index
    (row,) = np.flatnonzero(heard.files == taught[0])
    assert np.allclose(heard.landmarks[row], (10 - 0.5) / 2)  # the corner of the frame is half a pixel before its first
    assert len(frames.train_dataloader()) == len(frames.split.train) + len(taught)


@pytest.mark.parametrize("part", ["val", "test"])
def test_opinions_on_what_is_measured_are_refused(udacity_like: Path, tmp_path: Path, part: str) -> None:
    frames = data(udacity_like, tmp_path)
    names = [str(frames.index.files[frames.split.parts()[each][0]]) for each in ("train", part)]
    with pytest.raises(InputError, match=f"on 1 frames that are validated or tested on, such as {names[1]}") as refused:
        frames.listen_to(Opinions({name: np.zeros((68, 2)) for name in names}, 0.5))
    assert refused.value.column == "task.opinions"
    assert frames.opinions is None


def test_opinions_on_nothing_that_is_trained_on_are_refused(udacity_like: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names no frame that is trained on"):
        data(udacity_like, tmp_path).listen_to(Opinions({"elsewhere.jpg": np.zeros((68, 2))}, 0.5))


def table(*rows: str, columns: tuple[str, ...] = COLUMNS) -> str:
    return "\n".join([",".join(columns), *rows]) + "\n"


def row(file: str, *values: object) -> str:
    return ",".join([file, *map(str, np.resize(np.array(values, dtype=object), 136))])


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "opinions.csv"
    file.write_text(table("7,9," + row("b.jpg", 1.5, 2), columns=("frame", "y99", *COLUMNS)))
    opinions = read_opinions(file, 0.4)
    assert list(opinions.landmarks) == ["b.jpg"] and opinions.weight == 0.4
    assert np.array_equal(opinions.landmarks["b.jpg"], np.tile([1.5, 2.0], (68, 1)))


@pytest.mark.parametrize(
    ("content", "words", "column"),
    [
        (None, "cannot be opened", "task.opinions"),
        ("", "is no table of landmarks", "task.opinions"),
        (table(row("a.jpg", "left", 1)), "is no table of landmarks", "task.opinions"),
        (table("a.jpg,1,2"), "is no table of landmarks", "task.opinions"),
        (table("1," * 134 + "1", columns=COLUMNS[:-2]), "lacks a column", "x67"),
        (table(row("a.jpg", 1), row("a.jpg", 2)), "has 2 rows of a.jpg", "file"),
        (table(row("a.jpg", 1), row("b.jpg", 1, "")), "leave the row out", None),
        (table(row("a.jpg", 1), row("b.jpg", 1, "nan")), "leave the row out", None),
    ],
)
def test_a_faulty_table_is_told_in_a_line(tmp_path: Path, content: str | None, words: str, column: str | None) -> None:
    file = tmp_path / "opinions.csv"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match=words) as refused:
        read_opinions(file, 0.5)
    assert refused.value.file == file and refused.value.column == column
    assert "\n" not in str(refused.value)
    if column is None:
        assert refused.value.row == 3


@pytest.mark.parametrize("weight", [-0.1, 1.5, float("nan")])
def test_a_weight_beyond_is_refused(tmp_path: Path, weight: float) -> None:
    with pytest.raises(InputError, match="expected 0 to 1") as refused:
        read_opinions(tmp_path / "any.csv", weight)
    assert refused.value.column == "task.opinion_weight"
