"""Checks where a verb may write, and escapes texts in tables.

A user may type the name of a photo, a label file or a data folder as an output by mistake. So an output replaces only
what the same verb has written before.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from faceline.errors import InputError
from faceline.files import check_writable, is_stream

if TYPE_CHECKING:
    import pandas as pd

_STORES: Final = ("mlflow.db", "events.db", "people.db")
_OF_STORES: Final = ("artifacts", "runs")
_DATA: Final = ("training_frames_keypoints.csv", "test_frames_keypoints.csv", "youtube_faces_with_keypoints_full.csv")
_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t")


def check_output(file: Path, key: str, *, begins: Collection[bytes], inputs: Iterable[Path] = ()) -> None:
    """Refuse to write a file over one that the verb has not written.

    Args:
        file: New file, one of an earlier run, a device, a pipe, or a link to one of them.
        key: Setting that named it, for the message.
        begins: First bytes of every file that the verb writes; a file with other bytes belongs to somebody else.
        inputs: Files and folders that the verb reads.

    Raises:
        InputError: The file is an input, lies in an input, a data set, a run or a store, or has other content.
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


def check_report(file: Path) -> None:
    """Refuse a place for a report in JSON before the work that it reports.

    Args:
        file: Value of the setting ``output``.

    Raises:
        InputError: The file holds something else, lies in an input, a data set, a run or a store, or cannot be written.
    """
    check_output(file, "output", begins=[b"{"])
    try:
        check_writable(file)
    except OSError as error:
        told = f"cannot be written ({error.strerror}); choose another place"
        raise InputError(told, file=file, column="output") from None


def check_output_folder(folder: Path, key: str, *, own: Collection[str], inputs: Iterable[Path] = ()) -> None:
    """Refuse to write files over some that the verb has not written.

    Args:
        folder: New or empty folder, one of an earlier run, or one without files of these names.
        key: Setting that named it, for the message.
        own: Names of the files that every run of the verb writes; if all exist, an earlier run wrote them.
        inputs: Files and folders that the verb reads.

    Raises:
        InputError: It is no folder, lies in a data set, a run or a store, or holds other files with these names.
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
            raise InputError("is an input of this command; choose another output", file=file, column=key)
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
    """Return a text as a cell of a CSV file that no spreadsheet takes for a formula and every program can read.

    A quote goes before ``=``, ``+``, ``-``, ``@`` or a tab at the beginning, as spreadsheets expect. A carriage return,
    and bytes of a file name that are not UTF-8, become ``%`` and two hexadecimal digits.
    """
    readable = "".join(f"%{ord(sign) & 0xFF:02X}" if _is_odd(sign) else sign for sign in text)
    return f"'{readable}" if readable.startswith(_STARTS_FORMULA) else readable


def _is_odd(sign: str) -> bool:
    """Tell whether a character stands for a byte outside UTF-8, or ends a line for only some readers of CSV."""
    return sign == "\r" or 0xDC80 <= ord(sign) <= 0xDCFF


def csv_cells(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the same table with every text, including column names, escaped by `csv_cell`."""
    safe = table.copy()
    for column in safe.columns:
        if any(isinstance(value, str) for value in safe[column]):
            safe[column] = [csv_cell(value) if isinstance(value, str) else value for value in safe[column]]
    return safe.rename(columns=lambda name: csv_cell(str(name)))


def from_csv_cell(text: str) -> str:
    """Return the original text of a cell from `csv_cell`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_STARTS_FORMULA) else text
