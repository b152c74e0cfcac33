"""Frames made ahead: the same ones in the same order, never more than a few at once."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.inference.stream import ahead


@given(st.lists(st.integers()), st.integers(1, 9))
def test_nothing_is_lost_and_the_order_stays(items: list[int], count: int) -> None:
    assert list(ahead(iter(items), count)) == items


def test_no_more_are_made_than_are_asked_for() -> None:
    made: list[int] = []

    def endless() -> Iterator[int]:
        for i in itertools.count():
            made.append(i)
            yield i

    assert list(itertools.islice(ahead(endless(), 3), 5)) == list(range(5))
    assert len(made) <= 5 + 3


def test_an_error_comes_in_its_place() -> None:
    def two_and_then_none() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("no more")

    items = ahead(two_and_then_none())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="no more"):
        next(items)
