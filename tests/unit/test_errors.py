"""The one kind of error that a user reads."""

import pickle

import pytest

from faceline.errors import InputError, first_line


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ({}, "wrong"),
        ({"file": "a.csv"}, "a.csv: wrong"),
        ({"file": "a.csv", "row": 3, "column": "x"}, "a.csv, row 3, column 'x': wrong"),
        ({"row": 0}, "row 0: wrong"),
    ],
)
def test_it_says_where_and_survives_the_way_between_processes(place: dict, line: str) -> None:
    error = InputError("wrong", **place)
    again = pickle.loads(pickle.dumps(error))
    assert str(error) == str(again) == line
    assert (again.file, again.row, again.column) == tuple(place.get(key) for key in ("file", "row", "column"))


@pytest.mark.parametrize(("text", "line"), [("\n  first \nsecond", "first"), ("", "ValueError")])
def test_first_line(text: str, line: str) -> None:
    assert first_line(ValueError(text)) == line
