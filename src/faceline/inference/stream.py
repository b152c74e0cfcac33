"""Decodes frames while others are computed."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

AHEAD: Final = 4
"""Most decoded frames that wait, so that memory stays constant."""

_Item = TypeVar("_Item")
_END: Final = object()


def ahead(items: Iterator[_Item], count: int = AHEAD) -> Iterator[_Item]:
    """Yield the same items in the same order; another thread makes them in advance.

    Args:
        items: Source of the items; what it raises is raised here too.
        count: Number of items that are made in advance.
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
