"""What a verb may write to, and how names are written into tables.

A name that a user types for an output may by mistake be that of a photo, of a label file or of a folder full of data.
So an output replaces only what the same verb has written before.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from faceline.errors import InputError
from faceline.files import is_stream

if TYPE_CHECKING:
    import pandas as pd

_STORES: Final = ("mlflow.db", "events.db", "people.db")
_OF_STORES: Final = ("artifacts", "runs")
_DATA: Final = ("training_frames_keypoints.csv", "test_frames_keypoints.csv", "youtube_faces_with_keypoints_full.csv")
_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t")


def check_output(file: Path, key: str, *, begins: Collection[bytes], inputs: Iterable[Path] = ()) -> None:
    """Refuse to write a file over something that the verb has not written itself.

    Args:
        file: A new file, one of an earlier run, a device, a pipe, or a link to one of them.
        key: That named it, for the message.
        begins: How every file that the verb writes begins; another file of the name is somebody else's.
        inputs: Files and folders that the verb reads.

    Raises:
        InputError: It is an input or lies in one, lies in a data set, a run or a store, or holds something else.
    """
    try:
        if is_stream(file):
            return
    except InputError as refusal:
        raise InputError(refusal.message, file=file, column=key) from None
    _refuse_places(file, key, inputs)
    if not file.is_file() or not file.stat().st_size:
        return
    with file.open("rb") as content:
        start = content.read(max(map(len, begins)))
    if not any(start.startswith(own) for own in begins):
        raise InputError(
            "is there already and holds something that this command does not write; choose another name, or remove it",
            file=file,
            column=key,
        )


def check_output_folder(folder: Path, key: str, *, own: Collection[str], inputs: Iterable[Path] = ()) -> None:
    """Refuse to write a set of files over files that the verb has not written itself.

    Args:
        folder: A new folder, an empty one, one of an earlier run, or one in which no file has such a name.
        key: That named it, for the message.
        own: Names of files that every run of the verb writes; where all of them are there, it has been there before.
        inputs: Files and folders that the verb reads.

    Raises:
        InputError: It is no folder, lies in a data set, a run or a store, or holds other files of these names.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file, where a folder is needed; choose another name", file=folder, column=key)
    for name in own:
        _refuse_places(folder / name, key, inputs)
    there = [name for name in own if (folder / name).exists()]
    if there and len(there) < len(own):
        raise InputError(
            f"holds a {there[0]} that this command has not written; choose another folder", file=folder, column=key
        )


def _refuse_places(file: Path, key: str, inputs: Iterable[Path]) -> None:
    target = file.resolve()
    for given in inputs:
        if _is_same(file, given):
            raise InputError("is what is read; choose another name for what is written", file=file, column=key)
    for folder in target.parents:
        if any((folder / name).exists() for name in _DATA):
            raise InputError(f"lies in the data set {folder}; choose another place", file=file, column=key)
        below = target.relative_to(folder).parts[0]
        if any((folder / name).exists() for name in _STORES) and below in (*_OF_STORES, *_STORES):
            raise InputError(f"lies in the store {folder}; choose another place", file=file, column=key)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def csv_cell(text: str) -> str:
    """A text as a cell of a CSV file: no spreadsheet takes it for a formula, and every program can read it.

    A quote goes before ``=``, ``+``, ``-``, ``@`` or a tab at the beginning, as spreadsheets expect it. A carriage
    return, and bytes of a file name that are not UTF-8, are written as ``%`` and two hexadecimal digits.
    """
    readable = "".join(f"%{ord(sign) & 0xFF:02X}" if _is_odd(sign) else sign for sign in text)
    return f"'{readable}" if readable.startswith(_STARTS_FORMULA) else readable


def _is_odd(sign: str) -> bool:
    """Whether a sign stands for a byte that is not UTF-8, or ends a line for some readers of CSV and not for others."""
    return sign == "\r" or 0xDC80 <= ord(sign) <= 0xDCFF


def csv_cells(table: "pd.DataFrame") -> "pd.DataFrame":
    """The same table with every text, the names of its columns too, as `csv_cell` writes it."""
    safe = table.copy()
    for column in safe.columns:
        if any(isinstance(value, str) for value in safe[column]):
            safe[column] = [csv_cell(value) if isinstance(value, str) else value for value in safe[column]]
    return safe.rename(columns=lambda name: csv_cell(str(name)))


def from_csv_cell(text: str) -> str:
    """The text that `csv_cell` has written."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_STARTS_FORMULA) else text
