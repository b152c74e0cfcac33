"""Frames that are decoded while others are computed."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

AHEAD: Final = 4
"""So many frames wait decoded at most, so that memory stays flat."""

_Item = TypeVar("_Item")
_END: Final = object()


def ahead(items: Iterator[_Item], count: int = AHEAD) -> Iterator[_Item]:
    """The same items in the same order, made by another thread while the one before is in use.

    Args:
        items: Whatever it raises is raised in its place.
        count: How many are made before they are asked for.
    """
    with ThreadPoolExecutor(max_workers=1) as maker:
        waiting = deque(maker.submit(next, items, _END) for _ in range(count))
        try:
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(maker.submit(next, items, _END))
                yield item  # type: ignore[misc]
        finally:
            for future in waiting:
                future.cancel()
